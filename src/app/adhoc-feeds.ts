import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Feed, FeedProgress } from "../contract/feed.ts";
import { CANONICAL_VERSION } from "../intel/canonical.ts";
import { systemClock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { waitForLock } from "../lib/wait-lock.ts";
import { FEEDS } from "../registry.gen.ts";
import { openGenerations } from "../store/generations.ts";
import type { GenerationStore } from "../store/generations-types.ts";

const CACHED_MOST = 8;
/** Rises when feeds of the same content are read otherwise: caches of before are then built anew. */
const READING = 2;
/** How long a command waits for another one that fetches the same feeds. */
const PATIENCE_MS = 600_000;

/** Ad-hoc feeds of a command line: no configuration, no state. */
export interface AdhocOptions {
  /** Folders, files or URLs, as typed. */
  readonly feeds: readonly string[];
  readonly cacheDir: string;
  readonly log: Log;
  readonly onProgress?: (feed: string, progress: FeedProgress) => void;
}

/**
 * Builds the feeds into a generation, or opens the one built before from the same content (local feeds: digest of every
 * file; URLs: the feed's own cursor decides what is fetched again). Throws when any of them cannot be read: half a feed is
 * worse than none on a command line.
 */
export async function openAdhoc(options: AdhocOptions): Promise<GenerationStore> {
  const digest = createHash("sha256").update(`canonical ${CANONICAL_VERSION} ${READING}\n`);
  for (const spec of options.feeds) digest.update(`${spec.length}:${isUrl(spec) ? spec : await contentDigest(spec)}`);
  const remote = options.feeds.some(isUrl);
  const root = join(options.cacheDir, "feeds");
  const home = join(root, digest.digest("hex").slice(0, 32));
  if (remote) return pullAlone(home, options);
  if (existsSync(home)) {
    utimesSync(home, new Date(), new Date());
    const store = openGenerations({ dir: home, log: options.log, readOnly: true });
    if (store.current() !== undefined) return store;
    store.close();
    rmSync(home, { recursive: true, force: true });
  }
  return build(root, home, options);
}

/** Another process may build the same feed: each builds aside, and the first rename wins. */
async function build(root: string, home: string, options: AdhocOptions): Promise<GenerationStore> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  prune(root);
  const aside = `${home}.${process.pid}.part`;
  rmSync(aside, { recursive: true, force: true });
  try {
    (await pullInto(aside, options)).close();
    try {
      renameSync(aside, home);
    } catch (thrown) {
      if (!existsSync(home)) throw thrown;
      rmSync(aside, { recursive: true, force: true });
    }
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    throw error;
  }
  return openGenerations({ dir: home, log: options.log, readOnly: true });
}

/** What is on the web is brought up to date in place: one process at a time, the others then find it so. */
async function pullAlone(home: string, options: AdhocOptions): Promise<GenerationStore> {
  // Beside the caches: a lock must not go when a cache is pruned.
  const lock = join(options.cacheDir, "locks", basename(home));
  const release = await waitForLock(lock, systemClock, PATIENCE_MS, () =>
    options.log.warn("another process fetches the same feeds; waiting for it", { lock }),
  );
  try {
    return await pullInto(home, options);
  } finally {
    release();
  }
}

async function pullInto(dir: string, options: AdhocOptions): Promise<GenerationStore> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const store = openGenerations({ dir, log: options.log });
  const names = new Set<string>();
  for (const spec of options.feeds) {
    const name = uniqueName(spec, names);
    const feed = await adhocFeed(spec, name, options);
    try {
      const pull = await feed.pull(store.cursor(name), new AbortController().signal, (progress) =>
        options.onProgress?.(name, progress),
      );
      if (pull.mode === "unchanged") continue;
      const { feeds } = await store.update({ changes: [{ feed: name, pull }], confirmShrink: [name] });
      const failed = feeds.find(({ status }) => status === "failed");
      if (failed?.error) throw failed.error;
    } catch (error) {
      store.close();
      throw error;
    } finally {
      await feed.close?.();
    }
  }
  return store;
}

async function adhocFeed(spec: string, name: string, { cacheDir, log }: AdhocOptions): Promise<Feed> {
  const type = feedType(spec);
  const definition = (await FEEDS[type]()).default;
  const place = isUrl(spec) ? { url: spec } : { path: resolve(spec) };
  const settings = definition.config.safeParse(isCsv(spec) ? { ...place, format: "csv" } : place);
  if (!settings.success) throw new TiplineError("TIP_USAGE_INVALID", `--feed ${spec}: ${settings.error.message}`);
  const context = {
    name,
    log: log.child({ feed: name }),
    clock: systemClock,
    cacheDir: join(cacheDir, "downloads", name),
  };
  return (definition.create as (config: unknown, context: object) => Feed | Promise<Feed>)(settings.data, context);
}

/** Folders and `.json` are MISP's format; `.csv`, `.txt` and the like are lists of one indicator a line (of CSV the first column). */
function feedType(spec: string): "misp-feed" | "list-file" {
  const list = /\.(?:csv|tsv|txt|lst|list|ioc|iocs|ipset|netset)(?:\.(?:gz|zip))?$/i;
  return list.test(pathOf(spec)) ? "list-file" : "misp-feed";
}

function isCsv(spec: string): boolean {
  return /\.csv(?:\.(?:gz|zip))?$/i.test(pathOf(spec));
}

function pathOf(spec: string): string {
  return isUrl(spec) ? new URL(spec).pathname : spec;
}

function isUrl(spec: string): boolean {
  if (!/^https?:\/\//i.test(spec)) return false;
  if (URL.canParse(spec)) return true;
  throw new TiplineError("TIP_USAGE_INVALID", `--feed ${spec}: expected a folder, a file or a URL that can be read`);
}

function uniqueName(spec: string, taken: Set<string>): string {
  const base = isUrl(spec)
    ? new URL(spec).hostname
    : basename(resolve(spec)).replace(/\.(?:json|csv|txt|gz|zip)+$/gi, "");
  const clean =
    base
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, "-")
      .slice(0, 40) || "feed";
  let name = clean;
  for (let count = 2; taken.has(name); count++) name = `${clean}-${count}`;
  taken.add(name);
  return name;
}

async function contentDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    for (const file of filesBelow(path)) {
      hash.update(`\n${file}\n`);
      for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
    }
  } catch (error) {
    throw new TiplineError("TIP_FEED_INVALID", `--feed ${path}: ${asError(error).message}`, { cause: error });
  }
  return hash.digest("hex");
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [resolve(path)];
  // Links are followed, as the feed follows them: their content counts.
  return readdirSync(path)
    .map((name) => join(resolve(path), name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
    .sort();
}

/** Keeps the most recently used caches. */
function prune(root: string): void {
  const caches = readdirSync(root)
    // Another process may rename or remove its own meanwhile.
    .map((name) => ({ name, used: statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.used - a.used);
  for (const { name } of caches.slice(CACHED_MOST - 1)) rmSync(join(root, name), { recursive: true, force: true });
}
