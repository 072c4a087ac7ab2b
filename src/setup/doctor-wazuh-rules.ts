import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { type Check, fail, ok, skip, unseen, warn } from "./checks.ts";
import { accessOf, ownIdentity, shellWord } from "./doctor-host-access.ts";
import type { Hop } from "./doctor-line-walk.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { SAMPLE } from "./doctor-wazuh-sample.ts";
import { type CatalogRule, loadRules, type RuleCatalog } from "./wazuh/rule-catalog.ts";
import { type LoadedRules, loadedRules, type RuleProblem, swallowersOf } from "./wazuh/rule-catalog-checks.ts";
import { DEFAULT_BLOCK, RULES_FILE, ruleIds } from "./wazuh/rules.ts";

/** The rules as the files have them; what analysisd runs with may be older. */
export interface RuleFacts {
  readonly catalog: RuleCatalog;
  readonly loaded: LoadedRules;
  /** Files that define 100622, or Tipline's own; relative to the prefix. */
  readonly ours: readonly string[];
  /** Ids that these files define. */
  readonly ids: ReadonlySet<number>;
}

export const IDS = ruleIds(DEFAULT_BLOCK);
/** Hops without which rules cannot be judged. */
export const RULE_HOPS = [
  "rules file",
  "rules readable",
  "rules XML",
  "duplicate ids",
  "rule parents",
  "rule order",
  "rule levels",
  "swallowing rules",
] as const;

/** Every reason for which rule 100622 may stay silent that can be read from the files. */
export function ruleHops(facts: WazuhFacts, install: string): readonly Hop[] {
  const rules = () => readRules(facts);
  return [
    { name: "rules file", needs: ["ossec.conf"], look: () => [rulesFile(facts, rules(), install)] },
    { name: "rules readable", needs: ["rules file"], look: () => readable(facts, rules()) },
    { name: "rules XML", needs: ["ossec.conf", "rules readable"], look: () => [wellFormed(facts, rules(), install)] },
    {
      name: "duplicate ids",
      needs: ["rules file", "rules readable", "rules XML"],
      look: () => duplicates(facts, rules(), install),
    },
    {
      name: "rule parents",
      needs: ["rules file", "rules readable", "rules XML"],
      look: () => orphans(facts, rules(), install, "missing"),
    },
    {
      name: "rule order",
      needs: ["rules file", "rules readable", "rules XML"],
      look: () => orphans(facts, rules(), install, "late"),
    },
    {
      name: "rule levels",
      needs: ["rule parents", "rule order", "duplicate ids"],
      look: () => [levels(rules(), install)],
    },
    {
      name: "swallowing rules",
      needs: ["rule parents", "rule order", "duplicate ids"],
      look: () => swallowers(facts, rules(), install),
    },
    { name: "alert level", needs: ["ossec.conf"], look: () => [alertLevel(facts, rules())] },
  ];
}

const READ = new WeakMap<WazuhFacts, RuleFacts>();

/** Reads some 180 files, once for each examination. */
export function readRules(facts: WazuhFacts): RuleFacts {
  const rules = READ.get(facts) ?? readAll(facts);
  READ.set(facts, rules);
  return rules;
}

function readAll(facts: WazuhFacts): RuleFacts {
  const reading = facts.conf();
  if (reading.status !== "read") throw new Error(reading.message);
  const { user } = facts.installation();
  const catalog = loadRules(facts.installation(), reading.conf, { reader: user });
  const own = `etc/rules/${RULES_FILE}`;
  const ours = new Set(
    catalog.rules.filter(({ id, overwrite }) => id === IDS.match && !overwrite).map(({ file }) => file),
  );
  // Where Tipline's own file is there, another one with its ids is a stranger, whatever it defines.
  const files = catalog.files.includes(own) ? [own] : [...ours].slice(0, 1);
  const ids = new Set(catalog.rules.filter(({ file }) => files.includes(file)).map(({ id }) => id));
  return { catalog, loaded: loadedRules(catalog), ours: files, ids };
}

function rulesFile(facts: WazuhFacts, { ours, catalog }: RuleFacts, install: string): Check {
  const name = "rules file";
  const { localRules, ossecConf } = facts.paths;
  const mine = accessOf(localRules, ownIdentity(), "read");
  if (mine.status === "no" || mine.status === "unseen")
    return unseen(name, `${localRules} may not be read by ${ownIdentity().name}`, "sudo tipline doctor");
  const path = join(localRules, RULES_FILE);
  if (existsSync(path) && !catalog.files.some((file) => basename(file) === RULES_FILE)) {
    const remedy = excludedBy(facts) ?? `at the end of <ruleset> in ${ossecConf}: <rule_dir>etc/rules</rule_dir>`;
    return fail(
      name,
      `${path} is there, but ossec.conf does not have it loaded`,
      `${remedy}, then ${managerCommand(facts.paths, "restart")}`,
    );
  }
  if (ours.length === 0 && catalog.problems.some(({ kind }) => kind === "broken"))
    return skip(name, `no rule ${IDS.match} in what can be read`);
  if (ours.length === 0)
    return fail(name, `no rule ${IDS.match} in ${localRules}: no finding can become an alert`, install);
  return ok(name, ours.join(", "));
}

