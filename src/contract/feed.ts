import type { QuarantinedIndicator, ReportedIndicator } from "../model/indicator.ts";
import type { JsonValue } from "../model/json.ts";
import type { KnowledgeKind } from "../model/knowledge.ts";

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
  | {
      readonly mode: "full" | "delta";
      readonly pages: AsyncIterable<FeedPage>;
      cursor(): JsonValue;
      /** True when this pull is a part, and the next one (with the new cursor) may follow at once. Ask after the pages. */
      more?(): boolean;
    };

export interface PullOptions {
  /** Nothing of this feed is in force yet: a full pull may come in parts, so that one that is interrupted goes on where it was. */
  readonly inParts?: boolean;
  /**
   * Hints: UUIDs (or server ids) of events that may have changed. The feed looks at these alone and gives a delta or
   * `unchanged`; whatever else changed waits for the next pull without hints. Hints are untrusted: they may be wrong, doubled,
   * or name nothing.
   */
  readonly only?: readonly string[];
  /** A person waits for this pull: what is spaced out after a failure is tried now. */
  readonly asked?: boolean;
}

/**
 * Something a server knows beside indicators. `version` tells contents of one key apart. Without `document` it is as held under
 * that version. A warninglist is a document in the layout of MISP's own files (`name`, `type`, `version`, `matching_attributes`,
 * `list`); the others are described in model/knowledge.ts.
 */
export interface KnowledgePiece {
  readonly kind: KnowledgeKind;
  readonly key: string;
  readonly version: string;
  readonly document?: JsonValue;
}

export interface KnowledgeOptions {
  /** Ask for others' sightings as well; only decay looks at them, and they cost the server much. Default: false. */
  readonly sightings?: boolean;
}

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
    options?: PullOptions,
  ): Promise<FeedPull>;
  /** Waits for hints (see `PullOptions.only`) until `signal` aborts; a lost connection is its own business and never a throw. */
  hints?(signal: AbortSignal): AsyncIterable<readonly string[]>;
  /**
   * Everything the server knows beside indicators, a piece at a time; what is not among the pieces is not there any more. `held`:
   * version by `kind/key`. A throw leaves what is held as it is.
   */
  knowledge?(
    held: ReadonlyMap<string, string>,
    signal: AbortSignal,
    options?: KnowledgeOptions,
  ): AsyncIterable<KnowledgePiece>;
  close?(): Promise<void>;
}
