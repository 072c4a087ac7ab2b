import type { CatalogRule } from "./rule-catalog.ts";
import { type LoadedRules, parentsOf, swallowersOf, takes } from "./rule-catalog-checks.ts";
import { SAMPLES, type Sample } from "./rule-samples.ts";
import type { RuleName } from "./rules.ts";

/** A rule that goes before one of ours. */
export interface Taker {
  readonly rule: CatalogRule;
  /** Of ours, with the same parents. */
  readonly sibling: CatalogRule;
  /** The rule of ours that is not reached. */
  readonly missed: number;
  /** What is taken, for people. */
  readonly samples: readonly string[];
}

/** Rules in force, and which of them are ours. */
export interface OursAmong {
  readonly loaded: LoadedRules;
  readonly ids: ReadonlySet<number>;
  readonly idOf: (name: RuleName) => number | undefined;
}

/** Each stranger that `find` gives for a sample and a rule on its way, once, with what it was found by. */
export function takers(
  { loaded, ids, idOf }: OursAmong,
  find: (sample: Sample, id: number) => readonly CatalogRule[],
): readonly Taker[] {
  const found = new Map<CatalogRule, Taker>();
  for (const sample of SAMPLES)
    for (const id of sample.path.map(idOf)) {
      const sibling = id === undefined ? undefined : loaded.byId.get(id);
      if (sibling === undefined) continue;
      const missed = idOf(sample.fires) ?? sibling.id;
      for (const rule of find(sample, sibling.id)) {
        if (ids.has(rule.id)) continue;
        const known = found.get(rule);
        const samples = new Set([...(known?.samples ?? []), sample.what]);
        found.set(rule, { ...(known ?? { rule, sibling, missed }), samples: [...samples] });
      }
    }
  return [...found.values()];
}

/** Those that take a sample whole, whatever else differs from event to event. */
export function certainTakers(rules: OursAmong): readonly Taker[] {
  return takers(rules, ({ event }, id) => swallowersOf(rules.loaded, id, event));
}

/**
 * Rules of others that hang on our rule for matches and take every finding: alerts then have their id and level, not 100622 nor those
 * of our children. That may be meant.
 */
export function catchAlls({ loaded, ids, idOf }: OursAmong): readonly CatalogRule[] {
  const match = idOf("match");
  const findings = SAMPLES.filter(({ fires }) => fires === "match");
  if (match === undefined) return [];
  return loaded.rules.filter(
    (rule) =>
      !rule.noAlert &&
      !ids.has(rule.id) &&
      findings.every(({ event }) => takes(rule, event)) &&
      parentsOf(rule, loaded.rules).includes(match),
  );
}