function excludedBy(facts: WazuhFacts): string | undefined {
  const reading = facts.conf();
  if (reading.status !== "read") return undefined;
  const node = reading.conf.all("ruleset", "rule_exclude").find(({ text }) => basename(text.trim()) === RULES_FILE);
  return (
    node && `take <rule_exclude>${node.text.trim()}</rule_exclude> (line ${node.line}) out of ${facts.paths.ossecConf}`
  );
}

/** By owners and modes for the manager's user: that we can read a file says nothing. */
function readable(facts: WazuhFacts, { ours, catalog }: RuleFacts): readonly Check[] {
  const name = "rules readable";
  const { subject, paths } = facts;
  const { prefix } = subject;
  const manager = facts.managerIdentity();
  const restart = managerCommand(paths, "restart");
  const checks: Check[] = [];
  for (const file of ours) {
    const access = manager && accessOf(join(prefix, file), manager, "read");
    if (access?.status !== "no") continue;
    const fix = access.remedy.startsWith("usermod ")
      ? `chown ${[...(manager?.gids ?? [])].map((gid) => `${manager?.uid}:${gid}`)[0]} ${shellWord(access.at)}`
      : access.remedy;
    checks.push(
      fail(
        name,
        `wazuh-analysisd may not ${access.need} ${access.at} (${access.mode}): it warns (1103) and goes on without these rules`,
        `${fix} && ${restart}`,
      ),
    );
  }
  for (const { kind, file, reason } of catalog.problems) {
    if (kind !== "unreadable" || ours.includes(file)) continue;
    const mine = accessOf(join(prefix, file), ownIdentity(), "read");
    const hidden = mine.status === "no" && subject.who.uid !== process.geteuid?.();
    checks.push(
      hidden
        ? unseen(name, `${file} may not be read by ${ownIdentity().name}`, "sudo tipline doctor")
        : warn(name, `${file} is not loaded: ${reason}`, `chmod g+r ${shellWord(join(prefix, file))} && ${restart}`),
    );
  }
  return checks.length > 0 ? checks : [ok(name, `${catalog.files.length} files, ${catalog.rules.length} rules`)];
}

function wellFormed(facts: WazuhFacts, { catalog, ours }: RuleFacts, install: string): Check {
  const name = "rules XML";
  const broken = catalog.problems.find(({ kind }) => kind === "broken");
  if (broken === undefined) return ok(name, "every file can be read as XML");
  const path = join(facts.subject.prefix, broken.file);
  const own = basename(broken.file) === RULES_FILE || ours.includes(broken.file);
  return fail(
    name,
    `${broken.file}: ${broken.reason}: wazuh-analysisd does not start with it`,
    own
      ? // The installer changes nothing while analysisd cannot load what is there.
        `mv ${shellWord(path)} ${shellWord(`${path}.broken`)} && ${install}`
      : `correct ${path}, look with ${shellWord(facts.paths.analysisdBinary)} -t, then ${managerCommand(facts.paths, "restart")}`,
  );
}

function duplicates(facts: WazuhFacts, rules: RuleFacts, install: string): readonly Check[] {
  const name = "duplicate ids";
  const found = rules.loaded.problems.filter(
    (problem): problem is Extract<RuleProblem, { kind: "duplicate" }> =>
      problem.kind === "duplicate" && rules.ids.has(problem.rule.id),
  );
  if (found.length === 0) return [ok(name, `${rules.ids.size} rules of ours, each once`)];
  const files = new Map<string, number[]>();
  for (const { rule, first } of found) {
    const other = rules.ours.includes(first.file) ? rule : first;
    files.set(other.file, [...(files.get(other.file) ?? []), other.id]);
  }
  return [...files].map(([file, ids]) =>
    fail(
      name,
      `${file} has ${ids
        .sort((a, b) => a - b)
        .slice(0, 6)
        .join(", ")} as well: the first that is read wins, the other is dropped (7612)`,
      rules.ours.includes(file) ? install : aside(facts, rules, file, ids),
    ),
  );
}

/** A file that has nothing but our ids is put aside; of another one only the rules go. */
function aside(facts: WazuhFacts, { catalog, ids: mine }: RuleFacts, file: string, ids: readonly number[]): string {
  const path = join(facts.subject.prefix, file);
  const restart = managerCommand(facts.paths, "restart");
  const all = catalog.rules.filter((rule) => rule.file === file);
  const own = new Set([...mine, IDS.parent, IDS.error, IDS.match]);
  if (all.every(({ id }) => own.has(id))) return `mv ${shellWord(path)} ${shellWord(`${path}.off`)} && ${restart}`;
  const lines = all.filter(({ id }) => ids.includes(id)).map(({ id, line }) => `${id} (line ${line})`);
  return `take rules ${lines.join(", ")} out of ${path}, then ${restart}`;
}

