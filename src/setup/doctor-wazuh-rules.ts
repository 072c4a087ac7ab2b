import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Check, fail, ok, skip, unseen, warn } from "./checks.ts";
import { accessOf, ownIdentity, shellWord } from "./doctor-host-access.ts";
import type { Hop } from "./doctor-line-walk.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { IDS, isOurName, type RuleFacts, readRules } from "./doctor-wazuh-rule-facts.ts";
import { orphans } from "./doctor-wazuh-rule-order.ts";
import { takeOut } from "./doctor-wazuh-rule-remedies.ts";
import { blinded, swallowers } from "./doctor-wazuh-swallowers.ts";
import { RULES_FILES } from "./wazuh/plan-rules-order.ts";
import type { CatalogRule } from "./wazuh/rule-catalog.ts";
import type { RuleProblem } from "./wazuh/rule-catalog-checks.ts";
import { exclusionOf } from "./wazuh/ruleset-files.ts";

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
      look: () => [levels(facts, rules(), install)],
    },
    {
      name: "swallowing rules",
      needs: ["rule parents", "rule order", "duplicate ids"],
      look: () => swallowers(facts, rules()),
    },
    {
      name: "counting rules",
      needs: ["rule parents", "rule order", "duplicate ids"],
      look: () => blinded(facts, rules()),
    },
    { name: "alert level", needs: ["ossec.conf"], look: () => [alertLevel(facts, rules())] },
  ];
}

function rulesFile(facts: WazuhFacts, { ours, catalog }: RuleFacts, install: string): Check {
  const name = "rules file";
  const { localRules } = facts.paths;
  const mine = accessOf(localRules, ownIdentity(), "read");
  if (mine.status === "no" || mine.status === "unseen")
    return unseen(name, `${localRules} may not be read by ${ownIdentity().name}`, "sudo tipline doctor");
  const there = RULES_FILES.find((file) => existsSync(join(localRules, file)));
  if (there !== undefined && !catalog.files.some(isOurName))
    return fail(
      name,
      `${join(localRules, there)} is there, but ossec.conf does not have it loaded`,
      loadRemedy(facts, there, install),
    );
  if (ours.length === 0 && catalog.problems.some(({ kind }) => kind === "broken"))
    return skip(name, `no rule ${IDS.match} in what can be read`);
  if (ours.length === 0)
    return fail(name, `no rule ${IDS.match} in ${localRules}: no finding can become an alert`, install);
  return ok(name, ours.join(", "));
}

/** Of several `<ruleset>` the last counts, and one that names no folder must not be given this one alone: both are the installer's. */
function loadRemedy(facts: WazuhFacts, file: string, install: string): string {
  const { ossecConf } = facts.paths;
  const reading = facts.conf();
  if (reading.status !== "read") return install;
  const restart = managerCommand(facts.paths, "restart");
  const node = exclusionOf(facts.subject.prefix, reading.conf, "rule", `etc/rules/${file}`);
  if (node !== undefined)
    return `take <rule_exclude>${node.text.trim()}</rule_exclude> (line ${node.line}) out of ${ossecConf}, then ${restart}`;
  const rulesets = reading.conf.all("ruleset");
  const folders = rulesets.flatMap(({ children }) => children.filter((child) => child.name === "rule_dir"));
  if (rulesets.length !== 1 || folders.length === 0) return install;
  return `at the end of <ruleset> in ${ossecConf}: <rule_dir>etc/rules</rule_dir>, then ${restart}`;
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
  const own = isOurName(broken.file) || ours.includes(broken.file);
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

function levels(facts: WazuhFacts, rules: RuleFacts, install: string): Check {
  const name = "rule levels";
  const parent = rules.loaded.byId.get(IDS.parent);
  const match = rules.loaded.byId.get(IDS.match);
  if (match === undefined) return skip(name, `no rule ${IDS.match}`);
  // Another file may overwrite a rule of ours, which no install changes.
  const remedy = (rule: CatalogRule) => (rules.ours.includes(rule.file) ? install : takeOut(facts, rules, rule));
  if (match.level === 0)
    return fail(name, `${IDS.match} has level 0 (${match.file}:${match.line}): nothing is alerted`, remedy(match));
  if (parent !== undefined && (parent.level === 1 || parent.level === 2))
    return fail(
      name,
      `${IDS.parent} has level ${parent.level} (${parent.file}:${parent.line}): it loses to rule 1002, which takes words like error and attack`,
      remedy(parent),
    );
  return ok(name, `${IDS.parent} ${parent?.level ?? "absent"}, ${IDS.match} ${match.level}`);
}

/** Wazuh's own log_alert_level. */
export const STOCK_LEVEL = 3;

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
