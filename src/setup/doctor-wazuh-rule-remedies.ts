import { basename, join } from "node:path";
import type { Check } from "./checks.ts";
import { shellWord } from "./doctor-host-access.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import type { RuleFacts } from "./doctor-wazuh-rule-facts.ts";
import type { CatalogRule } from "./wazuh/rule-catalog.ts";

/** Files are read in the order of their names. */
export function laterName(facts: WazuhFacts, { file }: CatalogRule): string {
  const path = join(facts.subject.prefix, file);
  const renamed = join(path, "..", `zz_${basename(path)}`);
  return `mv ${shellWord(path)} ${shellWord(renamed)} && ${managerCommand(facts.paths, "restart")}`;
}

/**
 * `others`: rules that go as well. A file of the user's with nothing but these is put aside: analysisd starts neither with an empty
 * group nor with comments alone.
 */
export function takeOut(
  facts: WazuhFacts,
  { catalog }: Pick<RuleFacts, "catalog">,
  rule: CatalogRule,
  others: readonly CatalogRule[] = [],
): string {
  const path = join(facts.subject.prefix, rule.file);
  const restart = managerCommand(facts.paths, "restart");
  const going = new Set([rule, ...others].map(({ id }) => id));
  const alone = catalog.rules.every(({ file, id }) => file !== rule.file || going.has(id));
  if (alone && rule.file.startsWith("etc/") && !catalog.named.includes(rule.file))
    return `mv ${shellWord(path)} ${shellWord(`${path}.off`)} && ${restart}`;
  return `take rule ${rule.id} out of ${path} (line ${rule.line}, and its <group> if nothing is left in it), then ${restart}`;
}

/** For a rule that counts events of 100622 by group. */
export function countById(facts: WazuhFacts, { file, line, ifMatchedGroup }: CatalogRule, id: number): string {
  return `write <if_matched_sid>${id}</if_matched_sid> for <if_matched_group>${ifMatchedGroup}</if_matched_group> in ${join(facts.subject.prefix, file)} (rule at line ${line})`;
}

/** What one remedy cures is one check, of the first one's status: a file can be moved once. */
export function byRemedy(checks: readonly Check[]): readonly Check[] {
  const merged = new Map<string, Check>();
  for (const check of checks) {
    const known = merged.get(check.advice);
    merged.set(check.advice, known ? { ...known, found: `${known.found}; ${check.found}` } : check);
  }
  return [...merged.values()];
}
