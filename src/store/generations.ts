import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CANONICAL_VERSION } from "../intel/canonical.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { currentName, type Manifest, manifestName, readableManifests, readManifest } from "./generations-files.ts";
import { type OpenGeneration, openManifest } from "./generations-open.ts";
import { readQuarantine } from "./generations-quarantine.ts";
import type { GenerationStore, UpdateRequest, UpdateResult } from "./generations-types.ts";
import { updateGeneration } from "./generations-update.ts";
import { verifyGeneration } from "./generations-verify.ts";

export interface GenerationStoreOptions {
  readonly dir: string;
  readonly log: Log;
  /** Beside the process that writes: nothing is created, changed or cleaned up, and `update` is refused. */
  readonly readOnly?: boolean;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

/**
 * Opens the folder (made on demand). A current generation that is damaged is refused loudly and the newest one that is whole
 * serves instead, with its own cursors, so that the next sync makes up for the difference.
 */
export function openGenerations({
  dir,
  log,
  readOnly = false,
  now = Date.now,
}: GenerationStoreOptions): GenerationStore {
  if (!readOnly) mkdirSync(dir, { recursive: true, mode: 0o750 });
  const bad = new Set<string>();
  let { named, current } = openCurrent(dir, log, bad);
  let handedOut = false;
  let busy: Promise<unknown> = Promise.resolve();

  async function updateNow(request: UpdateRequest): Promise<UpdateResult> {
    const seed = current?.manifest.seed ?? newSeed();
    const { result, opened } = await updateGeneration({ dir, log, now, bad, current, seed }, request);
    if (opened) {
      supersede(opened);
      named = manifestName(opened.id);
    }
    return result;
  }

  /** A generation that nobody was given has nobody to close it: a first pull in parts makes many. */
  function supersede(next: OpenGeneration): void {
    if (!handedOut) current?.index.close();
    current = next;
    handedOut = false;
  }

  return {
    current() {
      handedOut = true;
      return current;
    },
    // Values spelled by other rules would miss what they should match: without its cursor the feed comes whole.
    cursor(feed) {
      const entry = feedEntry(current, feed);
      return entry?.canonical === CANONICAL_VERSION ? entry.cursor : undefined;
    },
    feeds: () => Object.keys(current?.manifest.feeds ?? {}),
    partialFeeds: () =>
      Object.entries(current?.manifest.feeds ?? {}).flatMap(([feed, { partial }]) => (partial ? [feed] : [])),
    update(request: UpdateRequest) {
      if (readOnly) {
        return Promise.reject(new TiplineError("TIP_INTERNAL", "this store of generations was opened to read only"));
      }
      // One after the other: each builds on the generation that the one before made.
      const next = busy.then(() => updateNow(request));
      busy = next.catch(() => undefined);
      return next;
    },
    *quarantine() {
      const file = current?.manifest.quarantine;
      yield* readQuarantine(file ? join(dir, file) : undefined);
    },
    refresh() {
      const newest = currentName(dir);
      if (newest === named) return false;
      const next = openCurrent(dir, log, bad);
      named = next.named;
      const opened = next.current;
      if (opened === undefined || opened.id === current?.id) {
        opened?.index.close();
        return false;
      }
      supersede(opened);
      return true;
    },
    verify: () => [...refusedName(dir, named, current), ...(current ? verifyGeneration(dir, current.manifest) : [])],
    close() {
      current?.index.close();
      current = undefined;
    },
  };
}

/** The generation that should be in force, when another one serves in its place. */
function refusedName(dir: string, named: string | undefined, current: OpenGeneration | undefined): readonly string[] {
  if (named === undefined || (current && named === manifestName(current.id))) return [];
  return [
    `${join(dir, named)}: damaged and refused; ${current ? `generation ${current.id} serves instead` : "none serves"}`,
  ];
}

function newSeed(): { readonly a: number; readonly b: number } {
  const bytes = randomBytes(8);
  return { a: bytes.readUInt32LE(0), b: bytes.readUInt32LE(4) };
}

function feedEntry(generation: OpenGeneration | undefined, feed: string) {
  const feeds = generation?.manifest.feeds ?? {};
  return Object.hasOwn(feeds, feed) ? feeds[feed] : undefined;
}

const MOST_TRIES = 5;

/**
 * Opens what `current` names. Beside a writer the files may go between reading the name and opening them; then `current`
 * names another generation by now, and nothing is damaged.
 */
function openCurrent(dir: string, log: Log, bad: Set<string>): Current {
  let named = currentName(dir);
  for (let attempt = 1; named !== undefined && attempt < MOST_TRIES; attempt++) {
    try {
      return { named, current: openManifest(dir, readManifest(dir, named)) };
    } catch {
      const now = currentName(dir);
      if (now === named) break;
      named = now;
    }
  }
  return { named, current: openNewest(dir, named, log, bad) };
}

interface Current {
  /** Name of the manifest that should be in force. */
  readonly named: string | undefined;
  readonly current: OpenGeneration | undefined;
}

function openNewest(dir: string, named: string | undefined, log: Log, bad: Set<string>): OpenGeneration | undefined {
  if (named === undefined) return undefined;
  let wanted: Manifest | undefined;
  try {
    wanted = readManifest(dir, named);
    return openManifest(dir, wanted);
  } catch (error) {
    if (wanted) bad.add(wanted.id);
    log.error("the current generation is damaged and refused", { manifest: named, error: asError(error) });
  }
  for (const manifest of readableManifests(dir)) {
    if (bad.has(manifest.id) || (wanted && manifest.seq >= wanted.seq)) continue;
    try {
      const opened = openManifest(dir, manifest);
      log.error("an older generation serves instead; sync to make a new one", {
        generation: manifest.id,
        created: new Date(manifest.createdAt).toISOString(),
      });
      return opened;
    } catch (error) {
      bad.add(manifest.id);
      log.error("an older generation is damaged and refused", { generation: manifest.id, error: asError(error) });
    }
  }
  log.error("no generation is whole: nothing is matched until the next sync", { dir });
  return undefined;
}
