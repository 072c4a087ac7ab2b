import type { CatalogRule, FieldTest, RuleCatalog } from "./rule-catalog.ts";
import { compileTest } from "./rule-catalog-pattern.ts";

/** Why analysisd has a rule in a file but not in force. */
export type RuleProblem =
  /** The same id a second time without overwrite: the first wins (WARNING 7612). */
  | { readonly kind: "duplicate"; readonly rule: CatalogRule; readonly first: CatalogRule }
  /** Its parent is not there, or only comes later (WARNING 7617 or 7619): the rule is ignored. */
  | {
      readonly kind: "orphan";
      readonly rule: CatalogRule;
      /** The rule id or the group that it wants. */
      readonly wanted: string;
      /** Where the parent stands after all, too late. */
      readonly later: CatalogRule | undefined;
    };

export interface LoadedRules {
  /** In force, in the order of loading, overwritten ones in the place of the first. */
  readonly rules: readonly CatalogRule[];
  readonly byId: ReadonlyMap<number, CatalogRule>;
  readonly problems: readonly RuleProblem[];
}

/** Rule ids below are analysisd's own templates, which have no parents. */
const TEMPLATES = 10;

/** What a rule without parents hangs under: the rule that stands for its category, `syslog` if it names none. */
const TEMPLATE = "syslog";

const isTemplate = ({ id }: CatalogRule): boolean => id > 0 && id < TEMPLATES;

function hasParents({ ifSid, ifGroup, ifLevel, ifMatchedSid, ifMatchedGroup }: CatalogRule): boolean {
  return ifSid.length > 0 || [ifGroup, ifLevel, ifMatchedSid, ifMatchedGroup].some((parent) => parent !== undefined);
}

/** What analysisd makes of the files: duplicates and orphans dropped, overwrites applied. */
export function loadedRules({ rules }: Pick<RuleCatalog, "rules">): LoadedRules {
  const byId = new Map<number, CatalogRule>();
  const groups = new GroupNames();
  const problems: RuleProblem[] = [];
  const hasTemplates = rules.some(isTemplate);
  let templates = 0;
  for (const rule of rules) {
    const first = byId.get(rule.id);
    if (first !== undefined && !rule.overwrite) problems.push({ kind: "duplicate", rule, first });
    else if (first !== undefined) {
      byId.set(rule.id, overwritten(first, rule));
      groups.remove(first);
      groups.add(rule);
    } else {
      if (isTemplate(rule)) templates++;
      const rootless = hasTemplates && templates === 0 && !hasParents(rule);
      const wanted = rootless ? TEMPLATE : missingParent(rule, byId, groups);
      if (wanted !== undefined) problems.push({ kind: "orphan", rule, wanted, later: findParent(rules, wanted) });
      else {
        byId.set(rule.id, rule);
        groups.add(rule);
      }
    }
  }
  return { rules: [...byId.values()], byId, problems };
}

/** From 4.x on an overwrite keeps the parents of the first unless it names its own. */
function overwritten(first: CatalogRule, rule: CatalogRule): CatalogRule {
  return hasParents(rule) ? rule : { ...rule, ifSid: first.ifSid, ifGroup: first.ifGroup };
}

function missingParent(
  { id, ifSid, ifGroup, ifMatchedSid, ifMatchedGroup }: CatalogRule,
  byId: ReadonlyMap<number, CatalogRule>,
  groups: GroupNames,
): string | undefined {
  if (id < TEMPLATES) return undefined;
  if (ifSid.length > 0) return ifSid.some((sid) => byId.has(sid)) ? undefined : String(ifSid[0]);
  const group = ifGroup ?? (ifMatchedSid === undefined ? ifMatchedGroup : undefined);
  if (group !== undefined) return groups.has(group) ? undefined : group;
  return ifMatchedSid === undefined || byId.has(ifMatchedSid) ? undefined : String(ifMatchedSid);
}

