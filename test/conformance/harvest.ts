import { fromWholeElement } from "./compare.ts";
import type { Recording } from "./recordings.ts";

export type Row = Readonly<Record<string, unknown>>;

/** Rows that the recorded answers show, each as it was first seen. Keys are MISP's ids. */
export interface Harvest {
  readonly attributes: ReadonlyMap<number, Row>;
  readonly events: ReadonlyMap<number, Row>;
  readonly objects: ReadonlyMap<number, Row>;
  /** The uuid that the real server gave to row `id` of `table`: event, attribute, object, sighting. */
  uuid(table: string, id: number): string | undefined;
  /** The uuid in row `id` of the event blocklist. */
  blocked(id: number): string | undefined;
}

export function harvest(recordings: readonly Recording[]): Harvest {
  const attributes = new Map<number, Row>();
  const events = new Map<number, Row>();
  const objects = new Map<number, Row>();
  const uuids = new Map<string, string>();
  for (const { response } of recordings) {
    for (const row of rowsIn(parse(response.body) ?? wholeElements(response.head, fromWholeElement(response.tail)))) {
      const { id, uuid, event_uuid: blocked } = row;
      if ("event_orgc" in row) uuids.set(`blocked ${String(id)}`, String(blocked));
      if (typeof id !== "string" || typeof uuid !== "string") continue;
      const table = tableOf(row);
      if (table === undefined) continue;
      uuids.set(`${table} ${id}`, uuid);
      const into = table === "attribute" ? attributes : table === "object" ? objects : events;
      if (isWhole(table, row)) keepFullest(into, Number(id), row);
    }
  }
  return {
    attributes,
    events,
    objects,
    uuid: (table, id) => uuids.get(`${table} ${id}`),
    blocked: (id) => uuids.get(`blocked ${id}`),
  };
}

/** Later answers only add what the first did not show at all (tags of an event, say). */
function keepFullest(into: Map<number, Row>, id: number, row: Row): void {
  into.set(id, { ...row, ...into.get(id) });
}

function tableOf(row: Row): string | undefined {
  if ("date_sighting" in row) return "sighting";
  if ("template_uuid" in row && "event_id" in row) return "object";
  if ("object_relation" in row && "category" in row) return "attribute";
  if ("info" in row && "orgc_id" in row) return "event";
  return undefined;
}

function isWhole(table: string, row: Row): boolean {
  if (table === "attribute") return "timestamp" in row && "value" in row;
  return table === "object" || (table === "event" && "threat_level_id" in row && "analysis" in row);
}

/** Every object of a JSON value, outer ones first. Related events are excerpts and are left aside. */
export function* rowsIn(value: unknown): Generator<Row> {
  if (Array.isArray(value)) for (const each of value) yield* rowsIn(each);
  else if (typeof value === "object" && value !== null) {
    yield value as Row;
    for (const [key, inner] of Object.entries(value)) if (key !== "RelatedEvent") yield* rowsIn(inner);
  }
}

/** The objects that are whole in pieces of JSON. */
function wholeElements(...pieces: readonly string[]): unknown[] {
  const found: unknown[] = [];
  for (const piece of pieces) {
    const opened: number[] = [];
    for (const { 0: token, index } of piece.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
      if (token === "{") opened.push(index);
      else if (token === "}") {
        const from = opened.pop();
        const value = from === undefined ? undefined : parse(piece.slice(from, index + 1));
        if (value !== undefined) found.push(value);
      }
    }
  }
  return found;
}

/** Undefined when the text is no JSON. */
export function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "") as unknown;
  } catch {
    return undefined;
  }
}
