import type { Segment } from "../intel/index/segment.ts";
import type { OwnAssets } from "../intel/policy.ts";
import type { Suppression } from "../model/finding.ts";
import type { ObservableType } from "../model/observable.ts";
import type { KnowledgeConfig } from "./knowledge.ts";

/** What a matching thread is started with. */
export interface MatchSetup {
  /** The installation's key: finding ids, echoes and seals are made and told by it. */
  readonly key: Uint8Array;
  readonly own: OwnAssets;
  readonly config: KnowledgeConfig;
}

/** A generation's indicators: the index is shared memory, contexts are read from the files. */
export interface SharedGeneration {
  readonly id: string;
  readonly createdAt: number;
  readonly layers: readonly { readonly path: string; readonly segment: Segment }[];
}

/** To the thread. Messages are taken in their order. */
export type MatchRequest =
  /** Judge by these from now on; the allow log is read anew, and what servers know as well when `mark` is another one. */
  | { readonly kind: "generation"; readonly generation: SharedGeneration | undefined; readonly mark: string }
  | {
      readonly kind: "match";
      readonly job: number;
      readonly source: string;
      /** Epoch milliseconds. */
      readonly receivedAt: number;
      /** The records' bytes, one after the other. */
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** Where each record ends. */
      readonly ends: Uint32Array<ArrayBuffer>;
    };

/** Counts of one verdict, for metrics. */
export interface VerdictTally {
  readonly band: string;
  readonly matches: readonly { readonly type: ObservableType; readonly by: readonly Suppression["by"][] }[];
}

/** What one record came to; records that came to nothing have none. `at`: its number in the request. */
export type MatchOutcome = {
  readonly at: number;
} /**
 * `from`, `to`: its JSON in the reply's bytes. `rawAt`: there its alert's line begins (`,"raw":…}}`), which is the record itself; to read
 * it back as JSON in JSON would be most of the reading. `mark`: of a simulated event.
 */ & (
  | {
      readonly kind: "finding";
      readonly from: number;
      readonly to: number;
      readonly rawAt?: number;
      readonly tally: VerdictTally;
      readonly mark?: string;
    }
  | { readonly kind: "dead"; readonly reason: string }
  | { readonly kind: "echo"; readonly id: string; readonly rule?: { readonly id: string; readonly level: number } }
  /** Only the thread that holds the line's state can handle it: a canary. */
  | { readonly kind: "yours" }
);

/** From the thread. */
export type MatchReply =
  /** It judges by what it was last told. `failed`: why it cannot; it has nothing then. */
  | { readonly kind: "ready"; readonly failed?: string }
  | {
      readonly kind: "matched";
      readonly job: number;
      readonly outcomes: readonly MatchOutcome[];
      readonly json: Uint8Array<ArrayBuffer>;
    };
