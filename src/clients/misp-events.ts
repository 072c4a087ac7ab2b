import { RemoteError } from "../lib/remote-error.ts";
import { get, isJsonObject, type JsonObject, type JsonValue } from "../model/json.ts";
import type { Misp, MispRows } from "./misp.ts";

/** Bytes read so far; shared by what belongs to one pull. */
export interface Traffic {
  bytes: number;
}

/** Reads a row of an answer; undefined: it is none. `serverTime`: the server's clock, epoch milliseconds. */
export type ReadRow<Row, T> = (row: Row, serverTime: number | undefined) => T | undefined;

/** Share of the counted events that a whole index lists at least. */
const LEAST_LISTED = 0.7;
/** Rows of an index; more would be no MISP's. */
const MOST_EVENTS = 5_000_000;

/** All events of the index, read in one answer so that nothing can shift between pages. */
export function indexedEvents<T>(misp: Misp, read: ReadRow<JsonValue, T>, signal: AbortSignal): Promise<readonly T[]> {
  return misp.retry(async () => {
    const answer = await misp.eventManifest(signal);
    const events: T[] = [];
    let count = 0;
    for await (const row of answer.rows) {
      if (++count > MOST_EVENTS)
        throw new RemoteError("too-large", `${misp.url}: expected at most ${MOST_EVENTS} events in its index`);
      const event = read(row, answer.serverTime);
      if (event !== undefined) events.push(event);
    }
    // A protected event that is not signed by this MISP is counted and not listed; an index that is cut lacks more than that.
    const expected = answer.resultCount ?? 0;
    if (count < expected * LEAST_LISTED)
      throw new RemoteError("cut-short", `${misp.url}: expected ${expected} events in its index, got ${count}`);
    return events;
  }, signal);
}

/** What is known of at most `limit` events, without attributes. Galaxies are left out (82 KB each); their tags are there. */
export function searchEvents<T>(
  misp: Misp,
  { which, limit }: { readonly which: JsonObject; readonly limit: number },
  read: ReadRow<JsonObject, T>,
  signal: AbortSignal,
  traffic?: Traffic,
): Promise<readonly T[]> {
  const filter = { ...which, metadata: 1, excludeGalaxy: 1, limit, page: 1 };
  return misp.retry(async () => {
    const answer = await misp.search("events", filter, signal);
    const events: T[] = [];
    for await (const row of counted(answer, traffic)) {
      const record = get(row, "Event");
      const event = isJsonObject(record) ? read(record, answer.serverTime) : undefined;
      if (event !== undefined) events.push(event);
    }
    return events;
  }, signal);
}

async function* counted(answer: MispRows, traffic: Traffic | undefined): AsyncGenerator<JsonValue> {
  try {
    yield* answer.rows;
  } finally {
    if (traffic !== undefined) traffic.bytes += answer.bytes();
  }
}

/** What is known of events named by UUID or id; what nobody named is dropped, as a server may ignore a parameter. */
export async function namedEvents<T extends { readonly uuid: string; readonly id: string }>(
  misp: Misp,
  names: { readonly uuids: readonly string[]; readonly ids: readonly string[] },
  atOnce: number,
  read: ReadRow<JsonObject, T>,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const [key, values] of [
    ["uuid", names.uuids],
    ["eventid", names.ids],
  ] as const) {
    for (let at = 0; at < values.length; at += atOnce) {
      const chunk = values.slice(at, at + atOnce);
      const events = await searchEvents(misp, { which: { [key]: chunk }, limit: chunk.length }, read, signal);
      const named = new Set(chunk);
      found.push(...events.filter(({ uuid, id }) => named.has(key === "uuid" ? uuid : id)));
    }
  }
  return found;
}
