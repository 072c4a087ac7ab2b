import type { Place } from "../lib/place.ts";

/** A line that may match. */
export interface Candidate {
  readonly bytes: Buffer;
  /** `path:offset` */
  readonly origin: string;
}

/** What a step of a scan comes to. */
export interface ScanStep {
  readonly candidates: readonly Candidate[];
  /** Lines looked at. */
  readonly lines: number;
  /** Of them no alerts, and why the first few are none. */
  readonly refused: number;
  readonly reasons: readonly string[];
  /** Bytes of content passed, and how many of them a sketch ruled out. */
  readonly bytes: number;
  readonly skipped: number;
  /** The scan can go on from here; undefined at the end of a file without a last line end. */
  readonly place?: Place;
  /** Milliseconds that it took in the thread that made it, where that is another one. */
  readonly tookMs?: number;
  /** What was given of this file before must be forgotten: it has changed, and is read from its start. */
  readonly again?: true;
}

export interface ScanTarget {
  readonly path: string;
  readonly packed: boolean;
}

/** A step that only lets others have their turn. */
export const NOTHING = { candidates: [], lines: 0, refused: 0, reasons: [], bytes: 0, skipped: 0 } as const;
