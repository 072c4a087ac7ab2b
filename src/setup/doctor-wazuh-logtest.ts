import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type FiredRule, type LogtestResult, logtest } from "../clients/wazuh-logtest.ts";
import { type Check, fail, ok, skip, unseen } from "./checks.ts";
import { accessOf, ownIdentity, shellWord } from "./doctor-host-access.ts";
import type { Hop } from "./doctor-line-walk.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { lastReload } from "./doctor-wazuh-reload.ts";
import { IDS, RULE_HOPS, type RuleFacts, readRules } from "./doctor-wazuh-rules.ts";
import { SAMPLE_LOCATION, SAMPLE_LOG } from "./doctor-wazuh-sample.ts";
import { since } from "./wazuh/installation.ts";

/** Evidence of Tipline's own that rules of ours fire: when the canary was last seen as an alert, epoch ms. */
export type LastFired = () => number | undefined;

/** What analysisd itself says: of the rules on disk, and of those that it runs with. */
export function logtestHops(facts: WazuhFacts, install: string, lastFired: LastFired): readonly Hop[] {
  return [
    {
      name: "logtest",
      needs: ["analysisd", "alert level", ...RULE_HOPS],
      look: async (_, signal) => [await tried(facts, install, signal)],
    },
    {
      name: "rules in force",
      needs: ["analysisd", "alerts.json", ...RULE_HOPS, "logtest"],
      look: async () => [await inForce(facts, lastFired)],
    },
  ];
}

async function tried(facts: WazuhFacts, install: string, signal: AbortSignal): Promise<Check> {
  const name = "logtest";
  const reading = facts.conf();
  const enabled = reading.status === "read" ? reading.conf.last("rule_test", "enabled")?.trim() : undefined;
  if (enabled === "no") return skip(name, "switched off in ossec.conf (<rule_test>)");
  const event = { event: SAMPLE_LOG, location: SAMPLE_LOCATION, logFormat: "json" };
  const result = await logtest(facts.paths.logtestSocket, event, signal);
  if (result.status === "unreachable") return unreachable(facts, result);
  const bad = result.messages.filter((message) => /^(?:WARNING|ERROR)|CRITICAL/.test(message));
  if (result.status === "refused")
    return fail(
      name,
      `the ruleset cannot be loaded: ${(bad[0] ?? result.messages[0] ?? "").slice(0, 300)}`,
      `${shellWord(facts.paths.analysisdBinary)} -t (it names the file and the line)`,
    );
  return verdict(readRules(facts), result, install, bad);
}

function verdict(
  rules: RuleFacts,
  { rule, alert, decoder }: Extract<LogtestResult, { status: "evaluated" }>,
  install: string,
  warnings: readonly string[],
): Check {
  const name = "logtest";
  const fired = words(rule);
  if (rule === undefined || !isOrBelow(rules, Number(rule.id), IDS.match))
    return fail(
      name,
      `a finding fires ${fired} instead of rule ${IDS.match} (decoder ${decoder === "" ? "none" : decoder})`,
      install,
    );
  const ours = warnings.find((warning) => [...rules.ids].some((id) => warning.includes(`'${id}'`)));
  if (ours !== undefined) return fail(name, `a finding fires ${fired}, but ${ours.slice(0, 300)}`, install);
  if (!alert) return fail(name, `a finding fires ${fired}, and no alert is written of it`, install);
  return ok(name, `a finding fires ${fired}`);
}

function words(rule: FiredRule | undefined): string {
  return rule === undefined ? "no rule" : `rule ${rule.id} (level ${rule.level}): ${rule.description.slice(0, 160)}`;
}

/** A rule of the user's own below 100622 takes findings on purpose. */
function isOrBelow({ loaded }: RuleFacts, id: number, ancestor: number): boolean {
  const seen = new Set<number>();
  const above = [id];
  for (let at = above.pop(); at !== undefined; at = above.pop()) {
    if (at === ancestor) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    above.push(...(loaded.byId.get(at)?.ifSid ?? []));
  }
  return false;
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
