import { randomBytes } from "node:crypto";
import { canonicalize } from "../intel/canonical.ts";
import type { Generation } from "../intel/generation.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Agent } from "../model/alert.ts";
import type { Indicator, IndicatorType } from "../model/indicator.ts";
import { type Assessment, assess } from "../pipeline/assess.ts";
import { simulationOf } from "../pipeline/canary.ts";
import { toAlert } from "../pipeline/parse-alert.ts";
import type { Scenario, Simulated } from "../setup/scenarios/scenario.ts";
import type { engine } from "./engine.ts";

type Judge = ReturnType<typeof engine>;

/** What a simulation is made with. */
export interface Stage {
  readonly generation: Generation;
  readonly judge: Judge;
  readonly agent: Agent;
  readonly manager: string;
  /** Epoch milliseconds. */
  readonly time: number;
}

/** How many indicators of the index are looked at, and how many of them are tried, before taking the best so far. */
const MOST_LOOKED_AT = 500_000;
const MOST_TRIED = 500;
const GOOD_SCORE = 60;

/** A value that a person named, as the scenario takes it. Throws when it cannot be one of its kinds. */
export function namedValue(
  scenario: Scenario,
  value: string,
): { readonly type: IndicatorType; readonly value: string } {
  for (const type of scenario.types) {
    const canonical = canonicalize(type, value);
    if (canonical !== undefined) return { type, value: canonical };
  }
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `--value: ${scenario.name} takes ${scenario.types.join(" or ")}, found "${value.slice(0, 100)}"`,
  );
}

/**
 * A listed value that this scenario would raise a finding for, best of those tried. Throws when the generation has none, saying why
 * the last one tried is none.
 */
export function suitableValue(
  scenario: Scenario,
  stage: Stage,
): { readonly type: IndicatorType; readonly value: string } {
  let best: { readonly type: IndicatorType; readonly value: string; readonly score: number } | undefined;
  let why = "it lists none";
  let looked = 0;
  let tried = 0;
  for (const indicator of stage.generation.index.all()) {
    if (++looked > MOST_LOOKED_AT || tried >= MOST_TRIED) break;
    if (!isSuitable(indicator, scenario)) continue;
    tried++;
    const { type, value } = indicator;
    const { alert, assessment } = judged(scenario, simulated(stage, type, value), stage);
    const { verdict } = assessment;
    if (verdict === undefined || verdict.suppressed) why = `${value}: ${whyNone(assessment, value)}`;
    else if (simulationOf(alert, verdict, stage.judge.seals) === undefined) why = `${value} is not all that matches`;
    else if (verdict.score > (best?.score ?? -1)) best = { type, value, score: verdict.score };
    if ((best?.score ?? 0) >= GOOD_SCORE) break;
  }
  if (best !== undefined) return best;
  const types = scenario.types.join(" or ");
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    `no indicator of type ${types} of this generation would raise a finding for ${scenario.name} (${why}); name one with --value`,
  );
}

function isSuitable({ type, pattern, reports }: Indicator, { types }: Scenario): boolean {
  return types.includes(type) && pattern !== "cidr" && reports.some(({ toIds, weak }) => toIds && !weak);
}

/** The event's parts with a fresh mark. */
export function simulated(stage: Stage, type: IndicatorType, value: string): Simulated {
  const nonce = randomBytes(8).toString("hex");
  const { agent, manager, time } = stage;
  return { value, type, mark: stage.judge.seals.simulationMark(value, time, nonce), time, agent, manager };
}

/**
 * Why this generation makes no finding of the event; undefined: it makes one. Throws when something beside the value matches as well:
 * the mark would not count then, and the finding would be a real one.
 */
export function whyUnmatched(scenario: Scenario, of: Simulated, stage: Stage): string | undefined {
  const { alert, assessment } = judged(scenario, of, stage);
  const { verdict } = assessment;
  if (verdict === undefined) return whyNone(assessment, of.value);
  if (simulationOf(alert, verdict, stage.judge.seals) !== undefined) return undefined;
  const other = verdict.matches.find(({ match }) => match.observable.value !== of.value)?.match.observable.value;
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    `${of.value} is not all that matches in the event of ${scenario.name}: so does ${other ?? "something"}, and its finding would count as a real one; name another --value`,
  );
}

function whyNone({ considered, verdict }: Assessment, value: string): string {
  const [reason] = considered.flatMap(({ observable, notLookedUp }) =>
    observable.value === value ? (notLookedUp ?? []) : [],
  );
  if (reason !== undefined) return `not looked up: ${reason}`;
  const [suppression] = verdict?.matches[0]?.suppressions ?? [];
  return suppression === undefined ? "no indicator covers it" : `explained away by ${suppression.reason}`;
}

function judged(scenario: Scenario, of: Simulated, { judge, generation, time }: Stage) {
  const alert = toAlert(Buffer.from(JSON.stringify(scenario.alert(of))), "simulate", time);
  return { alert, assessment: assess(alert, judge.extract(alert.event), generation) };
}