/** Groups that rules in force have so far: those of a rule that was overwritten are gone with it. */
class GroupNames {
  readonly #rules = new Map<string, number>();

  add({ groups }: CatalogRule): void {
    for (const name of groups) this.#rules.set(name, (this.#rules.get(name) ?? 0) + 1);
  }

  remove({ groups }: CatalogRule): void {
    for (const name of groups) {
      const left = (this.#rules.get(name) ?? 0) - 1;
      if (left > 0) this.#rules.set(name, left);
      else this.#rules.delete(name);
    }
  }

  has(wanted: string): boolean {
    return [...this.#rules.keys()].some((name) => coversGroup(wanted, name));
  }
}

/** Groups are looked for as parts of names, without case: `late` finds `custom_correlated` too. */
function coversGroup(wanted: string, name: string): boolean {
  return wanted.split("|").some((part) => name.toLowerCase().includes(part.toLowerCase()));
}

/** `if_group` and `if_matched_group` with this text mean the rule. */
export function hasGroup({ groups }: CatalogRule, wanted: string): boolean {
  return groups.some((name) => coversGroup(wanted, name));
}

function findParent(rules: readonly CatalogRule[], wanted: string): CatalogRule | undefined {
  if (wanted === TEMPLATE) return rules.find(isTemplate);
  return rules.find(({ id, groups }) => String(id) === wanted || groups.some((name) => coversGroup(wanted, name)));
}

/** An event as a rule sees it. */
export interface SampleEvent {
  /** Flattened, as the decoder does: `misp.category`. */
  readonly fields: ReadonlyMap<string, string>;
  /** The message as it was sent. */
  readonly log: string;
  /** The whole location: `[001] (web-01) any->misp`. */
  readonly location: string;
  readonly decoder: string;
}

/**
 * Rules that would take the event before rule `id` is tried: its siblings (same parents) of level 0, which analysisd tries first
 * and in the order of loading, and those of a higher level than its own. A rule with a condition that cannot be judged here is
 * taken for not matching.
 */
export function swallowersOf(loaded: LoadedRules, id: number, event: SampleEvent): readonly CatalogRule[] {
  return siblingsBefore(loaded, id).filter((other) => takes(other, event));
}

/**
 * Those that may take some events like this one, whatever its fields of that prefix (`misp.`) hold: they look at such fields, and what
 * else can be judged of them holds. The event itself they need not take.
 */
export function suspectsOf(
  loaded: LoadedRules,
  id: number,
  event: SampleEvent,
  prefix: string,
): readonly CatalogRule[] {
  const varies = ({ name }: FieldTest): boolean => name.toLowerCase().startsWith(prefix);
  return siblingsBefore(loaded, id).filter(
    (rule) =>
      rule.fields.some(varies) &&
      takes({ ...rule, fields: rule.fields.filter((test) => !varies(test)), match: [], regex: [], others: [] }, event),
  );
}

/** Siblings of a rule that analysisd tries before it. */
export function siblingsBefore(loaded: LoadedRules, id: number): readonly CatalogRule[] {
  const rule = loaded.byId.get(id);
  if (rule === undefined) return [];
  const parents = parentKey(rule);
  const place = loaded.rules.indexOf(rule);
  return loaded.rules.filter(
    (other, at) =>
      other !== rule &&
      other.id >= TEMPLATES &&
      parentKey(other) === parents &&
      isBefore(other, at, rule, place) &&
      !other.noAlert,
  );
}

function parentKey({ ifSid, ifGroup, ifLevel, ifMatchedSid, ifMatchedGroup, category }: CatalogRule): string {
  return JSON.stringify([ifSid, ifGroup, ifLevel, ifMatchedSid, ifMatchedGroup, category ?? "syslog"]);
}

function isBefore(other: CatalogRule, at: number, rule: CatalogRule, place: number): boolean {
  const rank = ({ level }: CatalogRule): number => (level === 0 ? 99 : level);
  return rank(other) > rank(rule) || (rank(other) === rank(rule) && at < place);
}

/** Every condition of the rule itself holds for the event; false where one cannot be judged here. */
export function takes(rule: CatalogRule, event: SampleEvent): boolean {
  if (rule.others.length > 0 || rule.frequency !== undefined) return false;
  if (rule.decodedAs !== undefined && rule.decodedAs !== event.decoder) return false;
  // Names of fields are compared without case [source: FindField].
  const values = new Map([...event.fields].map(([name, value]) => [name.toLowerCase(), value]));
  const fields = rule.fields.every((test) => {
    const value = values.get(test.name.toLowerCase());
    return value !== undefined && (compileTest(test)?.(value) ?? false);
  });
  const texts = [...joined(rule.match), ...joined(rule.regex)].every((test) => compileTest(test)?.(event.log) ?? false);
  const location = rule.location === undefined || (compileTest(rule.location)?.(event.location) ?? false);
  return fields && texts && location;
}

/** Several `<match>` of one rule are one pattern in pieces. */
function joined(tests: CatalogRule["match"]): CatalogRule["match"] {
  const [first] = tests;
  return first === undefined ? [] : [{ ...first, pattern: tests.map(({ pattern }) => pattern).join("") }];
}

/** Highest level that any rule of a group has: 0 means that the group never alerts by itself; absent: no rule has it. */
export function groupLevels({ rules }: LoadedRules): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  for (const { groups, level, noAlert } of rules) {
    for (const group of groups) levels.set(group, Math.max(levels.get(group) ?? 0, noAlert ? 0 : level));
  }
  return levels;
}

/** Rules of other files that have one of these ids. */
export function collisions(
  { rules }: Pick<RuleCatalog, "rules">,
  ids: Iterable<number>,
  ourFiles: readonly string[],
): readonly CatalogRule[] {
  const wanted = new Set(ids);
  return rules.filter(({ id, file, overwrite }) => wanted.has(id) && !overwrite && !ourFiles.includes(file));
}

/**
 * Rules that count a group's events (`if_matched_group`) but never see those of rule `id`: once any rule counts an id
 * (`if_matched_sid`), analysisd gives its events to that list only.
 */
export function blindedCounters(loaded: LoadedRules, id: number): readonly CatalogRule[] {
  return loaded.rules.filter((rule) => countsGroupOf(loaded, rule, id));
}

/** The rule counts a group that rule `id` has, and another rule counts that id. */
export function countsGroupOf({ rules, byId }: LoadedRules, { ifMatchedGroup }: CatalogRule, id: number): boolean {
  const counted = byId.get(id);
  if (counted === undefined || ifMatchedGroup === undefined || !hasGroup(counted, ifMatchedGroup)) return false;
  return rules.some(({ ifMatchedSid }) => ifMatchedSid === id);
}

/** The rule is that one, or hangs on it by whatever way: a rule of the user's below ours takes events on purpose. */
export function isOrBelow({ rules, byId }: LoadedRules, id: number, ancestor: number): boolean {
  const seen = new Set<number>();
  const above = [id];
  for (let at = above.pop(); at !== undefined; at = above.pop()) {
    if (at === ancestor) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    const rule = byId.get(at);
    if (rule !== undefined) above.push(...parentsOf(rule, rules));
  }
  return false;
}

/** Ids of all rules that it hangs on directly, by whatever way. */
export function parentsOf(rule: CatalogRule, rules: readonly CatalogRule[]): readonly number[] {
  const { ifSid, ifGroup, ifLevel, ifMatchedSid, ifMatchedGroup } = rule;
  const group = ifGroup ?? ifMatchedGroup;
  return [
    ...ifSid,
    ...(ifMatchedSid === undefined ? [] : [ifMatchedSid]),
    ...rules
      .filter(
        (other) => (group !== undefined && hasGroup(other, group)) || (ifLevel !== undefined && other.level >= ifLevel),
      )
      .map((other) => other.id),
  ];
}
