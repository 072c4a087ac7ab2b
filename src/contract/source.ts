import type { JsonValue } from "../model/json.ts";

/** One record as it was read: the exact bytes of a line, without its line end. */
export interface SourceRecord {
  readonly bytes: Buffer;
  /** For people: `file:offset` or the like. */
  readonly origin: string;
}

/** Input that cannot be an alert and was not kept whole (a line over the limit, a broken archive …). */
export interface RejectedRecord {
  /** The head of it, at most 64 KiB. */
  readonly head: Buffer;
  /** Full length in bytes. */
  readonly length: number;
  readonly origin: string;
  /** What was expected and what was found. */
  readonly reason: string;
}

/** A batch of records with the place to go on from once they are durable. Bounded: at most 1,000 records or 4 MiB. */
export interface Delivery {
  readonly records: readonly SourceRecord[];
  readonly rejected: readonly RejectedRecord[];
  /**
   * Stable name of exactly these bytes (e.g. content identity of the file + byte range): the same after a restart, so that a
   * delivery committed twice is recognised.
   */
  readonly range: string;
  /** Opaque to the pipeline; handed back to `read()` after a restart. Small (≤ 64 KiB as JSON). */
  readonly checkpoint: JsonValue;
}

/** How far behind a source is; undefined members are unknown. */
export interface SourceLag {
  readonly bytes?: number;
  readonly seconds?: number;
  /** Alerts that wait, where each is a file of its own. */
  readonly files?: number;
  /** Something a person should know now: alerts.json unreadable, a gap that could not be closed … */
  readonly trouble?: string;
}

/**
 * Yields deliveries of raw alerts.
 *
 * A source MUST:
 * - resume from `checkpoint` without losing a record; it MAY repeat records of the last uncommitted delivery;
 * - never hold more than one uncommitted delivery's worth of input beyond the one yielded: not pulling is the only back-pressure;
 *   without `committed()` it may be asked for the next delivery before the one before is durable, with it for that one's answer first;
 * - never yield half a record; put records over its size limit in `rejected` and go on;
 * - end the iteration promptly (≤ 1 s) when `signal` aborts, without throwing;
 * - survive what its peer does (rotation, truncation, permission errors, absence): log, report in `lag().trouble`, retry;
 *   throw TiplineError only for what a restart cannot cure.
 * - end the iteration by itself only when there is nothing left and there never will be (files, stdin).
 */
export interface Source {
  read(checkpoint: JsonValue | undefined, signal: AbortSignal): AsyncIterable<Delivery>;
  /** The delivery's findings and checkpoint are durable: a push source may answer 2xx, a spool may unlink. */
  committed?(delivery: Delivery): void | Promise<void>;
  lag?(): SourceLag;
  close?(): Promise<void>;
}
