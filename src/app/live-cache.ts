import { createHash } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CANONICAL_VERSION } from "../intel/canonical.ts";
import { asError, systemCode } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Indicator } from "../model/indicator.ts";

/** What one server answered about one value. */
export interface CachedAnswer {
  /** Epoch milliseconds. */
  readonly at: number;
  /** False: the server has more than was read. */
  readonly complete: boolean;
  /** Empty: it knows nothing of the value. */
  readonly indicators: readonly Indicator[];
}

/** Answers of one server under one key and one set of filters, in memory and in a file that only its owner can read. */
export interface LiveCache {
  /** Whatever is held, however old; see `isFresh`. */
  get(value: string): CachedAnswer | undefined;
  put(value: string, answer: CachedAnswer): void;
  /** Writes what is new; a cache that cannot be written is a loss of time only, and is logged. */
  save(): void;
}

export const HIT_TTL_MS = 3_600_000;
export const NEGATIVE_TTL_MS = 900_000;
/** Older answers are not even shown when the server cannot be asked. */
const OLDEST_MS = 7 * 86_400_000;

const MOST_ENTRIES = 20_000;
const MOST_BYTES = 32 * 1024 * 1024;
const MOST_FILES = 16;
const FORMAT = `1/${CANONICAL_VERSION}`;

export function isFresh({ at, indicators }: CachedAnswer, now: number): boolean {
  const age = now - at;
  return age >= 0 && age < (indicators.length > 0 ? HIT_TTL_MS : NEGATIVE_TTL_MS);
}

export interface CacheOptions {
  /** Undefined: in memory alone. */
  readonly dir: string | undefined;
  /** What tells answers apart: server, key, filters. Only a digest of it is written. */
  readonly identity: readonly string[];
  readonly now: () => number;
  readonly log: Log;
}

const text = z.string();
const event = z.looseObject({ uuid: text, info: text, tags: z.array(text) });
const report = z.looseObject({
  feed: text,
  event,
  attributeUuid: text,
  attributeType: text,
  attributeValue: text,
  tags: z.array(text),
});
const indicator = z.object({
  type: text,
  pattern: z.enum(["exact", "subdomains", "cidr"]),
  value: text,
  reports: z.array(report),
});
const stored = z.object({
  format: z.literal(FORMAT),
  entries: z.array(
    z.tuple([text, z.object({ at: z.number(), complete: z.boolean(), indicators: z.array(indicator) })]),
  ),
});

export function openLiveCache({ dir, identity, now, log }: CacheOptions): LiveCache {
  const digest = createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 32);
  const file = dir === undefined ? undefined : join(dir, `${digest}.json`);
  const entries = file === undefined ? new Map<string, CachedAnswer>() : load(file, log);
  const oldest = now() - OLDEST_MS;
  for (const [value, { at }] of entries) if (at < oldest || at > now()) entries.delete(value);
  let changed = false;
  return {
    get: (value) => entries.get(value),
    put(value, answer) {
      // Taken out first, so that the order of the map is that of the answers.
      entries.delete(value);
      entries.set(value, answer);
      changed = true;
      for (const first of entries.keys()) {
        if (entries.size <= MOST_ENTRIES) break;
        entries.delete(first);
      }
    },
    save() {
      if (!changed || dir === undefined || file === undefined) return;
      changed = false;
      try {
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        write(file, entries);
        prune(dir);
      } catch (error) {
        log.warn("answers of live lookups cannot be kept", { file, reason: asError(error).message });
      }
    },
  };
}

function load(file: string, log: Log): Map<string, CachedAnswer> {
  try {
    if (statSync(file).size > MOST_BYTES) throw new Error("too large");
    const { entries } = stored.parse(JSON.parse(readFileSync(file, "utf8")));
    return new Map(entries as unknown as [string, CachedAnswer][]);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") log.debug("kept answers are not usable and are asked again", { file });
    return new Map();
  }
}

/** Newest entries first until the bound; the file appears whole or not at all. */
function write(file: string, entries: ReadonlyMap<string, CachedAnswer>): void {
  const rows: string[] = [];
  let bytes = 0;
  for (const entry of [...entries].reverse()) {
    const row = JSON.stringify(entry);
    bytes += Buffer.byteLength(row) + 1;
    if (bytes > MOST_BYTES - 1024) break;
    rows.push(row);
  }
  const aside = `${file}.${process.pid}.part`;
  rmSync(aside, { force: true });
  const fd = openSync(aside, "wx", 0o600);
  try {
    writeFileSync(fd, `{"format":${JSON.stringify(FORMAT)},"entries":[${rows.reverse().join(",\n")}]}\n`);
  } finally {
    closeSync(fd);
  }
  renameSync(aside, file);
}

function prune(dir: string): void {
  const files = readdirSync(dir)
    .filter((name) => /^[0-9a-f]{32}\.json$/.test(name))
    .map((name) => ({ path: join(dir, name), mtimeMs: statSync(join(dir, name)).mtimeMs }))
    .sort((a, b) => b.mtimeMs - a.mtimeMs);
  for (const { path } of files.slice(MOST_FILES)) rmSync(path, { force: true });
}
