import { closeSync, openSync, realpathSync } from "node:fs";
import { join, relative } from "node:path";
import { z } from "zod";
import { asError, TiplineError } from "../../lib/errors.ts";
import { tryLock } from "../../lib/file-lock.ts";
import {
  type FileState,
  folderOwner,
  listFolder,
  makeFolder,
  type Place,
  readState,
  removeFile,
  removeFolder,
  removeTree,
  writeState,
} from "./install-files.ts";
import type { Change } from "./plan.ts";

const place = z.strictObject({ anchor: z.string().startsWith("/"), path: z.string().startsWith("/") });
const owner = z.strictObject({
  mode: z.number().int().min(0).max(0o7777),
  uid: z.number().int().nonnegative(),
  gid: z.number().int().nonnegative(),
});
/** `copy`: where the bytes are, below the store. */
const copied = owner.extend({ copy: z.string().regex(/^[^/].*$/) }).nullable();
const name = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/);
const common = {
  why: z.string(),
  gone: z.boolean(),
  keep: z.boolean(),
  owner: z.strictObject({ user: name.optional(), group: name.optional() }).optional(),
};
const change = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("file"),
    place,
    found: copied,
    wanted: copied,
    secret: z.boolean().optional(),
    ...common,
  }),
  z.strictObject({ kind: z.literal("folder"), place, wanted: owner, ...common }),
  z.strictObject({
    kind: z.literal("account"),
    account: z.discriminatedUnion("what", [
      z.strictObject({ what: z.literal("group"), name }),
      z.strictObject({ what: z.literal("user"), name, group: name, home: z.string() }),
      z.strictObject({ what: z.literal("member"), name, group: name }),
    ]),
    ...common,
  }),
]);
const run = z.strictObject({
  version: z.literal(1),
  /** Name of its folder in the store. */
  stamp: z.string().regex(/^[0-9TZ.-]{8,40}$/),
  what: z.enum(["install", "uninstall"]),
  changes: z.array(change),
  reload: z.enum(["none", "ruleset", "restart"]),
  options: z.record(z.string(), z.unknown()),
});
/** `next`: the list of runs that count from now on; set when all is done but for writing it. */
const running = run.extend({ reloading: z.boolean(), next: z.array(run).nullable() });
const runs = z.strictObject({ version: z.literal(1), runs: z.array(run) });

export type RunRecord = z.output<typeof run>;
export type RunningRecord = z.output<typeof running>;
export type RecordedChange = RunRecord["changes"][number];

/** In the lock: the folder that the store is in is ours as well. */
const MADE_PARENT = "backup/ made";

/**
 * Where every installation's own memory is: `<prefix>/backup/tipline`, a folder that only its owner may enter. For each run a
 * folder with what was found and what was put there, as files with their owners and modes; `installed.json` names the runs that
 * count; `running.json` is there while one is under way, so that the next can take it back.
 */
export class Store {
  readonly prefix: string;
  readonly folder: string;
  #lock: number | undefined;
  constructor(prefix: string) {
    this.prefix = realpathSync(prefix);
    this.folder = join(this.prefix, "backup", "tipline");
  }

  at(path: string): Place {
    return { anchor: this.prefix, path: path === "" ? this.folder : join(this.folder, path) };
  }

