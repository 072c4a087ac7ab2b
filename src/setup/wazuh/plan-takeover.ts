import { basename, join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import { applySplices, type Splice } from "./ossec-conf.ts";
import { wholeLines } from "./ossec-conf-edit.ts";
import type { Draft } from "./plan-draft.ts";
import type { CatalogRule, RuleCatalog } from "./rule-catalog.ts";
import { collisions } from "./rule-catalog-checks.ts";
import { parseXml, type XmlNode } from "./xml.ts";

/** Ids of the community's MISP rules, which ours take over. */
export const COMMUNITY: ReadonlySet<number> = new Set([100_620, 100_621, 100_622]);

const WHY = "rules 100620 to 100622 are in Tipline's file now, and a second one of an id is dropped";

/**
 * Takes the community's rules out of the files that have them, whose new texts it gives; "" for one that goes. Throws where other
 * rules have their ids.
 */
export function takeOver(
  draft: Draft,
  { named }: Pick<RuleCatalog, "named">,
  foreign: readonly CatalogRule[],
  notes: string[],
): ReadonlyMap<string, string> {
  const theirs = collisions({ rules: foreign }, COMMUNITY, []);
  const stranger = theirs.find((rule) => !isMispRule(rule));
  if (stranger)
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `rule id ${stranger.id} is taken by ${stranger.file}:${stranger.line} ("${stranger.description.slice(0, 80)}"), which is no rule of a MISP integration: give it another id, because 100620 to 100622 are those that dashboards and responses look for`,
    );
  const files = new Set(theirs.map((rule) => rule.file));
  return new Map([...files].map((file) => [file, takeOut(draft, file, named, notes)]));
}

/** The community's rules ask for a field of the integration's, and have groups named after it. */
function isMispRule({ fields, groups }: CatalogRule): boolean {
  return (
    fields.some(({ name }) => name === "integration" || name.startsWith("misp.")) ||
    groups.some((name) => /^misp/i.test(name))
  );
}

/** Takes the community's rules out of a file, and the file away where nothing else is in it. */
function takeOut(draft: Draft, file: string, named: readonly string[], notes: string[]): string {
  const path = join(draft.prefix, file);
  const text = draft.text(path) ?? "";
  if (file.startsWith("ruleset/"))
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `${file} has rules 100620 to 100622 among Wazuh's own, which the next upgrade overwrites: move them to etc/rules, then try again`,
    );
  const { splices, left } = splicesFor(text, file);
  // A file of comments alone keeps analysisd from starting, one of no bytes does not [source: rules.c].
  const rest = left > 0 ? applySplices(text, splices) : "";
  const stays = left > 0 || basename(file) === "local_rules.xml" || named.includes(file);
  if (stays) draft.write(path, rest, WHY);
  else draft.remove(path, WHY);
  notes.push(
    `${file}: rules 100620 to 100622 ${left === 0 ? "were all it had" : "are taken out"}; Tipline's have the same ids, groups and fields. If you had changed theirs (level, e-mail), change Tipline's by a rule with overwrite="yes" in a file that sorts after it`,
  );
  return rest;
}

/** What to cut, and how many groups stay. */
function splicesFor(text: string, file: string): { readonly splices: readonly Splice[]; readonly left: number } {
  const isTheirs = ({ name, attributes }: XmlNode) =>
    name === "rule" && COMMUNITY.has(Number(attributes.get("id"))) && attributes.get("overwrite") !== "yes";
  const splices: Splice[] = [];
  let left = 0;
  for (const group of parseXml(text, file)) {
    const gone = group.children.filter(isTheirs);
    const all = gone.length > 0 && gone.length === group.children.length;
    // `<var>` alone is as empty as a comment.
    if (!all && group.name === "group") left++;
    for (const node of all ? [group] : gone) splices.push({ ...wholeLines(text, node), text: "" });
  }
  return { splices, left };
}
