import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseWarninglist } from "../intel/warninglist-load.ts";
import type { Warninglist } from "../intel/warninglists.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import type { DecayingModel, Knowledge, KnowledgeKind, SightingTimes, TaxonomyNumbers } from "../model/knowledge.ts";
import {
  collectPieces,
  namesIn,
  newEntry,
  type PieceEntry,
  type PieceIndex,
  pathOf,
  readIndex,
  readPiece,
  replaceFile,
  sha256,
  writeIndex,
} from "./knowledge-files.ts";

/** As a feed gives it (contract/feed.ts). */
export interface IncomingPiece {
  readonly kind: KnowledgeKind;
  readonly key: string;
  readonly version: string;
  readonly document?: JsonValue;
}

export interface NamedPiece {
  readonly kind: KnowledgeKind;
  readonly name: string;
  /** Version that a warninglist says it is, 0 for others. */
  readonly edition: number;
}

/** What a refresh did to what is held. */
export interface KnowledgeChange {
  readonly changed: boolean;
  readonly added: readonly NamedPiece[];
  readonly updated: readonly NamedPiece[];
  readonly removed: readonly NamedPiece[];
  /** Pieces held afterwards. */
  readonly held: Readonly<Record<KnowledgeKind, number>>;
}

/** What one feed's server knows, as held on disk. */
export interface HeldKnowledge {
  readonly refreshedAt: number;
  /** Tells contents apart. */
  readonly digest: string;
  readonly names: readonly NamedPiece[];
}

const FEED = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const MOST_PIECES = 10_000;
const MOST_BYTES = 256 * 1024 * 1024;
const MOST_FEED_BYTES = 1024 * 1024 * 1024;
const LONGEST = 300;

/**
 * Knowledge below a folder, one folder a feed. One writer (whoever has the state lock); readers take whole pieces at any time.
 * A piece that is damaged is left out with a warning, and the next refresh fetches it again.
 */
export class KnowledgeStore {
  readonly #dir: string;
  readonly #log: Log;

  constructor(dir: string, log: Log) {
    this.#dir = dir;
    this.#log = log;
  }

  held(feed: string): HeldKnowledge | undefined {
    const index = this.#index(feed);
    if (index === undefined) return undefined;
    const files = index.pieces.map(({ kind, key, file }) => `${kind}\0${key}\0${file}`).sort();
    return { refreshedAt: index.refreshedAt, digest: sha256(files.join("\n")), names: index.pieces.map(named) };
  }

