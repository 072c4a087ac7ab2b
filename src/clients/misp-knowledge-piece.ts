import { createHash } from "node:crypto";
import { RemoteError } from "../lib/remote-error.ts";
import type { JsonValue } from "../model/json.ts";
import type { KnowledgeKind } from "../model/knowledge.ts";
import type { Misp } from "./misp.ts";

/** One thing that the server knows. Without `document` it is as held under that version. */
export interface MispPiece {
  readonly kind: KnowledgeKind;
  readonly key: string;
  readonly version: string;
  readonly document?: JsonValue;
}

/** What of a server's knowledge is asked for. Own false positives always are. */
export interface MispKnowledgeWanted {
  readonly warninglists: boolean;
  /** Sightings by others: many requests on a server that many sensors report to. */
  readonly sightings: boolean;
  /** Sources that our own sightings carry, in lower case; those of our own organisation are left out. */
  readonly ownSources: readonly string[];
  /** Epoch milliseconds. */
  readonly now: number;
  /** A part could not be read and stays as it is held. */
  readonly trouble: (part: string, error: Error) => void;
}

/** Version by `kind/key`. */
export type HeldVersions = ReadonlyMap<string, string>;

/** What the parts share. */
export interface Asking extends MispKnowledgeWanted {
  readonly misp: Misp;
  readonly held: HeldVersions;
  readonly signal: AbortSignal;
}

/** Short digest that tells versions apart. */
export function fingerprint(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 12);
}

/** A piece whose document came unasked: it is left out when the same is held. */
export function pieceOf({ misp, held }: Asking, kind: KnowledgeKind, key: string, document: JsonValue): MispPiece {
  const version = fingerprint([misp.url, document]);
  return held.get(`${kind}/${key}`) === version ? { kind, key, version } : { kind, key, version, document };
}

/** Rows of an index, at most `most`: these lists are short on any server that is one. */
export async function indexRows(
  { misp, signal }: Asking,
  path: string,
  keys: readonly string[],
  most: number,
): Promise<readonly JsonValue[]> {
  return misp.retry(async () => {
    const { rows } = await misp.list(path, keys, signal);
    const found: JsonValue[] = [];
    for await (const row of rows) {
      if (found.length >= most)
        throw new RemoteError("too-large", `${misp.url}${path}: expected at most ${most} rows, found more`);
      found.push(row);
    }
    return found;
  }, signal);
}

/** MISP prints flags as booleans, and as "1" in some versions. */
export function isOn(value: JsonValue | undefined): boolean {
  return value === true || value === 1 || value === "1";
}

/** A row's id, safe in a path. */
export function idOf(value: JsonValue | undefined): string | undefined {
  const id = typeof value === "number" ? String(value) : value;
  return typeof id === "string" && /^\d{1,12}$/.test(id) ? id : undefined;
}
