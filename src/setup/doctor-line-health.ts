import { formatDuration } from "../lib/units.ts";
import { get, isJsonObject } from "../model/json.ts";
import { type CanaryState, readCanaryState } from "../store/canary-state.ts";
import { type Check, fail, ok, skip } from "./checks.ts";
import { IN_FORCE, type LineSubject, reportOf } from "./doctor-line.ts";
import type { Hop, Seen } from "./doctor-line-walk.ts";
import { API_RULES, wazuhApiHopOf } from "./doctor-wazuh-api.ts";
import { EVENTS_PROCESSED } from "./doctor-wazuh-engine.ts";

/** What of Wazuh a trouble of a source or of the sink may come from. */
const READING = ["installation", "paths", "user and groups", "JSON output", "alerts.json", "alerts growing", "disk"];
const RULES = [
  ...["rules file", "rules readable", "rules XML", "duplicate ids", "rule parents", "rule order", "rule levels"],
  ...["swallowing rules", "alert level", "logtest", "rules in force", API_RULES],
];
const SENDING = [
  "installation",
  "paths",
  "user and groups",
  "analysisd",
  "queue socket",
  "events dropped",
  "disk",
  EVENTS_PROCESSED,
];
const ALL = [...new Set([...READING, ...RULES, ...SENDING, "run", IN_FORCE, "generation"])];

/** How many times its interval a canary may be overdue before its silence is a fault. */
const OVERDUE = 3;
const LEAST_OVERDUE_MS = 60_000;
/** As the line has it. */
const BEHIND_MS = 10_000;
/** What the line's trouble with its canary begins with. */
const CANARY = "canary:";

/** Last of all: what the running line complains of that nothing above explains. */
export function healthHops(subject: LineSubject): readonly Hop[] {
  return [
    { name: "canary", needs: ["run"], look: async (seen) => [await canary(subject, seen)] },
    { name: "health", needs: ["run"], look: async (seen) => [health(subject, await troublesOf(subject), seen)] },
  ];
}

async function troublesOf(subject: LineSubject): Promise<readonly string[]> {
  const troubles = get(await reportOf(subject), "troubles");
  return Array.isArray(troubles) ? troubles.filter((item): item is string => typeof item === "string") : [];
}

/** A source has lines to read that are older than so many ms. */
async function isBehind(subject: LineSubject): Promise<boolean> {
  const sources = get(await reportOf(subject), "sources");
  return Object.values(isJsonObject(sources) ? sources : {}).some((source) => {
    const seconds = get(source, "seconds");
    return get(source, "bytes") !== 0 && typeof seconds === "number" && seconds * 1000 >= BEHIND_MS;
  });
}

/** Proof of the whole way: an event of ours was read, matched, delivered and seen as an alert. */
async function canary(subject: LineSubject, seen: Seen): Promise<Check> {
  const name = "canary";
  const { stateDir, now, restart } = subject;
  const state = readCanaryState(stateDir);
  const explained = seen.broken(...ALL, "reading");
  const found = missing(state, await troublesOf(subject), now());
  if (found !== undefined) {
    return explained
      ? skip(name, `${found}; explained by what is broken above`)
      : fail(name, found, `${restart} (and look again when the next canary is due)`);
  }
  if (state === undefined || !state.enabled) return skip(name, "no canary is sent");
  const overdue = overdueMs(state, now());
  const isUnread = state.waitsFor === "read" || state.waitsFor === "rule";
  // By this clock alone: the line itself knows whether its source catches up, and tells when it does not.
  if (overdue > 0 && isUnread && (await isBehind(subject)))
    return skip(name, "its alert is not read yet: the source is catching up");
  if (overdue > 0 && !explained)
    return fail(name, `${overdueWords(state)} for ${formatDuration(now() - waitsSince(state))}`, restart);
  if (state.lastReturnedAt === undefined) return ok(name, "the first one is on its way");
  const took = state.roundTripMs === undefined ? "" : ` after ${formatDuration(state.roundTripMs)}`;
  const rule = state.rule === undefined ? "" : `, as rule ${state.rule.id} (level ${state.rule.level})`;
  return ok(name, `came back ${formatDuration(now() - state.lastReturnedAt)} ago${took}${rule}`);
}

