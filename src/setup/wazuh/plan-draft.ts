import { realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import { asError, TiplineError } from "../../lib/errors.ts";
import {
  type FileState,
  folderOwner,
  listFolder,
  type Owner,
  type Place,
  readState,
  sameState,
} from "./install-files.ts";
import type { Installation } from "./installation.ts";
import type { FileChange, NamedOwner } from "./plan.ts";

interface Entry {
  readonly place: Place;
  readonly found: FileState | undefined;
  wanted: FileState | undefined;
  readonly why: string[];
  owner?: NamedOwner;
  keep?: boolean;
  secret?: boolean;
}

export interface WriteOptions {
  /** For a file that is not there yet, or to give it another owner and mode. */
  readonly owner?: Owner;
  readonly named?: NamedOwner;
  readonly keep?: boolean;
  readonly secret?: boolean;
}

/**
 * Files as they shall be, one change a file however many reasons there are. Text is held one character a byte (latin1), so that what
 * is not touched stays as it is whatever its encoding.
 */
export class Draft {
  readonly prefix: string;
  readonly #entries = new Map<string, Entry>();
  constructor(prefix: string) {
    this.prefix = realpathSync(prefix);
  }

  /** Below the prefix every folder is walked without following links; elsewhere the folder is taken as it was given. */
  place(path: string): Place {
    const below = relative(this.prefix, path);
    if (below !== "" && !below.startsWith("..") && !isAbsolute(below)) return { anchor: this.prefix, path };
    return outside(path);
  }

  /** The file as it shall be, so far. */
  read(path: string): FileState | undefined {
    return this.#entry(path).wanted;
  }

  text(path: string): string | undefined {
    return this.read(path)?.bytes.toString("latin1");
  }

  found(path: string): FileState | undefined {
    return this.#entry(path).found;
  }

  write(path: string, text: string, why: string, options: WriteOptions = {}): void {
    const entry = this.#entry(path);
    const owner = options.owner ?? entry.wanted;
    if (!owner) throw new TiplineError("TIP_INTERNAL", `expected an owner for the new file ${path}`);
    const { mode, uid, gid } = owner;
    const wanted = { bytes: Buffer.from(text, "latin1"), mode, uid, gid };
    if (sameState(wanted, entry.wanted)) return;
    entry.wanted = wanted;
    entry.why.push(why);
    if (options.named) entry.owner = options.named;
    if (options.keep !== undefined) entry.keep = options.keep;
    if (options.secret !== undefined) entry.secret = options.secret;
  }

  remove(path: string, why: string): void {
    const entry = this.#entry(path);
    if (!entry.wanted) return;
    entry.wanted = undefined;
    entry.why.push(why);
  }

  /** Names in a folder as it is. */
  list(folder: string): readonly string[] {
    return listFolder(this.place(folder));
  }

  changes(): readonly FileChange[] {
    return [...this.#entries.values()]
      .filter(({ found, wanted }) => !sameState(found, wanted))
      .map(({ place, found, wanted, why, owner, keep, secret }) => ({
        kind: "file",
        place,
        found,
        wanted,
        why: why.join("; "),
        ...(owner && { owner }),
        ...(keep !== undefined && { keep }),
        ...(secret !== undefined && { secret }),
      }));
  }

  #entry(path: string): Entry {
    const known = this.#entries.get(path);
    if (known) return known;
    const place = this.place(path);
    const found = readState(place);
    const entry: Entry = { place, found, wanted: found, why: [] };
    this.#entries.set(path, entry);
    return entry;
  }
}

function outside(path: string): Place {
  // The nearest folder that is there: what is missing below it may be made by the same plan.
  let folder = dirname(path);
  for (;;) {
    try {
      const anchor = realpathSync(folder);
      return { anchor, path: join(anchor, relative(folder, path)) };
    } catch (cause) {
      const parent = dirname(folder);
      if (parent === folder)
        throw new TiplineError("TIP_INPUT_INVALID", `${path} cannot be reached: ${asError(cause).message}`, { cause });
      folder = parent;
    }
  }
}

/** Who owns a new file of the manager: as its neighbour, else the manager's user, else as its folder. */
export function ownerLike(
  draft: Draft,
  installation: Installation,
  folder: string,
  neighbour: string,
  mode: number,
): Owner {
  const beside = draft.found(join(folder, neighbour));
  const { user } = installation;
  if (beside && (!user || beside.uid === user.uid || beside.gid === user.gid))
    return { mode, uid: beside.uid, gid: beside.gid };
  if (user) return { mode, ...user };
  const own = folderOwner(draft.place(folder));
  if (!own) throw new TiplineError("TIP_INPUT_INVALID", `${folder}: expected a folder, found none`);
  return { mode, uid: own.uid, gid: own.gid };
}

/** True when the manager's user may read a file of this owner and mode. */
export function readable({ mode, uid, gid }: Owner, { user }: Installation): boolean {
  if (!user) return (mode & 0o044) !== 0;
  if (user.uid === 0 || (uid === user.uid && (mode & 0o400) !== 0)) return true;
  return (gid === user.gid && (mode & 0o040) !== 0) || (mode & 0o004) !== 0;
}
