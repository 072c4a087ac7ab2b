import type { QuarantinedIndicator, ReportedIndicator } from "../model/indicator.ts";
import type { JsonValue } from "../model/json.ts";

/** A bounded page of what a feed says (at most about 10,000 indicators). */
export interface FeedPage {
  readonly indicators: readonly ReportedIndicator[];
  /** `delta` only: every report of these events is withdrawn before any indicator of this pull is added. */
  readonly withdrawnEvents: readonly string[];
  /** Attributes that were read but yield no indicator, by reason (`to_ids is 0`, `type comment carries no observable` …). */
  readonly skipped: ReadonlyMap<string, number>;
  /** Attributes whose value cannot be used (not an address, too long …); they are listed with the quarantined ones. */
  readonly refused: readonly QuarantinedIndicator[];
}

/** Progress for people; all counts so far. Totals are undefined when unknown. */
export interface FeedProgress {
  readonly eventsDone: number;
  readonly eventsTotal?: number;
  readonly attributes: number;
  readonly bytes: number;
}

/**
 * One pull. `unchanged`: nothing to do. `full`: the pages are everything the feed says. `delta`: the pages change what was
 * pulled before. Pages MUST be consumed to the end before `cursor()` may be read; if iteration throws, nothing of the pull counts.
 */
export type FeedPull =
  | { readonly mode: "unchanged" }
  | { readonly mode: "full" | "delta"; readonly pages: AsyncIterable<FeedPage>; cursor(): JsonValue };

/**
 * Reads indicators from one place.
 *
 * A feed MUST:
 * - with `cursor` undefined give a full pull; with a cursor it MAY give a delta or `unchanged`;
 * - throw TiplineError (TIP_FEED_UNREACHABLE, TIP_FEED_INVALID) rather than deliver half of what it should: the last good
 *   generation goes on serving;
 * - bound what it reads (bytes of one document, length of strings, nesting, number of tags) and trust nothing in it;
 * - name itself in every report (`report.feed` is the configured name).
 */
export interface Feed {
  pull(
    cursor: JsonValue | undefined,
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
  ): Promise<FeedPull>;
  close?(): Promise<void>;
}
