import { type Check, fail, ok } from "./checks.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { IDS, isOurName, type RuleFacts } from "./doctor-wazuh-rule-facts.ts";
import { byRemedy, countById, laterName } from "./doctor-wazuh-rule-remedies.ts";
import { bestName, foreignFiles } from "./wazuh/plan-rules-order.ts";
import type { CatalogRule } from "./wazuh/rule-catalog.ts";
import { countsGroupOf, hasGroup, type RuleProblem } from "./wazuh/rule-catalog-checks.ts";

type Orphan = Extract<RuleProblem, { kind: "orphan" }>;

const MOST = 5;

/** Rules of ours without their parent, and rules of others that hang on ours in vain. */
export function orphans(
  facts: WazuhFacts,
  rules: RuleFacts,
  install: string,
  kind: "missing" | "late",
): readonly Check[] {
  const name = kind === "late" ? "rule order" : "rule parents";
  const found = orphansOf(rules).filter(({ later }) => (later !== undefined) === (kind === "late"));
  if (found.length === 0)
    return [ok(name, kind === "late" ? "every parent is read before its children" : "every parent is there")];
  const checks = found.slice(0, MOST).map((orphan) => {
    const { rule, wanted, later } = orphan;
    const words =
      later === undefined
        ? `hangs on ${wanted}, which is nowhere`
        : `is read before its parent ${wanted} (${later.file}:${later.line})`;
    return fail(
      name,
      `rule ${rule.id} (${rule.file}:${rule.line}) ${words}: ${consequence(rule)}`,
      remedy(facts, rules, orphan, install),
    );
  });
  return byRemedy(checks);
}

/** Those that concern us, without what follows from another one: a child of a rule that is itself an orphan. */
function orphansOf({ loaded, ids, ours, catalog }: RuleFacts): readonly Orphan[] {
  const all = loaded.problems.filter((problem): problem is Orphan => problem.kind === "orphan");
  const lost = new Set(all.map(({ rule }) => String(rule.id)));
  const own = catalog.rules.filter(({ file }) => ours.includes(file));
  return all.flatMap((orphan) => {
    const { rule, wanted } = orphan;
    if (lost.has(wanted)) return [];
    if (ids.has(rule.id) || ids.has(Number(wanted))) return [orphan];
    const group = rule.ifGroup ?? rule.ifMatchedGroup;
    const later = group === wanted ? own.find((parent) => hasGroup(parent, group)) : undefined;
    return later === undefined || lost.has(String(later.id)) ? [] : [{ ...orphan, later }];
  });
}

function consequence({ ifSid, ifGroup }: CatalogRule): string {
  if (ifSid.length > 0) return "it is ignored (7617, 7619)";
  return ifGroup === undefined ? "it never fires" : "it is ignored (7610)";
}

function remedy(facts: WazuhFacts, rules: RuleFacts, { rule, later }: Orphan, install: string): string {
  if (rules.ours.includes(rule.file) || isOurName(rule.file)) return install;
  const order = later === undefined || installCures(rules, rule) ? install : laterName(facts, rule);
  return countsGroupOf(rules.loaded, rule, IDS.match) ? `${countById(facts, rule, IDS.match)}, then ${order}` : order;
}

/** The installer gives our file the name with which fewest rules are left out. */
function installCures({ catalog, ours, idOf }: RuleFacts, rule: CatalogRule): boolean {
  const own = catalog.rules.filter(({ file }) => ours.includes(file));
  const theirs = foreignFiles(catalog, new Map()).filter(({ file }) => !ours.includes(file));
  const { problems } = bestName(theirs, own, idOf);
  return !problems.some((problem) => problem.rule.id === rule.id && problem.rule.file === rule.file);
}
