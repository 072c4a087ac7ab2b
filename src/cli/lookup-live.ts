import type { Command } from "commander";
import { surroundings } from "../app/knowledge.ts";
import { type LiveAnswer, lookupLive, type ServerAnswer } from "../app/live-lookup.ts";
import { connectServer, findServers, KEY_VARIABLE } from "../app/live-servers.ts";
import { cacheDir } from "../app/paths.ts";
import { ownAssets } from "../app/policy.ts";
import { systemClock } from "../lib/clock.ts";
import { createLog } from "../lib/create-log.ts";
import { TiplineError } from "../lib/errors.ts";
import { collect, type IntelligenceFlags } from "./common.ts";
import { resultJson, resultLines } from "./lookup-render.ts";
import { EXIT, note, paint, print, printJson, safe } from "./output.ts";
import { type StandingNow, standingAt } from "./render.ts";
import { untilInterrupted } from "./signals.ts";

/** Flags that go with `--live`. */
export interface LiveFlags {
  readonly live?: boolean;
  readonly feedName?: readonly string[];
  readonly server?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  readonly proxy?: string;
  readonly insecure?: boolean;
  readonly all?: boolean;
  /** False with `--no-cache`. */
  readonly cache?: boolean;
}

/** Flags that name a MISP server on the command line; shared with `doctor misp`. */
export function serverOptions(command: Command): Command {
  return command
    .option("--feed-name <name>", "only this misp-server of the configuration; may be repeated", collect)
    .option("--server <url>", "this MISP server instead of a configuration")
    .option("--key-file <file>", `with --server: file with the authentication key (else $${KEY_VARIABLE})`)
    .option("--ca-file <file>", "with --server: PEM file of the authority that signed its certificate")
    .option("--proxy <url>", "with --server: URL of an HTTP proxy")
    .option("--insecure", "with --server: do not verify its certificate (laboratories only)");
}

export function liveOptions(command: Command): Command {
  return serverOptions(command.option("--live", "ask the MISP servers now instead of the local index"))
    .option("--all", "with --live: also what the feed's filters leave out, not to_ids and not published included")
    .option("--no-cache", "with --live: neither use nor keep answers");
}

/** `lookup --live`: exit code 1 when a value got no answer from a server. */
export async function lookUpLive(
  values: readonly string[],
  flags: LiveFlags & IntelligenceFlags & { readonly event?: string; readonly json?: boolean },
): Promise<void> {
  if (flags.event !== undefined)
    throw new TiplineError("TIP_USAGE_INVALID", "--event reads the local index: leave --live out");
  if (flags.feed !== undefined)
    throw new TiplineError("TIP_USAGE_INVALID", "--feed names a local feed: with --live use --feed-name or --server");
  const log = createLog(flags.verbose ? "debug" : "warn");
  const found = await findServers({ ...flags, feedNames: flags.feedName ?? [] });
  for (const { name, connection } of found.servers)
    if (!connection.verify)
      note(`tipline: the certificate of ${safe(name)} is not verified: whoever is in between can read the key`);
  const dir = flags.cache === false ? undefined : cacheDir();
  const servers = found.servers.map((server) =>
    connectServer(server, { clock: systemClock, log, cacheDir: dir, all: flags.all === true }),
  );
  const { config } = found;
  const around = surroundings({
    config,
    log,
    ...(flags.warninglists === undefined ? {} : { path: flags.warninglists }),
  });
  const standing = standingAt(around.standing, Date.now());
  const failures = new Map<string, string>();
  let short = 0;
  try {
    const options = {
      servers,
      warninglists: around.warninglists,
      now: systemClock.now,
      ...(config === undefined ? {} : { own: ownAssets(config.own) }),
    };
    for await (const answer of lookupLive(values, options, untilInterrupted())) {
      for (const { server, error } of answer.servers) if (error !== undefined) failures.set(server, error);
      if (answer.servers.some(({ complete, at }) => at !== undefined && !complete)) short++;
      await show(answer, standing, flags.json === true);
    }
  } finally {
    await Promise.all(servers.map(({ misp }) => misp.close()));
  }
  for (const [server, error] of failures) note(`tipline: ${safe(server)}: ${safe(error, 2000)}`);
  if (short > 0) note(`tipline: ${short} of the values have more attributes than were read`);
  if (!flags.json)
    note(
      `MISP compares whole values: networks and parent domains were asked for by name (see --help).${flags.all ? "" : " Only what the feed takes is shown; --all shows everything."}`,
    );
  if (failures.size > 0) process.exitCode = EXIT.failed;
}

async function show(answer: LiveAnswer, standing: StandingNow, json: boolean): Promise<void> {
  const { result, refused, notAsked, leftOut, servers } = answer;
  const now = Date.now();
  if (json) {
    await printJson({
      ...resultJson(result, refused, standing),
      source: "live",
      age_seconds: oldest(servers, now),
      not_asked: notAsked ?? null,
      left_out: leftOut ?? null,
      servers: servers.map(({ server, at, cached, stale, complete, error }) => ({
        server,
        age_seconds: at === undefined ? null : ageOf(at, now),
        cached,
        stale,
        complete,
        error: error ?? null,
      })),
    });
    return;
  }
  const lines = resultLines(result, refused, standing, unknownWords(answer));
  if (leftOut !== undefined) lines.push(`  not asked as ${safe(leftOut)}`);
  for (const { server, at, cached, stale, complete, error } of servers) {
    const words: string[] = [];
    if (at !== undefined && (cached || stale)) words.push(`said ${age(ageOf(at, now))} ago`);
    if (stale) words.push("out of date");
    if (at !== undefined && !complete) words.push("only a part of what it has");
    if (error !== undefined) words.push("cannot be asked");
    if (words.length > 0) lines.push(paint("dim", `  ${safe(server)}: ${words.join(", ")}`));
  }
  await print(lines.join("\n"));
}

/** Not known is only what every server was asked. */
function unknownWords({ notAsked, servers }: LiveAnswer): string {
  if (notAsked !== undefined) return `not asked: ${safe(notAsked)}`;
  const answered = servers.filter(({ at }) => at !== undefined);
  if (answered.length === 0) return "no answer";
  return answered.length === servers.length ? "not known" : "not known where it could be asked";
}

function oldest(servers: readonly ServerAnswer[], now: number): number | null {
  const ages = servers.flatMap(({ at }) => (at === undefined ? [] : [ageOf(at, now)]));
  return ages.length === 0 ? null : Math.max(...ages);
}

function ageOf(at: number, now: number): number {
  return Math.max(0, Math.round((now - at) / 1000));
}

function age(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
