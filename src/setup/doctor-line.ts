import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemCode, TiplineError } from "../lib/errors.ts";
import { formatBytes, formatCount, formatDuration } from "../lib/units.ts";
import { get, isJsonObject, type JsonObject, text } from "../model/json.ts";
import { callControl } from "../store/control.ts";
import { type DeadLetterReader, openDeadLetters } from "../store/dead-letter.ts";
import { type Check, fail, ok, skip, unseen, warn } from "./checks.ts";
import { accessOf, type Identity, ownIdentity, shellWord } from "./doctor-host-access.ts";
import type { Hop } from "./doctor-line-walk.ts";

/** What is examined of Tipline itself. */
export interface LineSubject {
  readonly stateDir: string;
  readonly who: Identity;
  /** Commands that start and restart it. */
  readonly start: string;
  readonly restart: string;
  readonly feeds: readonly LineFeed[];
  /** The file that is examined, and its content. */
  readonly config: { readonly path: string; readonly digest: string };
  /** `listen` of the metrics, or undefined when they are off. */
  readonly healthUrl: string | undefined;
  readonly now: () => number;
  /** The running line's answer to `status`; asked once. */
  readonly status: () => Promise<LineAnswer>;
}

export interface LineFeed {
  readonly name: string;
  readonly staleMs: number;
  /** Where its server is looked at. */
  readonly hop: string;
  /** Command that shows why nothing of it is taken. */
  readonly looks: string;
  /** Its settings say that it may have nothing. */
  readonly mayBeEmpty: boolean;
}

/** What the running line says of itself, or why it does not. */
export type LineAnswer =
  | { readonly status: "answers"; readonly report: JsonObject }
  | { readonly status: "absent" | "denied" | "silent"; readonly message: string };

/** The hop that tells whether the line runs on what the file says now. */
export const IN_FORCE = "configuration in force";
const ANSWER_MS = 5000;
/** An alert older than this that is not read means that reading stands still or is much too slow. */
const LAG_FAIL_MS = 10 * 60_000;
const LAG_WARN_MS = 2 * 60_000;
const DAY_MS = 86_400_000;
const MOST_LETTERS = 1000;

/** Asks a running line; never throws. */
export async function askLine(stateDir: string): Promise<LineAnswer> {
  try {
    const report = await callControl(stateDir, "status", {}, { timeoutMs: ANSWER_MS });
    if (report === undefined) return { status: "absent", message: `no Tipline runs on ${stateDir}` };
    return isJsonObject(report)
      ? { status: "answers", report }
      : { status: "silent", message: "its answer on the control socket cannot be read" };
  } catch (thrown) {
    const code = systemCode((thrown as Error).cause) ?? systemCode(thrown);
    if (code === "EACCES" || code === "EPERM")
      return { status: "denied", message: `its control socket in ${stateDir} is not for ${ownIdentity().name}` };
    if (thrown instanceof TiplineError) return { status: "silent", message: thrown.message };
    return { status: "silent", message: String(thrown) };
  }
}

