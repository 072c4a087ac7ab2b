import type { Shape } from "./shape.ts";

/**
 * What must come of a told alert: `match`; `weak` (a match of at most 40 points); `benign` (a match that a warninglist explains);
 * `none` (the value is in the feed, but refused as dangerous).
 */
export type Outcome = "match" | "weak" | "benign" | "none";

export interface Told {
  /** Seconds after the start. */
  readonly at: number;
  /** Key of the MISP event. */
  readonly event: string;
  /** The indicator that leads (for `none`: that must not match). */
  readonly indicator: string;
  readonly outcome: Outcome;
  readonly what: string;
  readonly shape: Shape;
}

export const min = (minutes: number, seconds = 0) => minutes * 60 + seconds;
export const FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0";
export const CHROME_EXE = "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe";
export const sysmonHashes = (hashes: { md5: string; sha1: string; sha256: string }, imphash: string) =>
  `SHA1=${hashes.sha1},MD5=${hashes.md5},SHA256=${hashes.sha256},IMPHASH=${imphash}`.toUpperCase();

export function told(
  event: string,
  rows: readonly (readonly [at: number, indicator: string, outcome: Outcome, what: string, shape: Shape])[],
): Told[] {
  return rows.map(([at, indicator, outcome, what, shape]) => ({ at, event, indicator, outcome, what, shape }));
}