  /** Makes the folder and keeps others out until `close`. Throws TIP_STATE_LOCKED while another run is under way. */
  open(): void {
    const uid = process.geteuid?.() ?? 0;
    const gid = process.getegid?.() ?? 0;
    const parent: Place = { anchor: this.prefix, path: join(this.prefix, "backup") };
    const madeParent = makeFolder(parent, { mode: 0o750, uid, gid });
    makeFolder(this.at(""), { mode: 0o700, uid, gid });
    this.#refuseForeign();
    const bytes = Buffer.from(madeParent ? MADE_PARENT : "");
    if (readState(this.at("lock")) === undefined) writeState(this.at("lock"), { bytes, mode: 0o600, uid, gid });
    this.#lock = openSync(this.at("lock").path, "r");
    if (!tryLock(this.#lock))
      throw new TiplineError("TIP_STATE_LOCKED", `another install or uninstall is under way in ${this.prefix}`);
  }

  /** True when there is anything of an earlier run. */
  exists(): boolean {
    if (folderOwner(this.at("")) === undefined) return false;
    this.#refuseForeign();
    return true;
  }

  /** Lets others in; a store that holds nothing is removed, and its parent where this made it. */
  close(): void {
    if (this.#lock === undefined) return;
    const names = listFolder(this.at(""));
    if (names.every((entry) => entry === "lock")) this.purge();
    closeSync(this.#lock);
    this.#lock = undefined;
  }

  /** Everything of it goes. */
  purge(): void {
    const madeParent = readState(this.at("lock"))?.bytes.toString() === MADE_PARENT;
    removeTree(this.at(""));
    if (madeParent) removeFolder({ anchor: this.prefix, path: join(this.prefix, "backup") });
  }

  /** Copies what is found and wanted, owners and modes kept, and gives the record of it. */
  copy(
    what: RunRecord["what"],
    stamp: string,
    plan: { changes: readonly Change[]; reload: RunRecord["reload"] },
    options: Readonly<Record<string, unknown>>,
  ): RunRecord {
    const changes = plan.changes.map((item): RecordedChange => {
      const named = item.kind === "account" ? undefined : item.owner;
      const gone = item.kind !== "file" && item.gone === true;
      const shared = { why: item.why, keep: item.keep === true, gone, ...(named && { owner: named }) };
      if (item.kind === "account") return { kind: "account", account: item.account, ...shared };
      if (item.kind === "folder") return { kind: "folder", place: item.place, wanted: item.wanted, ...shared };
      const found = this.#copyState(stamp, "found", item.place.path, item.found);
      const wanted = this.#copyState(stamp, "installed", item.place.path, item.wanted);
      const secret = item.secret === true && { secret: true };
      return { kind: "file", place: item.place, found, wanted, ...secret, ...shared };
    });
    return { version: 1, stamp, what, changes, reload: plan.reload, options: { ...options } };
  }

  #copyState(stamp: string, kind: "found" | "installed", path: string, state: FileState | undefined) {
    if (!state) return null;
    const below = relative(this.prefix, path);
    const copy = join(stamp, kind, below.startsWith("..") ? join("outside", path) : below);
    const parts = copy.split("/").slice(0, -1);
    for (let n = 1; n <= parts.length; n++) this.#folder(parts.slice(0, n).join("/"));
    const { bytes, mode, uid, gid } = state;
    writeState(this.at(copy), state);
    if (!readState(this.at(copy))?.bytes.equals(bytes))
      throw new TiplineError("TIP_STATE_CORRUPT", `the backup of ${path} reads back otherwise than it was written`);
    return { copy, mode, uid, gid };
  }

  #folder(path: string): void {
    makeFolder(this.at(path), { mode: 0o700, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 });
  }

  /** The bytes of a recorded state. */
  load(recorded: { copy: string; mode: number; uid: number; gid: number } | null): FileState | undefined {
    if (recorded === null) return undefined;
    const { copy, mode, uid, gid } = recorded;
    const state = readState(this.at(copy));
    if (!state) throw new TiplineError("TIP_STATE_CORRUPT", `the backup ${this.at(copy).path} is not there any more`);
    return { bytes: state.bytes, mode, uid, gid };
  }

  readRunning(): RunningRecord | undefined {
    return this.#read("running.json", running);
  }

  writeRunning(record: RunningRecord | undefined): void {
    this.#write("running.json", record);
  }

  /** The runs that count, oldest first. */
  readInstalled(): readonly RunRecord[] {
    return this.#read("installed.json", runs)?.runs ?? [];
  }

  writeInstalled(records: readonly RunRecord[]): void {
    this.#write("installed.json", records.length === 0 ? undefined : { version: 1, runs: records });
  }

  dropCopies(stamp: string): void {
    removeTree(this.at(stamp));
  }

  #write(file: string, value: object | undefined): void {
    if (value === undefined) {
      removeFile(this.at(file));
      return;
    }
    const bytes = Buffer.from(`${JSON.stringify(value, undefined, 1)}\n`);
    writeState(this.at(file), { bytes, mode: 0o600, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 });
  }

  #read<T>(file: string, schema: z.ZodType<T>): T | undefined {
    const state = readState(this.at(file));
    if (!state) return undefined;
    try {
      return schema.parse(JSON.parse(state.bytes.toString("utf8")));
    } catch (cause) {
      throw new TiplineError(
        "TIP_STATE_CORRUPT",
        `${this.at(file).path} cannot be understood: ${asError(cause).message.slice(0, 300)}. Its folder has the copies of what was found; put them back by hand and remove it`,
        { cause },
      );
    }
  }

  /** What is in the store decides what is written and where: nobody else may be able to put it there. */
  #refuseForeign(): void {
    const is = folderOwner(this.at(""));
    if (is && (is.uid !== (process.geteuid?.() ?? is.uid) || (is.mode & 0o077) !== 0))
      throw new TiplineError(
        "TIP_INPUT_INVALID",
        `${this.folder}: expected a folder of user ${process.geteuid?.()} that only it may enter, found mode ${is.mode.toString(8)} of user ${is.uid}: run as that user, or look at what is in it and remove it`,
      );
  }
}