/** The process that has the state folder, by its lock file; undefined where that cannot be read. */
export function lockHolder(stateDir: string): number | undefined {
  try {
    const text = readFileSync(join(stateDir, "lock"), "latin1").slice(0, 32).trim();
    return /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

/** Is it running, and on what: before anything that only a running Tipline does. */
export function runHops(subject: LineSubject): readonly Hop[] {
  return [
    { name: "state folder", needs: ["configuration"], look: () => [stateFolder(subject)] },
    { name: "run", needs: ["configuration", "state folder"], look: async () => [await run(subject)] },
    { name: IN_FORCE, needs: ["run"], look: async () => [inForce(await reportOf(subject), subject)] },
  ];
}

/** Indicators, reading, and what could not be delivered. */
export function lineHops(subject: LineSubject, command: (args: string) => string): readonly Hop[] {
  return [
    {
      name: "generation",
      needs: ["run"],
      look: async (seen) => {
        const feeds = subject.feeds.filter(({ hop }) => !seen.broken(hop));
        const all = feeds.length === subject.feeds.length;
        return [generation(await reportOf(subject), { ...subject, feeds }, all, command)];
      },
    },
    {
      name: "reading",
      needs: ["run", "generation", "alerts.json"],
      look: async (seen) => [reading(await reportOf(subject), subject, seen.broken("queue socket", "analysisd"))],
    },
    { name: "dead letters", needs: ["configuration"], look: () => deadLetters(subject, command) },
  ];
}

/** What it has to own or may not write is found by owners and modes, so that root sees what the service's user would meet. */
function stateFolder({ stateDir, who, start }: LineSubject): Check {
  const name = "state folder";
  const places = [stateDir, ...["lock", "finding.key", "journal", "journal/data.mdb"].map((at) => join(stateDir, at))];
  for (const path of places) {
    const access = accessOf(path, who, "write");
    if (access.status === "absent") {
      if (path !== stateDir) continue;
      return fail(
        name,
        `${stateDir} is not there`,
        `install -d -m 700 -o ${who.name} ${shellWord(stateDir)} && ${start}`,
      );
    }
    if (access.status === "unseen") return unseen(name, `${access.at} cannot be looked at`, "sudo tipline doctor");
    if (access.status === "no")
      return fail(
        name,
        `${who.name} may not ${access.need === "enter" ? "enter" : "write to"} ${access.at} (${access.mode})`,
        who.self && !who.privileged
          ? access.remedy
          : `chown -R ${who.name} ${shellWord(stateDir)} && chmod -R u+rwX ${shellWord(stateDir)}`,
      );
  }
  return ok(name, `${stateDir}, for ${who.name}`);
}

async function run({ status, start, restart, healthUrl, stateDir }: LineSubject): Promise<Check> {
  const name = "run";
  const answer = await status();
  if (answer.status === "answers")
    return ok(name, `process ${String(get(answer.report, "pid") ?? "?")} on ${stateDir}`);
  if (answer.status === "absent") return fail(name, `${answer.message}: no alert is read`, start);
  if (answer.status === "silent") return fail(name, `it runs and does not answer: ${answer.message}`, restart);
  const alive = healthUrl === undefined ? undefined : await healthy(healthUrl);
  return unseen(
    name,
    `${answer.message}${alive === undefined ? "" : `; /healthz answers ${alive}`}`,
    "sudo tipline doctor",
  );
}

/** Every other hop goes by the file: what runs may be another configuration. */
function inForce(report: JsonObject, { config, restart }: LineSubject): Check {
  const digest = text(report, "config", "digest");
  const path = text(report, "config", "path");
  if (digest === undefined) return skip(IN_FORCE, "the running line, an older one, does not say");
  if (digest === config.digest) return ok(IN_FORCE, "runs on what the file says");
  const here = resolve(config.path);
  return path === undefined || path === here
    ? fail(IN_FORCE, `${here} was changed after the start: what it says now is not in force`, restart)
    : fail(IN_FORCE, `the line runs on ${path}, which says something else than ${here}`, `${restart} (with ${here})`);
}

async function healthy(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}

export async function reportOf({ status }: Pick<LineSubject, "status">): Promise<JsonObject> {
  const answer = await status();
  return answer.status === "answers" ? answer.report : {};
}

function generation(
  report: JsonObject,
  { feeds }: LineSubject,
  all: boolean,
  command: (args: string) => string,
): Check {
  const name = "generation";
  const id = String(get(report, "generation") ?? "none");
  if (get(report, "ready") === false)
    return all
      ? fail(name, "there is none: no alert is read before the first sync succeeds", command("sync"))
      : skip(name, "there is none, because a MISP server above does not answer");
  const errorOf = (feed: string) => text(report, "feed_errors", feed);
  const held = feeds.filter(({ name: feed }) => errorOf(feed)?.startsWith("held"));
  if (held.length > 0) {
    const names = held.map((feed) => feed.name);
    const sure = `${command("sync")} --confirm-shrink ${names.join(" ")}`;
    return fail(name, `${names.join(", ")} ${errorOf(names[0] ?? "")}`, `${sure} (if that is right)`);
  }
  const ages = feeds.map((feed) => ({ ...feed, ageMs: numberAt(report, "feed_ages", feed.name) * 1000 }));
  const stale = ages.filter(({ ageMs, staleMs }) => ageMs > staleMs);
  const words = stale.map((feed) => `${feed.name} was last pulled ${formatDuration(feed.ageMs)} ago`);
  const errors = stale.flatMap((feed) => errorOf(feed.name) ?? []);
  if (stale.length > 0) return fail(name, [...words, ...errors].join("; "), command("sync"));
  const nothing = withoutIndicators(report, feeds, all);
  if (nothing !== undefined) return nothing;
  const oldest = ages.reduce((most, { ageMs }) => Math.max(most, ageMs), 0);
  return ok(name, `${id}, ${all ? "every feed" : "the others"} pulled within ${formatDuration(oldest)}`);
}

/** A server that shows its user nothing, or filters that leave nothing: every pull succeeds, and no alert will ever match. */
function withoutIndicators(report: JsonObject, feeds: readonly LineFeed[], all: boolean): Check | undefined {
  const bare = feeds.filter(
    ({ name, mayBeEmpty }) =>
      !mayBeEmpty && get(report, "feed_reports", name) === 0 && text(report, "feed_errors", name) === undefined,
  );
  const remedy = [...new Set(bare.map(({ looks }) => looks))].join(" && ");
  if (all && get(report, "indicators") === 0)
    return fail(
      "generation",
      "it holds 0 indicators: no alert can match",
      `${remedy || (feeds[0]?.looks ?? "add a feed")} (it shows why nothing is taken)`,
    );
  if (bare.length === 0) return undefined;
  return warn(
    "generation",
    `nothing is taken of ${bare.map(({ name }) => name).join(", ")}: 0 indicators`,
    `${remedy} (it shows why)`,
  );
}

function reading(report: JsonObject, { restart }: LineSubject, blocked: boolean): Check {
  const name = "reading";
  const holding = get(report, "holding");
  if (Array.isArray(holding) && holding.length > 0) {
    const words = `source ${holding.join(", ")} waits: the journal is full of findings that a required sink has not taken`;
    return blocked
      ? skip(name, `${words}, as its socket above explains`)
      : fail(name, words, `raise journal.max_bytes in the configuration, then ${restart}`);
  }
  const sources = get(report, "sources");
  const words: string[] = [];
  let worst = 0;
  for (const source of isJsonObject(sources) ? Object.keys(sources) : []) {
    const bytes = numberAt(report, "sources", source, "bytes");
    const ms = bytes === 0 ? 0 : numberAt(report, "sources", source, "seconds") * 1000;
    worst = Math.max(worst, ms);
    words.push(`${source} ${formatBytes(bytes)} behind${ms > 0 ? `, ${formatDuration(ms)}` : ""}`);
  }
  const found = words.join(", ");
  if (worst > LAG_FAIL_MS) return fail(name, found, restart);
  if (worst > LAG_WARN_MS) return warn(name, found, "wait, and look again: it is catching up, or the host is too slow");
  return ok(name, found);
}

async function deadLetters(
  { stateDir, now }: LineSubject,
  command: (args: string) => string,
): Promise<readonly Check[]> {
  const name = "dead letters";
  let reader: DeadLetterReader & { close(): Promise<void> };
  try {
    reader = openDeadLetters(join(stateDir, "journal"));
  } catch (thrown) {
    const code = thrown instanceof TiplineError ? thrown.code : undefined;
    if (code === "TIP_INPUT_INVALID") return [ok(name, "no journal yet")];
    if (code === "TIP_STATE_CORRUPT")
      return [fail(name, (thrown as Error).message, "see above: move the journal aside")];
    return [unseen(name, `the journal in ${stateDir} cannot be read by ${ownIdentity().name}`, "sudo tipline doctor")];
  }
  try {
    const { count } = reader.counts();
    if (count === 0) return [ok(name, "none")];
    const letters = reader.list({ limit: MOST_LETTERS });
    const findings = letters.filter(({ kind }) => kind === "finding");
    const recent = letters.filter(({ kind, time }) => kind === "record" && now() - time < DAY_MS);
    if (findings.length === 0 && recent.length === 0)
      return [ok(name, `${formatCount(count)} records of days before (${command("dead-letter list")})`)];
    const newest = findings[0] ?? recent[0];
    const found = `${formatCount(count)}; the newest, of ${newest?.component}: ${(newest?.reason ?? "").slice(0, 200)}`;
    const undelivered = findings[0]?.component;
    const remedy =
      undelivered === undefined
        ? command("dead-letter list")
        : command(`dead-letter replay --component ${undelivered}`);
    return [warn(name, found, remedy)];
  } finally {
    await reader.close();
  }
}

function numberAt(report: JsonObject, ...path: readonly string[]): number {
  const value = get(report, ...path);
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
