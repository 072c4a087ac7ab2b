import { statSync } from "node:fs";
import { dirname } from "node:path";
import { formatBytes, formatCount, formatDuration } from "../lib/units.ts";
import { type Check, fail, ok, skip, unseen, warn } from "./checks.ts";
import { clockCheck } from "./doctor-host.ts";
import { accessOf, shellWord } from "./doctor-host-access.ts";
import type { Hop } from "./doctor-line-walk.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import {
  type ConfiguredPlace,
  counter,
  hasGrown,
  rise,
  type Sample,
  type WazuhFacts,
  type WazuhSubject,
  wroteCounters,
} from "./doctor-wazuh-facts.ts";

const OTHERS = "other managers";

/** From the manager's writing of an alert to Tipline's reading of it. */
export function alertsHops(facts: WazuhFacts): readonly Hop[] {
  const { elsewhere } = facts.subject;
  const others: Hop = {
    name: OTHERS,
    needs: ["user and groups"],
    look: () => elsewhere.map((place) => ofOther(place, facts.subject)),
  };
  return [
    ...(elsewhere.length > 0 ? [others] : []),
    { name: "paths", needs: ["installation"], look: () => paths(facts) },
    {
      name: "alerts.json",
      needs: ["installation", "JSON output", "user and groups", "paths"],
      look: (seen) => alertsFile(facts, seen.broken("analysisd")),
    },
    {
      name: "alerts growing",
      needs: ["alerts.json", "JSON output", "analysisd", "disk"],
      look: async (_, signal) => [growing(facts, await facts.samples(signal))],
    },
    { name: "alert families", needs: ["alerts.json"], look: async () => [await families(facts)] },
    { name: "clock", needs: ["alerts.json"], look: async () => [await clock(facts)] },
  ];
}

/** A source or sink that is pointed at another place than the manager's works on in silence. */
function paths({ subject, paths }: WazuhFacts): readonly Check[] {
  const name = "paths";
  const wrong: Check[] = [];
  const pairs = [
    [subject.reads, paths.alertsJson, "writes its alerts to"],
    [subject.writes, paths.queueSocket, "takes events at"],
  ] as const;
  for (const [ours, theirs, what] of pairs) {
    if (ours === undefined || sameFile(ours.path, theirs)) continue;
    wrong.push(
      fail(
        name,
        `${ours.key} is ${ours.path}, but the manager ${what} ${theirs}`,
        `${ours.key}: ${theirs}, then ${subject.restart}`,
      ),
    );
  }
  if (wrong.length > 0) return wrong;
  return [ok(name, `${subject.reads?.path ?? "no alerts"}, ${subject.writes?.path ?? "no queue"}`)];
}

/** Of another manager only what its path alone can show. */
function ofOther({ key, path, need }: ConfiguredPlace, { who }: WazuhSubject): Check {
  const access = accessOf(path, who, need);
  const manager = "`tipline doctor wazuh --prefix DIR` looks at that manager";
  if (access.status === "absent")
    return fail(OTHERS, `${key}: ${path} is not there`, `${key}: the alerts or queue of a manager; ${manager}`);
  if (access.status === "no") {
    const found = `${key}: ${who.name} may not ${access.need} ${access.at} (${access.mode})`;
    return fail(OTHERS, found, access.remedy);
  }
  return skip(OTHERS, `${key}: ${path} is another manager's: ${manager}`);
}

/** The same path, or links to the same thing. */
function sameFile(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false;
  }
}

function alertsFile({ subject, paths }: WazuhFacts, daemonDown: boolean): readonly Check[] {
  const name = "alerts.json";
  if (subject.reads === undefined) return [skip(name, "no source of type wazuh-alerts is configured")];
  const path = subject.reads.path;
  const access = accessOf(path, subject.who, "read");
  if (access.status === "absent") {
    if (daemonDown) return [skip(name, `${path} is not there, and wazuh-analysisd, which makes it, is down`)];
    return [fail(name, `${path} is not there though wazuh-analysisd runs`, managerCommand(paths, "restart"))];
  }
  if (access.status === "unseen")
    return [
      unseen(name, `whether ${subject.who.name} may read ${path} cannot be seen from here`, "sudo tipline doctor"),
    ];
  if (access.status === "no")
    return [fail(name, `${subject.who.name} may not ${access.need} ${access.at} (${access.mode})`, access.remedy)];
  // The daily files, which are followed across midnight and a downtime.
  const folder = accessOf(dirname(path), subject.who, "read");
  if (folder.status === "no")
    return [fail(name, `${subject.who.name} may not list ${folder.at} (${folder.mode})`, folder.remedy)];
  return [ok(name, `${path}, ${formatBytes(statSync(path).size)}`)];
}

/** What is counted as written must be in the file. A manager that has nothing to write is well. */
function growing({ subject, paths }: WazuhFacts, both: readonly [Sample, Sample]): Check {
  const name = "alerts growing";
  const [first, second] = both;
  const written = rise(both, "alerts_written");
  if (subject.reads === undefined) return skip(name, "no source of type wazuh-alerts is configured");
  if (written === undefined || second.log === undefined || first.log === undefined)
    return unseen(name, `${paths.analysisState} cannot be read: whether alerts are written cannot be told`, "");
  const grown = hasGrown(first, second);
  const ago = formatDuration(Math.max(0, subject.now() - second.log.changedAt));
  if (written > 0 && !grown)
    return fail(
      name,
      `wazuh-analysisd counts ${formatCount(written)} alerts written within seconds, but ${paths.alertsJson} stays as it is`,
      managerCommand(paths, "restart"),
    );
  const received = rise(both, "events_received") ?? 0;
  if (written > 0) return ok(name, `${formatCount(written)} alerts and ${formatCount(received)} events within seconds`);
  const total = counter(second, "alerts_written") ?? 0;
  if (total > 0 && second.log.size === 0 && subject.now() - second.log.changedAt < 3_600_000)
    return ok(name, "begun anew within the hour, nothing in it yet");
  const came = wroteCounters(both) ? `, ${formatCount(received)} events within seconds` : "";
  return ok(name, `quiet: the last alert was written ${ago} ago${came}`);
}

async function families(facts: WazuhFacts): Promise<Check> {
  const name = "alert families";
  const tail = await facts.tail();
  if (tail.status !== "read") return unseen(name, "alerts.json cannot be read from here", "sudo tipline doctor");
  if (tail.alerts === 0) return ok(name, "no alert in the file yet");
  const words = tail.families.map(([family, count]) => `${family} ${formatCount(count)}`).join(", ");
  const found = `of the last ${formatCount(tail.alerts)} alerts: ${words}`;
  if (tail.broken > 0 && tail.broken * 20 > tail.alerts)
    return warn(
      name,
      `${found}; ${formatCount(tail.broken)} lines are no JSON`,
      `tail -c 2000 ${shellWord(facts.paths.alertsJson)} (does something else write into it?)`,
    );
  return ok(name, found);
}

async function clock(facts: WazuhFacts): Promise<Check> {
  const { newest, status } = await facts.tail();
  if (status !== "read") return unseen("clock", "alerts.json cannot be read from here", "sudo tipline doctor");
  if (newest === undefined) return ok("clock", "no alert to tell by");
  const { mtimeMs } = statSync(facts.paths.alertsJson);
  return clockCheck(newest, mtimeMs, facts.subject.now());
}
