import { type Check, fail, ok, warn } from "./checks.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { IDS, type RuleFacts } from "./doctor-wazuh-rule-facts.ts";
import { byRemedy, countById, laterName, takeOut } from "./doctor-wazuh-rule-remedies.ts";
import type { CatalogRule } from "./wazuh/rule-catalog.ts";
import { blindedCounters, hasGroup, suspectsOf } from "./wazuh/rule-catalog-checks.ts";
import { certainTakers, type Taker, takers } from "./wazuh/rule-takers.ts";
import { byName } from "./wazuh/ruleset-files.ts";

const MOST = 5;

/** Other rules that take events of ours, or of some of them: what they look for may be in none of the samples. */
export function swallowers(facts: WazuhFacts, rules: RuleFacts): readonly Check[] {
  const name = "swallowing rules";
  const { loaded } = rules;
  const certain = certainTakers(rules);
  // One that alerts as a match itself is there on purpose.
  const possible = takers(rules, ({ event, prefix }, id) => suspectsOf(loaded, id, event, prefix)).filter(
    ({ rule }) => rule.level === 0 || !hasGroup(rule, "misp_alert"),
  );
  const all = [...certain, ...possible.filter(({ rule }) => !certain.some((other) => other.rule === rule))];
  if (all.length === 0) return [ok(name, "no other rule takes our events first")];
  const checks = all.map((taker, at) => {
    const { rule, missed, samples } = taker;
    const called = `rule ${rule.id}, level ${rule.level} (${rule.file}:${rule.line})`;
    const remedy = laterOrOut(facts, rules, taker, all);
    return at < certain.length
      ? fail(name, `${called} takes our events before rule ${missed} is tried: ${samples.join(", ")}`, remedy)
      : warn(
          name,
          `${called} takes those of our events that have what it looks for (${fieldsOf(rule)}) before rule ${missed} is tried`,
          remedy,
        );
  });
  return byRemedy(checks.slice(0, MOST));
}

const fieldsOf = ({ fields }: CatalogRule): string => fields.map(({ name }) => name.slice(0, 80)).join(", ");

/** Siblings of level 0 are tried in the order of reading; among others it does not help to be read later. */
function laterOrOut(facts: WazuhFacts, rules: RuleFacts, { rule, sibling }: Taker, all: readonly Taker[]): string {
  const earlier = byName(rule.file, sibling.file) < 0 && rule.file.startsWith("etc/rules/");
  if (rule.level === 0 && sibling.level === 0 && earlier) return laterName(facts, rule);
  return takeOut(
    facts,
    rules,
    rule,
    all.map((other) => other.rule).filter(({ file }) => file === rule.file),
  );
}

/** Rules of the user's that count matches by group, in vain. */
export function blinded(facts: WazuhFacts, { loaded, ids }: RuleFacts): readonly Check[] {
  const name = "counting rules";
  const blind = blindedCounters(loaded, IDS.match).filter(({ id }) => !ids.has(id));
  if (blind.length === 0) return [ok(name, `no other rule counts rule ${IDS.match} by its group`)];
  return blind
    .slice(0, MOST)
    .map((rule) =>
      warn(
        name,
        `rule ${rule.id} (${rule.file}:${rule.line}) counts the group ${(rule.ifMatchedGroup ?? "").slice(0, 80)} and never gets an event of rule ${IDS.match}, because other rules count that by its id`,
        `${countById(facts, rule, IDS.match)}, then ${managerCommand(facts.paths, "restart")}`,
      ),
    );
}