/** When one last came back; where none ever did, when the last was sent or (none was) the line began. */
function waitsSince({ lastReturnedAt, lastSentAt, updatedAt }: CanaryState): number {
  return lastReturnedAt ?? lastSentAt ?? updatedAt;
}

function overdueWords({ lastReturnedAt, lastSentAt }: CanaryState): string {
  if (lastReturnedAt !== undefined) return "none came back";
  return lastSentAt === undefined ? "none was sent" : "the first one did not come back";
}

/** That the last one is missing: as the file has it or, where that cannot be read or is not written any more, as the line says. */
function missing(state: CanaryState | undefined, troubles: readonly string[], now: number): string | undefined {
  if (state?.enabled && state.missing !== undefined)
    return `is missing since ${new Date(state.missing.since).toISOString()}: ${state.missing.message}`;
  const told = troubles.find((trouble) => trouble.startsWith(CANARY));
  // It may have come back since the line was asked.
  const fresh = state?.enabled && now - state.updatedAt < LEAST_OVERDUE_MS;
  return told === undefined || fresh ? undefined : told.slice(CANARY.length).trimStart();
}

function overdueMs(state: CanaryState, now: number): number {
  const { intervalMs, timeoutMs } = state;
  if (intervalMs === undefined) return 0;
  const patience = Math.max(LEAST_OVERDUE_MS, OVERDUE * intervalMs + (timeoutMs ?? 0));
  return now - waitsSince(state) - patience;
}

function health({ feeds, restart }: LineSubject, troubles: readonly string[], seen: Seen): Check {
  const name = "health";
  const hopOf = new Map(feeds.map((feed) => [feed.name, feed.hop]));
  const left = troubles.filter((trouble) => !seen.broken(...explaining(trouble, hopOf)));
  const real = left.filter((trouble) => !toldElsewhere(trouble));
  if (real.length > 0) return fail(name, real.slice(0, 5).join("; "), `mend what it says; else ${restart}`);
  return left.length < troubles.length ? skip(name, `${troubles.length} troubles, explained above`) : ok(name, "ok");
}

/** Hops that, when broken, are why the line complains. */
function explaining(trouble: string, hopOf: ReadonlyMap<string, string>): readonly string[] {
  const [, kind = "", rest = ""] =
    /^(source|sink|receiver|feed|canary|journal|no generation|the first pull)\b[:, ]*(.*)$/s.exec(trouble) ?? [];
  if (kind === "source")
    return [...READING, "analysisd", "queue socket", "reading", EVENTS_PROCESSED, "integration", IN_FORCE];
  // Of an outbox: nothing on this host is why.
  if (kind === "receiver") return [];
  if (kind === "sink") return [...SENDING, ...RULES, ...READING, IN_FORCE, wazuhApiHopOf(rest.split(":")[0] ?? "")];
  if (kind === "canary") return [...ALL, "canary"];
  if (kind === "journal") return ["disk", "state folder"];
  const feed = [...hopOf.keys()].find((name) => rest.startsWith(`${name}:`));
  const servers = [...hopOf.values()];
  if (kind === "feed") return ["generation", IN_FORCE, ...(feed === undefined ? [] : [hopOf.get(feed) ?? ""])];
  return ["generation", ...servers];
}

/**
 * Findings given up are in the dead letter, which is looked at by itself; the complaint outlives their replay by a day. The canary
 * has a hop of its own, which hears of the same troubles.
 */
function toldElsewhere(trouble: string): boolean {
  return trouble.includes("never seen again") || trouble.startsWith(CANARY);
}
