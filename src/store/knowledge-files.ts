import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode, TiplineError } from "../lib/errors.ts";
import { get, isJsonObject, type JsonValue, text } from "../model/json.ts";
import type { KnowledgeKind } from "../model/knowledge.ts";

/** Folder of each kind below the feed's own. A warninglist is `<file>/list.json` there, as in MISP's repository of lists. */
export const FOLDERS: Readonly<Record<KnowledgeKind, string>> = {
  warninglist: "warninglists",
  taxonomy: "taxonomies",
  "decaying-model": "decaying-models",
  "false-positives": "false-positives",
  sightings: "sightings",
};
export const KINDS = Object.keys(FOLDERS) as readonly KnowledgeKind[];

const INDEX = "pieces.json";
/** Bytes of an index; some 400 for each piece, a few thousand for a hostile one. */
const MOST_INDEX_BYTES = 64 * 1024 * 1024;
const FILE = /^[0-9a-f]{24}$/;

/** A held piece. `file` is made of digests: nothing that a server says becomes part of a path. */
export interface PieceEntry {
  readonly kind: KnowledgeKind;
  readonly key: string;
  readonly version: string;
  /** For people; a warninglist's own. */
  readonly name: string;
  /** Version that a warninglist says it is, 0 for others. */
  readonly edition: number;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface PieceIndex {
  /** Epoch milliseconds of the last refresh that went well. */
  readonly refreshedAt: number;
  readonly pieces: readonly PieceEntry[];
}

export const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

/** Where a piece's document is. */
export function pathOf(dir: string, { kind, file }: PieceEntry): string {
  const folder = join(dir, FOLDERS[kind]);
  return kind === "warninglist" ? join(folder, file, "list.json") : join(folder, `${file}.json`);
}

/** New content under a name that only it has, so that what is held stays whole until the index names the new. */
export function newEntry(
  piece: Pick<PieceEntry, "kind" | "key" | "version" | "name" | "edition">,
  content: Buffer,
): PieceEntry {
  const sum = sha256(content);
  const file = sha256(`${piece.kind}\0${piece.key}\0${sum}`).slice(0, 24);
  return { ...piece, file, bytes: content.length, sha256: sum };
}

/** Undefined when there is none; throws TIP_SEGMENT_CORRUPT when it is not as it was written. */
export function readIndex(dir: string): PieceIndex | undefined {
  const path = join(dir, INDEX);
  let content: string;
  try {
    if (statSync(path).size > MOST_INDEX_BYTES) throw corrupt(path, `more than ${MOST_INDEX_BYTES} bytes`);
    content = readFileSync(path, "utf8");
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT" || systemCode(thrown) === "ENOTDIR") return undefined;
    throw thrown;
  }
  const [sum, json] = content.split("\n", 2);
  if (json === undefined || sum !== sha256(json)) throw corrupt(path, "its checksum is wrong");
  const value = JSON.parse(json) as JsonValue;
  const pieces = get(value, "pieces");
  if (get(value, "format") !== 1 || !Array.isArray(pieces)) throw corrupt(path, "not format 1");
  return { refreshedAt: Number(get(value, "refreshed_at")) || 0, pieces: pieces.flatMap(entryFrom) };
}

function entryFrom(value: JsonValue): PieceEntry[] {
  const kind = KINDS.find((known) => known === text(value, "kind"));
  const [key, version, name, file, sum] = ["key", "version", "name", "file", "sha256"].map((key) => get(value, key));
  const bytes = get(value, "bytes");
  if (!isJsonObject(value) || kind === undefined || typeof file !== "string" || !FILE.test(file)) return [];
  if (typeof key !== "string" || typeof version !== "string" || typeof name !== "string") return [];
  if (typeof sum !== "string" || typeof bytes !== "number") return [];
  return [{ kind, key, version, name, edition: Number(get(value, "edition")) || 0, file, bytes, sha256: sum }];
}

export async function writeIndex(dir: string, { refreshedAt, pieces }: PieceIndex): Promise<void> {
  const json = JSON.stringify({ format: 1, refreshed_at: refreshedAt, pieces });
  await replaceFile(join(dir, INDEX), Buffer.from(`${sha256(json)}\n${json}\n`));
}

/** The file has the content or is as it was, also after a power cut. */
export async function replaceFile(path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  const temporary = `${path}.tmp`;
  const file = await open(temporary, "w", 0o640);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The document's bytes, or the reason why they cannot be used. */
export function readPiece(dir: string, entry: PieceEntry): Buffer | string {
  const path = pathOf(dir, entry);
  try {
    const { size } = statSync(path);
    if (size !== entry.bytes) return `expected ${entry.bytes} bytes, found ${size}`;
    const content = readFileSync(path);
    return sha256(content) === entry.sha256 ? content : "its checksum is wrong";
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** Removes documents that the index does not name. */
export async function collectPieces(dir: string, { pieces }: PieceIndex): Promise<void> {
  const kept = new Set(pieces.map(({ kind, file }) => `${kind}/${file}`));
  for (const kind of KINDS) {
    for (const name of await namesIn(join(dir, FOLDERS[kind]))) {
      const [file = ""] = name.split(".");
      if (FILE.test(file) && (name.endsWith(".tmp") || !kept.has(`${kind}/${file}`)))
        await rm(join(dir, FOLDERS[kind], name), { recursive: true, force: true });
    }
  }
}

export async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT" || systemCode(thrown) === "ENOTDIR") return [];
    throw thrown;
  }
}

function corrupt(path: string, reason: string): TiplineError {
  return new TiplineError("TIP_SEGMENT_CORRUPT", `${path}: ${reason}; what is held of this server is fetched again`);
}
