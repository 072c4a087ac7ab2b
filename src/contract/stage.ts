import type { Finding } from "../model/finding.ts";
import type { JsonValue } from "../model/json.ts";

/** What a stage makes of a batch: what goes on, and which of its keys changed (undefined = forget the key). */
export interface StageOutput {
  readonly out: readonly Finding[];
  readonly changed: ReadonlyMap<string, JsonValue | undefined>;
}

/**
 * Sits between the journal's `raw` and `out` streams. Its input cursor, state and output are committed together.
 *
 * A stage MUST be deterministic on alert time (never the wall clock), so that a replay gives the same output and the same
 * finding ids, and MUST bound its state.
 */
export interface Stage {
  readonly name: string;
  /** Called once with the state of the last commit. */
  restore(state: Iterable<readonly [string, JsonValue]>): void;
  process(findings: readonly Finding[]): StageOutput;
  /** Time passed with no input: close windows that ended by `time` (epoch ms of the newest alert seen, advanced by the clock when idle). */
  tick(time: number): StageOutput;
}