  /** Version by `kind/key` of every piece that is whole: what a feed need not send again. */
  async versions(feed: string): Promise<ReadonlyMap<string, string>> {
    const whole = new Map<string, string>();
    for (const entry of this.#index(feed)?.pieces ?? []) {
      if (this.#bytes(feed, entry) !== undefined) whole.set(`${entry.kind}/${entry.key}`, entry.version);
      await breathe();
    }
    return whole;
  }

  /** The warninglists of a feed, read one at a time. */
  *warninglists(feed: string): Generator<Warninglist> {
    for (const entry of this.#index(feed)?.pieces ?? []) {
      if (entry.kind !== "warninglist") continue;
      const value = this.#document(feed, entry);
      if (value === undefined) continue;
      try {
        // No slug: a folder of ours is not a name of the public repository.
        yield parseWarninglist(value, "");
      } catch (thrown) {
        this.#log.warn("warninglist skipped", { feed, list: entry.name, reason: asError(thrown).message });
      }
    }
  }

  knowledge(feed: string): Knowledge {
    const documents = (kind: KnowledgeKind) =>
      (this.#index(feed)?.pieces ?? [])
        .filter((entry) => entry.kind === kind)
        .flatMap((entry) => this.#document(feed, entry) ?? [])
        .filter(isJsonObject);
    return {
      taxonomies: documents("taxonomy") as unknown as readonly TaxonomyNumbers[],
      decayingModels: documents("decaying-model") as unknown as readonly DecayingModel[],
      falsePositives: latest(documents("false-positives")),
      sightings: latest(documents("sightings")),
    };
  }

  /**
   * Takes a refresh in: afterwards exactly these pieces are held. When `pieces` throws, or the disk does, what was held is held
   * still. `at`: epoch milliseconds.
   */
  async replace(feed: string, pieces: AsyncIterable<IncomingPiece>, at: number): Promise<KnowledgeChange> {
    const dir = this.#folder(feed);
    const before = this.#index(feed)?.pieces ?? [];
    const held = new Map(before.map((entry) => [`${entry.kind}/${entry.key}`, entry]));
    const after = new Map<string, PieceEntry>();
    let bytes = 0;
    for await (const piece of pieces) {
      const id = `${piece.kind}/${piece.key}`;
      if (after.has(id)) continue;
      const entry = piece.document === undefined ? this.#kept(held.get(id), piece) : await this.#write(dir, piece);
      if (entry === undefined) continue;
      after.set(id, entry);
      bytes += entry.bytes;
      if (after.size > MOST_PIECES || bytes > MOST_FEED_BYTES)
        throw new TiplineError(
          "TIP_FEED_INVALID",
          `what the server of feed ${feed} knows: expected at most ${MOST_PIECES} pieces and ${MOST_FEED_BYTES} bytes, found more`,
        );
    }
    const index: PieceIndex = { refreshedAt: at, pieces: [...after.values()] };
    await writeIndex(dir, index);
    await collectPieces(dir, index);
    return difference(held, after);
  }

  /** Forgets every feed that is not among these. */
  async retain(feeds: readonly string[]): Promise<readonly string[]> {
    const gone = (await namesIn(this.#dir)).filter((name) => FEED.test(name) && !feeds.includes(name));
    for (const name of gone) await rm(join(this.#dir, name), { recursive: true, force: true });
    return gone;
  }

  #kept(entry: PieceEntry | undefined, { kind, key, version }: IncomingPiece): PieceEntry | undefined {
    if (entry?.version === version) return entry;
    this.#log.warn("knowledge skipped: it is not held in the version that the server has", { kind, key });
    return undefined;
  }

  async #write(dir: string, { kind, key, version, document }: IncomingPiece): Promise<PieceEntry | undefined> {
    const name = (text(document, "name") ?? text(document, "namespace") ?? key).slice(0, LONGEST);
    const refusal = refuse({ kind, key, version, document: document as JsonValue });
    const content = refusal === undefined ? Buffer.from(JSON.stringify(document)) : Buffer.alloc(0);
    const reason = content.length > MOST_BYTES ? `expected at most ${MOST_BYTES} bytes` : refusal;
    if (reason !== undefined) {
      this.#log.warn("knowledge skipped", { kind, name, reason });
      return undefined;
    }
    const edition = kind === "warninglist" ? Number(text(document, "version")) || 0 : 0;
    const entry = newEntry({ kind, key, version, name, edition }, content);
    await replaceFile(pathOf(dir, entry), content);
    return entry;
  }

  #folder(feed: string): string {
    if (!FEED.test(feed))
      throw new TiplineError("TIP_INTERNAL", `expected the name of a feed, got ${JSON.stringify(feed)}`);
    return join(this.#dir, feed);
  }

  #index(feed: string): PieceIndex | undefined {
    try {
      return readIndex(this.#folder(feed));
    } catch (thrown) {
      this.#log.warn("knowledge of a server cannot be read", { feed, error: asError(thrown) });
      return undefined;
    }
  }

  #document(feed: string, entry: PieceEntry): JsonValue | undefined {
    const bytes = this.#bytes(feed, entry);
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString("utf8")) as JsonValue);
  }

  #bytes(feed: string, entry: PieceEntry): Buffer | undefined {
    let content = readPiece(this.#folder(feed), entry);
    if (typeof content !== "string") return content;
    // A refresh by another process may have replaced it since the index was read.
    const now = this.#index(feed)?.pieces.find(({ kind, key }) => kind === entry.kind && key === entry.key);
    if (now === undefined) return undefined;
    if (now.file !== entry.file) content = readPiece(this.#folder(feed), now);
    if (typeof content !== "string") return content;
    const { kind, name } = entry;
    this.#log.warn("damaged knowledge skipped; it is fetched again", { feed, kind, name, reason: content });
    return undefined;
  }
}

function refuse({ kind, key, version, document }: Required<IncomingPiece>): string | undefined {
  if (key.length > LONGEST || version.length > LONGEST)
    return `expected a key and a version of at most ${LONGEST} characters`;
  if (!isJsonObject(document)) return "expected a JSON object";
  if (kind !== "warninglist") return undefined;
  try {
    parseWarninglist(document, "");
    return undefined;
  } catch (thrown) {
    return asError(thrown).message;
  }
}

function latest(documents: readonly JsonObject[]): SightingTimes {
  const times = new Map<string, number>();
  for (const document of documents)
    for (const uuid of Object.keys(document)) {
      const seconds = get(document, uuid);
      if (typeof seconds === "number") times.set(uuid, Math.max(seconds, times.get(uuid) ?? 0));
    }
  return Object.fromEntries(times);
}

function difference(before: ReadonlyMap<string, PieceEntry>, after: ReadonlyMap<string, PieceEntry>): KnowledgeChange {
  const held = { warninglist: 0, taxonomy: 0, "decaying-model": 0, "false-positives": 0, sightings: 0 };
  const added: NamedPiece[] = [];
  const updated: NamedPiece[] = [];
  for (const [id, entry] of after) {
    held[entry.kind]++;
    const old = before.get(id);
    if (old === undefined) added.push(named(entry));
    else if (old.file !== entry.file) updated.push(named(entry));
  }
  const removed = [...before].filter(([id]) => !after.has(id)).map(([, entry]) => named(entry));
  return { changed: added.length + updated.length + removed.length > 0, added, updated, removed, held };
}

function named({ kind, name, edition }: PieceEntry): NamedPiece {
  return { kind, name, edition };
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
