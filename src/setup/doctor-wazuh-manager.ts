import { join } from "node:path";
import { probeQueue } from "../clients/wazuh-analysis-probe.ts";
import { asError } from "../lib/errors.ts";
import { formatCount, formatDuration } from "../lib/units.ts";
import { type Check, fail, ok, skip, unseen, warn } from "./checks.ts";
import { accessOf, ownIdentity, shellWord } from "./doctor-host-access.ts";
import type { Hop } from "./doctor-line-walk.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import { runs } from "./doctor-wazuh-daemons.ts";
import { engineHop } from "./doctor-wazuh-engine.ts";
import { counter, rise, type Sample, type WazuhFacts, wroteCounters } from "./doctor-wazuh-facts.ts";
import { formatVersion } from "./wazuh/installation.ts";

/** The manager itself: is it there, does its configuration hold, does its analysis run. */
export function managerHops(facts: WazuhFacts): readonly Hop[] {
  return [
    { name: "installation", needs: [], look: () => [installation(facts)] },
    { name: "ossec.conf", needs: ["installation"], look: () => [ossecConf(facts)] },
    { name: "analysisd", needs: ["installation"], look: async () => [await analysisd(facts)] },
    { name: "JSON output", needs: ["ossec.conf"], look: () => [jsonOutput(facts)] },
  ];
}

/** The way in, and whether what goes in is dropped. */
export function queueHops(facts: WazuhFacts): readonly Hop[] {
  return [
    {
      name: "queue socket",
      needs: ["installation", "user and groups", "paths"],
      look: (seen) => [queueSocket(facts, seen.broken("analysisd"))],
    },
    {
      name: "events dropped",
      needs: ["analysisd"],
      look: async (_, signal) => [dropped(facts, await facts.samples(signal))],
    },
    engineHop(facts),
  ];
}

function installation(facts: WazuhFacts): Check {
  const name = "installation";
  const { prefix } = facts.subject;
  try {
    const { version } = facts.installation();
    const words = `Wazuh ${version === undefined ? "of unknown version" : formatVersion(version)} in ${prefix}`;
    if (version !== undefined && (version.major !== 4 || version.minor < 3))
      return warn(name, words, "Tipline is made for Wazuh 4.3 to 4.14: update the manager");
    return ok(name, words);
  } catch (thrown) {
    const mine = accessOf(facts.paths.ossecConf, ownIdentity(), "read");
    if (mine.status === "no" || mine.status === "unseen")
      return unseen(name, `${facts.paths.ossecConf} cannot be seen by ${ownIdentity().name}`, "sudo tipline doctor");
    return fail(name, asError(thrown).message, "tipline doctor --prefix DIR (where the manager's etc/ossec.conf is)");
  }
}

function ossecConf(facts: WazuhFacts): Check {
  const name = "ossec.conf";
  const reading = facts.conf();
  if (reading.status === "read")
    return ok(name, `${facts.paths.ossecConf}, ${reading.conf.roots.length} root elements`);
  if (reading.status === "denied")
    return unseen(name, `${facts.paths.ossecConf} may not be read by ${ownIdentity().name}`, "sudo tipline doctor");
  return fail(
    name,
    reading.message,
    `correct that line of ${facts.paths.ossecConf}, then ${shellWord(facts.paths.analysisdBinary)} -t (the manager cannot start with it)`,
  );
}

/** Whether the daemon listens on its queue; nothing is sent. */
async function analysisd({ paths, subject }: WazuhFacts): Promise<Check> {
  const name = "analysisd";
  const probe = await probeQueue(paths.queueSocket);
  if (probe.status === "listening") return ok(name, `listens on ${paths.queueSocket}`);
  const remedy = `${managerCommand(paths, "start")} (if it does not stay up: tail -50 ${shellWord(paths.ossecLog)})`;
  if (probe.code === "ECONNREFUSED") return fail(name, `is down: nobody listens on ${paths.queueSocket}`, remedy);
  if (probe.code === "ENOENT") return fail(name, `is down: ${paths.queueSocket} is not there`, remedy);
  // Not for us: whether it runs may be seen all the same.
  if (runs("wazuh-analysisd")) return ok(name, "runs (its queue cannot be asked by this user)");
  if (subject.who.self && probe.code === "EACCES") return skip(name, "its queue refuses us, which is looked at below");
  return unseen(
    name,
    `its queue ${paths.queueSocket} cannot be asked (${probe.code}) by ${ownIdentity().name}`,
    "sudo tipline doctor",
  );
}

function jsonOutput(facts: WazuhFacts): Check {
  const name = "JSON output";
  const reading = facts.conf();
  if (reading.status !== "read") return skip(name, reading.message);
  const value = reading.conf.last("global", "jsonout_output")?.trim();
  if (value === undefined || value === "yes") return ok(name, `jsonout_output ${value ?? "yes, by default"}`);
  const { ossecConf: file } = facts.paths;
  return fail(
    name,
    `jsonout_output is "${value.slice(0, 40)}": no alert is written to alerts.json`,
    `in ${file}: <jsonout_output>yes</jsonout_output>, then ${managerCommand(facts.paths, "restart")}`,
  );
}

function queueSocket({ subject }: WazuhFacts, daemonDown: boolean): Check {
  const name = "queue socket";
  if (daemonDown) return skip(name, "wazuh-analysisd, which makes it, is down");
  if (subject.writes === undefined) return skip(name, "no sink of type wazuh is configured");
  const { path } = subject.writes;
  const access = accessOf(path, subject.who, "write");
  if (access.status === "yes") return ok(name, `${subject.who.name} may write to ${path}`);
  if (access.status === "no")
    return fail(name, `${subject.who.name} may not ${access.need} ${access.at} (${access.mode})`, access.remedy);
  return unseen(name, `whether ${subject.who.name} may write to ${path} cannot be seen`, "sudo tipline doctor");
}

function dropped({ paths, subject }: WazuhFacts, both: readonly [Sample, Sample]): Check {
  const name = "events dropped";
  const [first, second] = both;
  const total = counter(second, "events_dropped");
  const more = rise(both, "events_dropped");
  if (total === undefined || more === undefined || first.state.status !== "read" || second.state.status !== "read") {
    const code = second.state.status === "unreadable" ? second.state.code : "no such counter";
    return unseen(name, `${paths.analysisState} cannot be read (${code})`, "sudo tipline doctor");
  }
  if (!wroteCounters(both))
    return unseen(
      name,
      `wazuh-analysisd has not written its counters for ${formatDuration(subject.settleMs)}: whether it drops events cannot be seen`,
      `analysisd.state_interval=5 in ${join(subject.prefix, "etc/local_internal_options.conf")}, then ${managerCommand(paths, "restart")}`,
    );
  const received = formatCount(rise(both, "events_received") ?? 0);
  if (more > 0)
    return fail(
      name,
      `wazuh-analysisd drops events: ${formatCount(more)} more while ${received} came, ${formatCount(total)} in all`,
      "lower `rate` of the sink of type wazuh, or give analysisd larger queues in etc/local_internal_options.conf (analysisd.decode_event_queue_size=131072) and restart the manager",
    );
  return ok(name, total === 0 ? "none" : `none now, ${formatCount(total)} since wazuh-analysisd was started`);
}
