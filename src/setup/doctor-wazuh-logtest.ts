import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type FiredRule, type LogtestResult, logtestAll } from "../clients/wazuh-logtest.ts";
import { type Check, fail, ok, skip, unseen, warn } from "./checks.ts";
import { accessOf, ownIdentity, shellWord } from "./doctor-host-access.ts";
import type { Hop } from "./doctor-line-walk.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { lastReload } from "./doctor-wazuh-reload.ts";
import { type RuleFacts, readRules } from "./doctor-wazuh-rule-facts.ts";
import { takeOut } from "./doctor-wazuh-rule-remedies.ts";
import { RULE_HOPS, STOCK_LEVEL } from "./doctor-wazuh-rules.ts";
import { since } from "./wazuh/installation.ts";
import type { CatalogRule } from "./wazuh/rule-catalog.ts";
import { isOrBelow, siblingsBefore } from "./wazuh/rule-catalog-checks.ts";
import { SAMPLES, type Sample } from "./wazuh/rule-samples.ts";

/** Evidence of Tipline's own that rules of ours fire: when the canary was last seen as an alert, epoch ms. */
export type LastFired = () => number | undefined;

/** What analysisd itself says: of the rules on disk, and of those that it runs with. */
export function logtestHops(facts: WazuhFacts, install: string, lastFired: LastFired): readonly Hop[] {
  return [
    {
      name: "logtest",
      needs: ["analysisd", "alert level", ...RULE_HOPS],
      look: (_, signal) => tried(facts, install, signal),
    },
    {
      name: "rules in force",
      needs: ["analysisd", "alerts.json", ...RULE_HOPS],
      look: async (seen) => [
        // What only could not be tried may well be in force.
        seen.broken("logtest")
          ? skip("rules in force", 'not looked at before "logtest" is mended')
          : await inForce(facts, lastFired),
      ],
    },
  ];
}

async function tried(facts: WazuhFacts, install: string, signal: AbortSignal): Promise<readonly Check[]> {
  const name = "logtest";
  const reading = facts.conf();
  const enabled = reading.status === "read" ? reading.conf.last("rule_test", "enabled")?.trim() : undefined;
  if (enabled === "no")
    return [
      unseen(
        name,
        "switched off in ossec.conf (<rule_test>): what the rules make of a finding cannot be tried",
        `in <rule_test> of ${facts.paths.ossecConf}: <enabled>yes</enabled>, then ${managerCommand(facts.paths, "restart")}`,
      ),
    ];
  const rules = readRules(facts);
  // Rules that only Tipline's own file has are not missed in the community's.
  const samples = SAMPLES.filter(({ fires }) => rules.idOf(fires) !== undefined);
  const events = samples.map(({ log, event }) => ({ event: log, location: event.location, logFormat: "json" }));
  const results = await logtestAll(facts.paths.logtestSocket, events, signal);
  const failed = results.at(-1);
  if (failed?.status === "unreachable") return [unreachable(facts, failed)];
  const bad = results.flatMap((result) => (result.status === "unreachable" ? [] : result.messages)).filter(isBad);
  if (failed === undefined || failed.status === "refused")
    return [
      fail(
        name,
        `the ruleset cannot be loaded: ${(bad[0] ?? failed?.messages[0] ?? "").slice(0, 300)}`,
        `${shellWord(facts.paths.analysisdBinary)} -t (it names the file and the line)`,
      ),
    ];
  const evaluated = results.filter((result): result is Evaluated => result.status === "evaluated");
  return verdicts({ facts, rules, install }, samples, evaluated, bad);
}

interface Trial {
  readonly facts: WazuhFacts;
  readonly rules: RuleFacts;
  /** The command that installs our rules. */
  readonly install: string;
}

type Evaluated = Extract<LogtestResult, { status: "evaluated" }>;

const isBad = (message: string): boolean => /^(?:WARNING|ERROR)|CRITICAL/.test(message);

/** One check for each rule that fires where it should not, whatever the number of samples. */
function verdicts(
  trial: Trial,
  samples: readonly Sample[],
  results: readonly Evaluated[],
  warnings: readonly string[],
): readonly Check[] {
  const name = "logtest";
  const checks = new Map<string, Check>();
  const some = results.some(({ alert }, at) => alert && samples[at]?.fires === "match");
  for (const [at, result] of results.entries()) {
    const sample = samples[at];
    const check = sample && verdict(trial, sample, result, some);
    const key = `${sample?.fires} ${result.rule?.id}`;
    if (check !== undefined && !checks.has(key)) checks.set(key, check);
  }
  if (checks.size > 0) return [...checks.values()];
  const fired = `a finding fires ${words(results[0]?.rule)}`;
  const ours = warnings.find((warning) => [...trial.rules.ids].some((id) => warning.includes(`'${id}'`)));
  if (ours !== undefined) return [fail(name, `${fired}, but ${ours.slice(0, 300)}`, trial.install)];
  return [ok(name, results.length > 1 ? `${fired}; ${results.length - 1} other events of ours fire theirs` : fired)];
}

