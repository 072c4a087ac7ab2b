import type { SliceOptions } from "../lib/json-slicer.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { JsonObject } from "../model/json.ts";
import type { Misp } from "./misp.ts";

/** Attributes of a few events, or one page of the attributes of a large one: one request when all goes well. */
export interface AttributeUnit {
  readonly eventIds: readonly string[];
  readonly page: number;
  readonly limit: number;
  /** Go on with the next page while pages come back full. */
  readonly last: boolean;
}

/** Takes the answer of one attempt; a new one is made for each attempt. */
export interface AnswerSink {
  /** A promise: wait for it before the next chunk. */
  take(chunk: Buffer): Promise<void> | undefined;
  /** The answer is whole: how many rows it has. */
  end(): Promise<number>;
  /** The attempt failed. */
  drop(): void;
}

const SMALLEST_PAGE = 100;

/**
 * Plans the requests for some events: small events together as long as they fit one page (then nothing can shift between
 * pages), large ones page by page. A change during such a walk moves the event's timestamp, so the next pull reads it again.
 */
export function planUnits(
  events: readonly { readonly id: string; readonly attributeCount: number }[],
  limit: number,
): readonly AttributeUnit[] {
  const units: AttributeUnit[] = [];
  let together: string[] = [];
  let total = 0;
  const flush = () => {
    if (together.length > 0) units.push({ eventIds: together, page: 1, limit, last: true });
    together = [];
    total = 0;
  };
  for (const { id, attributeCount } of events) {
    if (attributeCount >= limit) {
      const pages = Math.ceil(attributeCount / limit);
      for (let page = 1; page <= pages; page++) units.push({ eventIds: [id], page, limit, last: page === pages });
      continue;
    }
    if (total + attributeCount >= limit) flush();
    together.push(id);
    total += attributeCount;
  }
  flush();
  return units;
}

/** How units are read. */
export interface UnitReading<Sink extends AnswerSink> {
  readonly misp: Misp;
  /** What is asked beside the events and the page. */
  readonly filter: JsonObject;
  readonly newSink: (slices: SliceOptions) => Sink;
  readonly signal: AbortSignal;
  /** MISP cannot answer for this event alone, whatever the size of the page: true to go on without it. */
  readonly onUnreadable?: (eventId: string, error: RemoteError) => boolean;
  /** Bytes of every answer, those that broke off included. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Reads one unit. An answer that MISP cannot build (memory or time limit of the role: 500) is asked for again in halves:
 * fewer events, then smaller pages. Of an event nothing comes, or all that the unit is about.
 */
export async function readUnit<Sink extends AnswerSink>(
  unit: AttributeUnit,
  reading: UnitReading<Sink>,
): Promise<readonly Sink[]> {
  try {
    return await readOrHalve(unit, reading);
  } catch (thrown) {
    const [id = "", ...others] = unit.eventIds;
    if (others.length > 0 || !isTooMuch(thrown) || !reading.onUnreadable?.(id, thrown)) throw thrown;
    return [];
  }
}

async function readOrHalve<Sink extends AnswerSink>(
  unit: AttributeUnit,
  reading: UnitReading<Sink>,
): Promise<readonly Sink[]> {
  const { misp, filter, newSink, signal, onBytes } = reading;
  let rows = 0;
  const attempt = async () => {
    const answer = await misp.search(
      "attributes",
      { ...filter, eventid: unit.eventIds, limit: unit.limit, page: unit.page, order: "Attribute.id asc" },
      signal,
    );
    const sink = newSink(answer.slices);
    try {
      for await (const chunk of answer.chunks) await sink.take(chunk);
      rows = await sink.end();
      return sink;
    } catch (thrown) {
      sink.drop();
      throw thrown;
    } finally {
      onBytes?.(answer.bytes());
    }
  };
  let first: Sink;
  try {
    first = await misp.retry(attempt, signal);
  } catch (thrown) {
    const halves = isTooMuch(thrown) ? halve(unit) : undefined;
    if (halves === undefined) throw thrown;
    const results: Sink[] = [];
    // Half an event is none: only of several events some may be left out.
    const read = unit.eventIds.length > 1 ? readUnit : readOrHalve;
    for (const half of halves) results.push(...(await read(half, reading)));
    return results;
  }
  if (!unit.last || rows < unit.limit) return [first];
  return [first, ...(await readOrHalve({ ...unit, page: unit.page + 1 }, reading))];
}

/** MISP could not build or deliver the answer: less of it may work. */
export function isTooMuch(thrown: unknown): thrown is RemoteError {
  return (
    thrown instanceof RemoteError &&
    (thrown.kind === "server" ||
      thrown.kind === "timeout" ||
      thrown.kind === "cut-short" ||
      thrown.kind === "too-large")
  );
}

function halve(unit: AttributeUnit): readonly AttributeUnit[] | undefined {
  const { eventIds, page, limit } = unit;
  if (eventIds.length > 1 && page === 1) {
    const middle = Math.ceil(eventIds.length / 2);
    return [
      { ...unit, eventIds: eventIds.slice(0, middle) },
      { ...unit, eventIds: eventIds.slice(middle) },
    ];
  }
  if (limit % 2 !== 0 || limit / 2 < SMALLEST_PAGE) return undefined;
  return [
    { ...unit, limit: limit / 2, page: page * 2 - 1, last: false },
    { ...unit, limit: limit / 2, page: page * 2 },
  ];
}
