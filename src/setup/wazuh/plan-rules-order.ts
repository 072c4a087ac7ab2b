import { basename, join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import type { Draft } from "./plan-draft.ts";
import { type CatalogRule, parseRules, type RuleCatalog } from "./rule-catalog.ts";
import { type LoadedRules, loadedRules, type RuleProblem } from "./rule-catalog-checks.ts";
import { certainTakers, type OursAmong, type Taker } from "./rule-takers.ts";
import { RULES_FILE } from "./rules.ts";
import { byName } from "./ruleset-files.ts";
import { VISIBILITY_FILES } from "./visibility.ts";

/**
 * Names that our rules file may have, the usual one first. Files are read in the order of their names, whatever their folders: the
 * others come after Wazuh's own files (the last is 0999-…), or at least after 0010-rules_config.xml, whose templates every rule needs.
 */
export const RULES_FILE_NAMES = [RULES_FILE, "1000-tipline_rules.xml", "0011-tipline_rules.xml"] as const;

/** Those, and one of earlier builds: before the templates, where no rule of ours was loaded. */
export const RULES_FILES: readonly string[] = [...RULES_FILE_NAMES, "0000-tipline_rules.xml"];

function ourRuleFileNames(): readonly string[] {
  return [...RULES_FILES, ...VISIBILITY_FILES.filter(({ kind }) => kind === "rules").map(({ name }) => name)];
}

/** A file's rules as they shall be. */
export interface RuleFile {
  readonly file: string;
  readonly rules: readonly CatalogRule[];
}

/** Files that are not ours, with what the plan leaves in them: `changed` has the new texts. */
export function foreignFiles(
  { files, rules }: Pick<RuleCatalog, "files" | "rules">,
  changed: ReadonlyMap<string, string>,
): readonly RuleFile[] {
  const ours = new Set(ourRuleFileNames());
  const byFile = new Map<string, CatalogRule[]>();
  for (const rule of rules) byFile.set(rule.file, [...(byFile.get(rule.file) ?? []), rule]);
  return files
    .filter((file) => !ours.has(basename(file)))
    .map((file) => {
      const text = changed.get(file);
      return { file, rules: text === undefined ? (byFile.get(file) ?? []) : parseRules(text, file) };
    });
}

/** Our own as they shall be. */
export function ourRuleFiles(draft: Draft, folder: string): readonly RuleFile[] {
  return ourRuleFileNames().flatMap((name) => {
    const text = draft.text(join(folder, name));
    return text === undefined ? [] : [{ file: `etc/rules/${name}`, rules: parseRules(text, name) }];
  });
}

/** All rules in the order in which analysisd reads them. */
export function inOrder(files: readonly RuleFile[]): readonly CatalogRule[] {
  return [...files].sort((a, b) => byName(a.file, b.file)).flatMap(({ rules }) => rules);
}

/** What comes of a name for our file. */
export interface NameTried {
  readonly name: string;
  /** Rules that are left out. */
  readonly problems: readonly RuleProblem[];
  /** Rules of others that take events of ours. */
  readonly takers: readonly Taker[];
}

type IdOf = OursAmong["idOf"];

/**
 * The name with which fewest rules are left out and then fewest take events of ours; the usual one if it is as good. One of the user's
 * may hang under ours and be read early, or, of level 0, be tried before ours because it is read before.
 */
export function bestName(theirs: readonly RuleFile[], rules: readonly CatalogRule[], idOf: IdOf): NameTried {
  const ids = new Set(rules.map(({ id }) => id));
  const tried = RULES_FILE_NAMES.map((name): NameTried => {
    const loaded = loadedRules({ rules: inOrder([...theirs, { file: `etc/rules/${name}`, rules }]) });
    return { name, problems: loaded.problems, takers: certainTakers({ loaded, ids, idOf }) };
  });
  return tried.reduce((best, next) => (isBetter(next, best) ? next : best));
}

function isBetter(one: NameTried, other: NameTried): boolean {
  const dropped = one.problems.length - other.problems.length;
  return dropped < 0 || (dropped === 0 && one.takers.length < other.takers.length);
}

/** That name. Throws where with each of them a rule is left out that is not left out now. */
export function chooseName(theirs: readonly RuleFile[], text: string, now: LoadedRules, idOf: IdOf): NameTried {
  const best = bestName(theirs, parseRules(text, RULES_FILE), idOf);
  const known = new Set(now.problems.map(keyOf));
  const dropped = best.problems.find((problem) => !known.has(keyOf(problem)));
  if (dropped === undefined) return best;
  const { rule } = dropped;
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    `${rule.file}:${rule.line}: rule ${rule.id} ("${rule.description.slice(0, 80)}") would be dropped, because its parent or first version is not read before it: move it to a file of etc/rules whose name sorts after ${RULES_FILE}, then try again`,
  );
}

function keyOf({ kind, rule }: RuleProblem): string {
  return `${kind} ${rule.id} ${rule.file}`;
}
