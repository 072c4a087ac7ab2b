import type { IndicatorReport } from "../model/indicator.ts";
import type { DecayingModel, Knowledge } from "../model/knowledge.ts";

/** What a report is worth to one model at one time. */
export interface DecayScore {
  readonly model: string;
  /** 0–100; at age 0 it is the base score, which confidence tags decide. */
  readonly score: number;
  readonly baseScore: number;
  readonly threshold: number;
  readonly decayed: boolean;
  /** Epoch milliseconds that its age is counted from. */
  readonly since: number;
}

/** Decaying models of one server, with the numbers that its taxonomies give to tags. */
export interface Decay {
  /**
   * One score for each model that covers the attribute's type; none when no model does, or nothing says when it was seen.
   * `sighted`: epoch seconds of the latest sighting by others. `time`: epoch milliseconds.
   */
  scores(report: DecayingReport, sighted: number | undefined, time: number): readonly DecayScore[];
}

export type DecayingReport = Pick<IndicatorReport, "attributeType" | "tags" | "timestamp" | "lastSeen"> & {
  readonly event: Pick<IndicatorReport["event"], "tags">;
};

const DAY_MS = 86_400_000;

/**
 * Computes what MISP's `includeDecayScore` would answer (DecayingModelBase and Polynomial of MISP 2.5), so that the server need
 * not. Two differences, both on purpose: sightings are those of others (the server's own answer would feed on what this line
 * reports), and an age below zero counts as zero (MISP scores a last_seen in the future 0). Models of another formula than
 * Polynomial are left out.
 */
export function createDecay({ decayingModels, taxonomies }: Pick<Knowledge, "decayingModels" | "taxonomies">): Decay {
  const numbers = new Map<string, number>();
  for (const taxonomy of taxonomies)
    for (const [tag, value] of Object.entries(taxonomy.numbers)) numbers.set(tag.toLowerCase(), value);
  const models = decayingModels.filter(usable);
  const byType = new Map<string, readonly PreparedModel[]>();
  for (const model of models.map(prepare))
    for (const type of model.types) byType.set(type, [...(byType.get(type) ?? []), model]);

  return {
    scores(report, sighted, time) {
      const covering = byType.get(report.attributeType) ?? [];
      const since = lastTime(report, sighted);
      if (covering.length === 0 || since === undefined) return [];
      const tags = prioritised(report.event.tags, report.tags);
      return covering.map((model) => {
        const baseScore = baseScoreOf(model, tags, numbers);
        const score = polynomial(baseScore, time - since * 1000, model);
        const { name, threshold } = model;
        return { model: name, score, baseScore, threshold, decayed: threshold > score, since: since * 1000 };
      });
    },
  };
}

interface PreparedModel extends Pick<DecayingModel, "name" | "lifetime" | "decaySpeed" | "threshold"> {
  readonly types: ReadonlySet<string>;
  readonly defaultBaseScore: number;
  readonly weights: ReadonlyMap<string, number>;
}

function usable({ formula, lifetime, decaySpeed, threshold }: DecayingModel): boolean {
  return formula.toLowerCase() === "polynomial" && lifetime > 0 && decaySpeed > 0 && Number.isFinite(threshold);
}

function prepare(model: DecayingModel): PreparedModel {
  const weights = new Map(Object.entries(model.baseScore).map(([base, weight]) => [base.toLowerCase(), weight]));
  return { ...model, types: new Set(model.attributeTypes), weights };
}

/** `base × (1 − (age ÷ lifetime)^(1 ÷ decay speed))`, never below 0. */
function polynomial(base: number, ageMs: number, { lifetime, decaySpeed }: PreparedModel): number {
  const part = Math.max(0, ageMs) / (lifetime * DAY_MS);
  return Math.max(0, base * (1 - part ** (1 / decaySpeed)));
}

/** Epoch seconds. A sighting counts only when it is not older than the last edit. */
function lastTime({ lastSeen, timestamp }: DecayingReport, sighted: number | undefined): number | undefined {
  const last = sighted ?? lastSeen ?? timestamp;
  return last !== undefined && timestamp !== undefined && timestamp > last ? (lastSeen ?? timestamp) : last;
}

interface NamedTag {
  /** In lower case. */
  readonly name: string;
  readonly base: string;
}

/** Tags of the event and the attribute; where both have one of the same base, the attribute's last one takes their place. */
function prioritised(eventTags: readonly string[], attributeTags: readonly string[]): readonly NamedTag[] {
  const ofEvent = eventTags.map(named);
  const ofAttribute = attributeTags.map(named);
  const overriding = new Map(ofAttribute.map((tag) => [tag.base, tag]));
  const eventBases = new Set(ofEvent.map(({ base }) => base));
  const kept = ofEvent.filter(({ base }) => !overriding.has(base));
  const own = ofAttribute.filter((tag) => !eventBases.has(tag.base) || overriding.get(tag.base) === tag);
  return [...kept, ...own];
}

/** `namespace:predicate="value"` counts under `namespace:predicate`, `namespace:predicate` under `namespace`. */
function named(tag: string): NamedTag {
  const name = tag.toLowerCase();
  const [, namespace, predicate] = /^([^:="]{1,300}):([^:="]{1,300})(?:="[^:="]{1,300}")?$/.exec(name) ?? [];
  if (namespace === undefined || predicate === undefined) return { name, base: name };
  return { name, base: name.endsWith('"') ? `${namespace}:${predicate}` : namespace };
}

/** Mean of the tags' numbers, weighted as the model says; its default when no tag of the model has a number. */
function baseScoreOf(
  { weights, defaultBaseScore }: PreparedModel,
  tags: readonly NamedTag[],
  numbers: ReadonlyMap<string, number>,
): number {
  let weighted = 0;
  let total = 0;
  for (const { name, base } of tags) {
    const weight = weights.get(base);
    const value = numbers.get(name);
    if (weight === undefined || value === undefined) continue;
    weighted += weight * value;
    total += weight;
  }
  return total > 0 ? weighted / total : defaultBaseScore;
}
