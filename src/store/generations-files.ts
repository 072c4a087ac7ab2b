import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Seed } from "../intel/index/hash.ts";
import { asError, systemCode, TiplineError } from "../lib/errors.ts";
import type { JsonValue } from "../model/json.ts";

/** One segment of a generation; its files are `<name>.idx` and `<name>.ctx`. */
export interface LayerEntry {
  readonly name: string;
  readonly indexBytes: number;
  readonly contextBytes: number;
  readonly reports: number;
  /** Feeds that it has reports of or withdraws something from. */
  readonly touches: readonly string[];
  /** Feeds of which it withdraws everything older. */
  readonly replaces: readonly string[];
}

export interface FeedEntry {
  readonly cursor: JsonValue;
  /** CANONICAL_VERSION that its values are spelled by. */
  readonly canonical: number;
  readonly reports: number;
  readonly quarantined: number;
  /** Epoch milliseconds of the last pull that counted. */
  readonly updatedAt: number;
  /** Its first pull came in parts, of which some are to come. */
  readonly partial?: true;
}

/** What a generation is made of. */
export interface Manifest {
  readonly format: 1;
  readonly id: string;
  /** Rises by one per generation. */
  readonly seq: number;
  readonly createdAt: number;
  readonly seed: Seed;
  readonly layers: readonly LayerEntry[];
  readonly feeds: Readonly<Record<string, FeedEntry>>;
  /** NDJSON file of what was refused, or null. */
  readonly quarantine: string | null;
}

const CURRENT = "current";
const MANIFEST_NAME = /^generation-[0-9TZ]{15,16}-[0-9a-f]{8}\.json$/;
const OWN_FILES =
  /^(?:generation-.{1,60}\.json|segment-[0-9a-z-]{1,60}\.(?:idx|ctx)|quarantine-[0-9a-z-]{1,60}\.ndjson|.{1,80}\.tmp)$/i;
/** Generations whose files stay: the current one and the one to fall back to. */
const KEPT = 2;

export const manifestName = (id: string): string => `generation-${id}.json`;

/** Sorts by time and tells contents apart: `20261121T231455-1a2b3c4d`. */
export function newGenerationId(createdAt: number, content: string): string {
  const time = new Date(createdAt).toISOString().slice(0, 19).replace(/[-:]/g, "");
  return `${time}-${sha256(content).slice(0, 8)}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Writes the manifest and then makes it current; each step is on the disk before the next begins. */
export function commitManifest(dir: string, manifest: Manifest): void {
  const text = JSON.stringify(manifest);
  replaceFile(dir, manifestName(manifest.id), `${sha256(text)}\n${text}\n`);
  replaceFile(dir, CURRENT, `${manifestName(manifest.id)}\n`);
}

function replaceFile(dir: string, name: string, content: string): void {
  const temporary = join(dir, `${name}.tmp`);
  const fd = openSync(temporary, "w", 0o640);
  try {
    const bytes = Buffer.from(content);
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, join(dir, name));
  syncDir(dir);
}

/** New names in the folder are on the disk. */
export function syncDir(dir: string): void {
  const fd = openSync(dir, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Name of the current manifest, or undefined when there was never one. */
export function currentName(dir: string): string | undefined {
  try {
    const name = readFileSync(join(dir, CURRENT), "utf8").trim();
    return MANIFEST_NAME.test(name) ? name : undefined;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return undefined;
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `the generations in ${dir} cannot be read: ${asError(thrown).message}: run as the user (or in the group) that Tipline runs as`,
      { cause: thrown },
    );
  }
}

/** Throws TIP_SEGMENT_CORRUPT unless the file is as it was written. */
export function readManifest(dir: string, name: string): Manifest {
  const path = join(dir, name);
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (thrown) {
    throw new TiplineError("TIP_SEGMENT_CORRUPT", `${path}: ${asError(thrown).message}`, { cause: thrown });
  }
  const [sum, text] = content.split("\n", 2);
  if (text === undefined || sum !== sha256(text)) {
    throw new TiplineError("TIP_SEGMENT_CORRUPT", `${path}: checksum of the manifest is wrong`);
  }
  const manifest = JSON.parse(text) as Manifest;
  if (manifest.format !== 1) {
    throw new TiplineError("TIP_SEGMENT_CORRUPT", `${path}: expected format 1, found ${String(manifest.format)}`);
  }
  return manifest;
}

/** All manifests that can be read, newest first. */
export function readableManifests(dir: string): readonly Manifest[] {
  const manifests: Manifest[] = [];
  for (const name of readdirSync(dir)) {
    if (!MANIFEST_NAME.test(name)) continue;
    try {
      manifests.push(readManifest(dir, name));
    } catch {
      // What cannot be read can be nothing to fall back to.
    }
  }
  return manifests.sort((a, b) => b.seq - a.seq);
}

/**
 * Removes files that neither the current generation nor the one before it needs. `bad`: ids of generations that were refused.
 * Only the writer may call it.
 */
export function collectGarbage(dir: string, current: Manifest, bad: ReadonlySet<string>): void {
  const previous = readableManifests(dir).filter(({ seq, id }) => seq < current.seq && !bad.has(id));
  const kept = new Set<string>([CURRENT]);
  for (const manifest of [current, ...previous.slice(0, KEPT - 1)]) {
    kept.add(manifestName(manifest.id));
    for (const { name } of manifest.layers) kept.add(`${name}.idx`).add(`${name}.ctx`);
    if (manifest.quarantine !== null) kept.add(manifest.quarantine);
  }
  for (const name of readdirSync(dir)) {
    if (OWN_FILES.test(name) && !kept.has(name)) rmSync(join(dir, name), { force: true });
  }
}
