import { createHash } from "node:crypto";
import { get, isJsonObject, type JsonObject, type JsonValue } from "../model/json.ts";

/** The version of an event that is in force. */
export interface HeldEvent {
  /** Epoch seconds, as MISP listed it before the event was read. */
  readonly timestamp: number;
  /** False: it was read in the second (or so) of its timestamp, and may have changed since without moving it. */
  readonly settled: boolean;
  readonly published: boolean;
  /** Epoch milliseconds of the first listing that had the event unpublished: its grace time runs. */
  readonly unpublishedSince?: number;
}

/** What a pull leaves for the next one. */
export interface MispCursor {
  /** By UUID. */
  readonly events: ReadonlyMap<string, HeldEvent>;
  /** False: the first pull is under way; what is missing in `events` was not read yet. */
  readonly complete: boolean;
  /** Attributes that the first pull has read so far; 0 once it is complete. */
  readonly attributes: number;
  /** Epoch milliseconds when everything was last read; 0: never. */
  readonly reconciledAt: number;
}

/** 16 bytes of UUID, 5 of timestamp and flags: 28 characters of base64 an event. */
const ENTRY = 21;
const SETTLED = 0x80;
const PUBLISHED = 0x40;
/** The two highest of the 40 bits are flags. */
const MOST_SECONDS = 2 ** 38;

/** `options`: a digest of everything that decides what a pull would read; another one makes the cursor void. */
export function cursorToJson(cursor: MispCursor, options: string): JsonObject {
  const { events, complete, attributes, reconciledAt } = cursor;
  const packed = Buffer.alloc(events.size * ENTRY);
  const grace: JsonValue[] = [];
  let at = 0;
  for (const [uuid, { timestamp, settled, published, unpublishedSince }] of events) {
    packed.write(uuid.replaceAll("-", ""), at, 16, "hex");
    packed.writeUIntBE(Math.min(timestamp, MOST_SECONDS - 1), at + 16, 5);
    packed[at + 16] = (packed[at + 16] as number) | (settled ? SETTLED : 0) | (published ? PUBLISHED : 0);
    at += ENTRY;
    if (unpublishedSince !== undefined) grace.push([uuid, unpublishedSince]);
  }
  return {
    v: 2,
    options,
    reconciled_at: reconciledAt,
    ...(complete ? {} : { incomplete: { attributes } }),
    ...(grace.length === 0 ? {} : { grace }),
    events: packed.toString("base64"),
  };
}

/** The cursor as stored, or undefined when it is none, is damaged, or was made with other options. */
export function cursorFromJson(stored: JsonValue | undefined, options: string): MispCursor | undefined {
  if (!isJsonObject(stored) || get(stored, "options") !== options) return undefined;
  const version = get(stored, "v");
  if (version === 1) return fromVersion1(stored);
  return version === 2 ? fromVersion2(stored) : undefined;
}

/** `[uuid, timestamp]` of published events; an empty timestamp is one that had not settled. */
function fromVersion1(stored: JsonObject): MispCursor | undefined {
  const list = get(stored, "events");
  if (!Array.isArray(list)) return undefined;
  const events = new Map<string, HeldEvent>();
  for (const entry of list) {
    const [uuid, timestamp] = Array.isArray(entry) ? entry : [];
    if (typeof uuid !== "string" || typeof timestamp !== "string") return undefined;
    events.set(uuid, { timestamp: Number(timestamp) || 0, settled: timestamp !== "", published: true });
  }
  return { events, complete: true, attributes: 0, reconciledAt: 0 };
}

function fromVersion2(stored: JsonObject): MispCursor | undefined {
  const text = get(stored, "events");
  if (typeof text !== "string") return undefined;
  const packed = Buffer.from(text, "base64");
  if (packed.length % ENTRY !== 0) return undefined;
  const grace = graceOf(get(stored, "grace"));
  const events = new Map<string, HeldEvent>();
  for (let at = 0; at < packed.length; at += ENTRY) {
    const hex = packed.toString("hex", at, at + 16);
    const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    const flags = packed[at + 16] as number;
    const since = grace.get(uuid);
    events.set(uuid, {
      timestamp: packed.readUIntBE(at + 16, 5) % MOST_SECONDS,
      settled: (flags & SETTLED) !== 0,
      published: (flags & PUBLISHED) !== 0,
      ...(since === undefined ? {} : { unpublishedSince: since }),
    });
  }
  const attributes = get(stored, "incomplete", "attributes");
  return {
    events,
    complete: attributes === undefined,
    attributes: timeOf(attributes),
    reconciledAt: timeOf(get(stored, "reconciled_at")),
  };
}

function graceOf(stored: JsonValue | undefined): ReadonlyMap<string, number> {
  const grace = new Map<string, number>();
  for (const entry of Array.isArray(stored) ? stored : []) {
    const [uuid, since] = Array.isArray(entry) ? entry : [];
    if (typeof uuid === "string") grace.set(uuid, timeOf(since));
  }
  return grace;
}

function timeOf(value: JsonValue | undefined): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** Tells settings apart by their digest. */
export function digestOf(settings: unknown): string {
  return createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 16);
}