/** Rules of ours without their parent, and rules of others that hang on ours in vain. */
function orphans(facts: WazuhFacts, rules: RuleFacts, install: string, kind: "missing" | "late"): readonly Check[] {
  const name = kind === "late" ? "rule order" : "rule parents";
  const found = rules.loaded.problems.filter(
    (problem): problem is Extract<RuleProblem, { kind: "orphan" }> =>
      problem.kind === "orphan" &&
      (problem.later !== undefined) === (kind === "late") &&
      (rules.ids.has(problem.rule.id) || rules.ids.has(Number(problem.wanted))) &&
      // A child of a rule that is itself an orphan is the consequence, not the cause.
      !rules.loaded.problems.some((other) => other.kind === "orphan" && String(other.rule.id) === problem.wanted),
  );
  if (found.length === 0)
    return [ok(name, kind === "late" ? "every parent is read before its children" : "every parent is there")];
  return found.slice(0, 5).map(({ rule, wanted, later }) => {
    const where = `rule ${rule.id} (${rule.file}:${rule.line})`;
    const words =
      later === undefined
        ? `hangs on ${wanted}, which is nowhere`
        : `is read before its parent ${wanted} (${later.file}:${later.line})`;
    return fail(
      name,
      `${where} ${words}: it is ignored (7617, 7619)`,
      rules.ours.includes(rule.file) ? install : laterName(facts, rule),
    );
  });
}

/** Files are read in the order of their names. */
function laterName(facts: WazuhFacts, rule: CatalogRule): string {
  const path = join(facts.subject.prefix, rule.file);
  const renamed = join(path, "..", `zz_${basename(path)}`);
  return `mv ${shellWord(path)} ${shellWord(renamed)} && ${managerCommand(facts.paths, "restart")}`;
}

function levels({ loaded }: RuleFacts, install: string): Check {
  const name = "rule levels";
  const parent = loaded.byId.get(IDS.parent);
  const match = loaded.byId.get(IDS.match);
  if (match === undefined) return skip(name, `no rule ${IDS.match}`);
  if (match.level === 0)
    return fail(name, `${IDS.match} has level 0 (${match.file}:${match.line}): nothing is alerted`, install);
  if (parent !== undefined && (parent.level === 1 || parent.level === 2))
    return fail(
      name,
      `${IDS.parent} has level ${parent.level} (${parent.file}:${parent.line}): it loses to rule 1002, which takes words like error and attack`,
      install,
    );
  return ok(name, `${IDS.parent} ${parent?.level ?? "absent"}, ${IDS.match} ${match.level}`);
}

function swallowers(facts: WazuhFacts, rules: RuleFacts, install: string): readonly Check[] {
  const name = "swallowing rules";
  const taken = [IDS.parent, IDS.match].flatMap((id) => swallowersOf(rules.loaded, id, SAMPLE));
  const strangers = taken.filter(({ id }) => !rules.ids.has(id));
  if (strangers.length === 0) return [ok(name, "no other rule takes our events first")];
  return strangers
    .slice(0, 5)
    .map((rule) =>
      fail(
        name,
        `rule ${rule.id}, level ${rule.level} (${rule.file}:${rule.line}) takes our events before rule ${IDS.match} is tried`,
        rules.ours.includes(rule.file) ? install : laterOrOut(facts, rule),
      ),
    );
}

function laterOrOut(facts: WazuhFacts, rule: CatalogRule): string {
  if (rule.level === 0 && rule.file < `etc/rules/${RULES_FILE}` && rule.file.startsWith("etc/rules/"))
    return laterName(facts, rule);
  return `take rule ${rule.id} out of ${join(facts.subject.prefix, rule.file)} (line ${rule.line}), then ${managerCommand(facts.paths, "restart")}`;
}

const STOCK_LEVEL = 3;

function alertLevel(facts: WazuhFacts, rules: RuleFacts): Check {
  const name = "alert level";
  const reading = facts.conf();
  const given = reading.status === "read" ? reading.conf.last("alerts", "log_alert_level")?.trim() : undefined;
  const level = given === undefined ? STOCK_LEVEL : Number(given);
  const remedy = `in ${facts.paths.ossecConf}: <log_alert_level>${STOCK_LEVEL}</log_alert_level>, then ${managerCommand(facts.paths, "restart")}`;
  // As it is written, also where something else keeps it from being loaded.
  const match = rules.catalog.rules.find(({ id }) => id === IDS.match);
  if (!Number.isInteger(level)) return fail(name, `log_alert_level is "${(given ?? "").slice(0, 40)}"`, remedy);
  if (match !== undefined && match.level > 0 && match.level < level)
    return fail(
      name,
      `log_alert_level is ${level}: a match (rule ${IDS.match}, level ${match.level}) is not written`,
      remedy,
    );
  if (level > STOCK_LEVEL)
    return warn(name, `log_alert_level is ${level}: alerts below, logins among them, are never seen`, remedy);
  return ok(name, `log_alert_level ${level}`);
}