/** Undefined: it is as it should be. `some`: findings do become alerts. */
function verdict(trial: Trial, sample: Sample, { rule, alert, decoder }: Evaluated, some: boolean): Check | undefined {
  const name = "logtest";
  const { facts, rules } = trial;
  const fired = `${sample.what} fires ${words(rule)}`;
  const wanted = rules.idOf(sample.fires);
  if (wanted === undefined) return undefined;
  if (rule === undefined || !isOrBelow(rules.loaded, Number(rule.id), wanted))
    return fail(
      name,
      `${fired} instead of rule ${wanted} (decoder ${decoder === "" ? "none" : decoder})`,
      remedy(trial, sample, rule),
    );
  const least = leastWritten(facts);
  // A log_alert_level above the stock one is told at its own hop.
  const isTold = least > STOCK_LEVEL && rule.level > 0 && rule.level < least;
  if (alert || isTold) return undefined;
  const found = `${fired}, and no alert is written of it`;
  const theirs = rules.loaded.byId.get(Number(rule.id));
  if (some && theirs !== undefined && !rules.ids.has(theirs.id))
    return warn(name, `${found}: Tipline takes it for lost and sends it again`, louder(facts, theirs));
  return fail(name, found, remedy(trial, sample, rule));
}

function words(rule: FiredRule | undefined): string {
  return rule === undefined ? "no rule" : `rule ${rule.id} (level ${rule.level}): ${rule.description.slice(0, 160)}`;
}

/** For a rule that silences some of our events on purpose: the least level that is written. */
function louder(facts: WazuhFacts, { id, file, line }: CatalogRule): string {
  return `give rule ${id} level ${leastWritten(facts)} in ${join(facts.subject.prefix, file)} (line ${line}), then ${managerCommand(facts.paths, "restart")}`;
}

function leastWritten(facts: WazuhFacts): number {
  const reading = facts.conf();
  return Number((reading.status === "read" && reading.conf.last("alerts", "log_alert_level")) || STOCK_LEVEL);
}

/** What another file overwrites or takes away, an install does not bring back. */
function remedy({ facts, rules, install }: Trial, { path, fires }: Sample, fired: FiredRule | undefined): string {
  const { loaded, ids, ours, idOf } = rules;
  const way = [...path, fires].map(idOf).filter((id) => id !== undefined);
  const id = Number(fired?.id);
  const overwritten = way.map((at) => loaded.byId.get(at)).find((rule) => rule && !ours.includes(rule.file));
  // One that is tried later than ours fires because ours do not.
  const before = way.flatMap((at) => siblingsBefore(loaded, at)).find((rule) => isOrBelow(loaded, id, rule.id));
  const below = way.some((at) => isOrBelow(loaded, id, at)) ? loaded.byId.get(id) : undefined;
  const theirs = overwritten ?? [before, below].find((rule) => rule && !ids.has(rule.id));
  return theirs === undefined ? install : takeOut(facts, rules, theirs);
}

function unreachable(facts: WazuhFacts, { code }: Extract<LogtestResult, { status: "unreachable" }>): Check {
  const name = "logtest";
  const socket = facts.paths.logtestSocket;
  const mine = accessOf(socket, ownIdentity(), "write");
  if (code === "EACCES" || mine.status === "no" || mine.status === "unseen")
    return unseen(name, `${socket} is not for ${ownIdentity().name}`, "sudo tipline doctor");
  return fail(
    name,
    `${socket} does not answer (${code}) though wazuh-analysisd runs`,
    managerCommand(facts.paths, "restart"),
  );
}

/** logtest reads the files; analysisd runs with what it read when it started or was last told to reload. */
async function inForce(facts: WazuhFacts, lastFired: LastFired): Promise<Check> {
  const name = "rules in force";
  const rules = readRules(facts);
  const changedAt = Math.max(...rules.ours.map((file) => changed(join(facts.subject.prefix, file))));
  const startedAt = startOf(facts.paths.analysisState);
  if (startedAt === undefined)
    return unseen(name, "when wazuh-analysisd was started cannot be seen", "sudo tipline doctor");
  if (startedAt >= changedAt) return ok(name, "wazuh-analysisd was started after the rules were written");
  const { rules: seen } = await facts.tail();
  const times = [...rules.ids].map((id) => seen.get(String(id)) ?? 0);
  if (Math.max(...times, lastFired() ?? 0) > changedAt)
    return ok(name, "one of ours fired after the rules were written");
  // Its log has seconds.
  if ((lastReload(facts.paths.ossecLog) ?? 0) + 1000 > changedAt)
    return ok(name, "wazuh-analysisd read them again after they were written, by its log");
  const { version } = facts.installation();
  const found = "the rules were changed after wazuh-analysisd was started";
  const restart = managerCommand(facts.paths, "restart");
  // Of a reload its log alone tells, and that may have been rotated, or not be for us.
  if (version !== undefined && since(version, 13))
    return unseen(
      name,
      `${found}; whether it was told to reload them cannot be seen before one of ours fires`,
      restart,
    );
  return fail(name, `${found}, and Wazuh before 4.13 reads them at its start only`, restart);
}

/** When the daemon was started: its pid file is written then. */
function startOf(stateFile: string): number | undefined {
  try {
    const folder = dirname(stateFile);
    const files = readdirSync(folder).filter((file) => /^wazuh-analysisd-\d{1,10}\.pid$/.test(file));
    const times = files.map((file) => changed(join(folder, file)));
    return times.length === 0 ? undefined : Math.max(...times);
  } catch {
    return undefined;
  }
}

function changed(path: string): number {
  return statSync(path).mtimeMs;
}
