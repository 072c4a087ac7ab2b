import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { Misp } from "../clients/misp.ts";
import { connectMisp, type MispConnection } from "../clients/misp-connection.ts";
import {
  addSighting,
  type KnownSighting,
  reporterOf,
  type SightingReporter,
  type SightingType,
  sightingsOf,
} from "../clients/misp-sightings.ts";
import { type SightingSwitch, sightingSource } from "../clients/misp-sightings-config.ts";
import type { Config } from "../config/load.ts";
import type { Clock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { IndicatorReport } from "../model/indicator.ts";
import { get, type JsonObject } from "../model/json.ts";
import { callControl } from "../store/control.ts";

type Server = MispConnection & { readonly sightings: SightingSwitch };

/** What MISP said to one attribute. */
export interface ToldSighting {
  readonly report: IndicatorReport;
  readonly server: string;
  /** `known`: our organisation has said so since the attribute last changed; nothing was sent. */
  readonly status: "added" | "known" | "not-there" | "failed";
  readonly error?: string;
}

/** What was said about one attribute, oldest first. */
export interface SightingsOfReport {
  readonly report: IndicatorReport;
  readonly server: string;
  readonly sightings: readonly (KnownSighting & { readonly own: boolean })[];
}

const RIGHT =
  "give the role of its key the permission perm_sighting (“Sighting Creator”), and use a key that is not read-only";

/** The base URL of a feed's server. */
export function serverOf(config: Config, feed: string): string {
  return settingsOf(config, feed).url;
}

/** Says the same of each attribute on its own server, one after the other. */
export async function* tellSightings(
  config: Config,
  reports: readonly IndicatorReport[],
  type: SightingType,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<ToldSighting> {
  for (const [feed, own] of byFeed(reports)) {
    const settings = settingsOf(config, feed);
    const source = sightingSource(settings.sightings);
    yield* onServer(settings, clock, own, signal, async (misp, reporter, report) => {
      if (await isSaid(misp, reporter, report, type, signal)) return "known";
      const time = Math.floor(clock.now() / 1000);
      return (await addSighting(misp, { attributeUuid: report.attributeUuid, type, source, time }, signal))
        ? "added"
        : "not-there";
    });
  }
}

/** An attribute that was edited afterwards has had its answer: then it may be said again. */
async function isSaid(
  misp: Misp,
  { orgId }: SightingReporter,
  { attributeUuid, timestamp = 0 }: IndicatorReport,
  type: SightingType,
  signal: AbortSignal,
): Promise<boolean> {
  const said = await sightingsOf(misp, [attributeUuid], signal);
  return said.some((one) => one.type === type && one.orgId === orgId && one.time >= timestamp);
}

async function* onServer(
  settings: Server,
  clock: Clock,
  reports: readonly IndicatorReport[],
  signal: AbortSignal,
  act: (misp: Misp, reporter: SightingReporter, report: IndicatorReport) => Promise<ToldSighting["status"]>,
): AsyncGenerator<ToldSighting> {
  const misp = connectMisp(settings, clock);
  let reporter: SightingReporter | undefined;
  try {
    for (const report of reports) {
      try {
        reporter ??= await reporterOf(misp, signal);
        yield { report, server: settings.url, status: await act(misp, reporter, report) };
      } catch (thrown) {
        yield { report, server: settings.url, status: "failed", error: messageOf(thrown) };
      }
    }
  } finally {
    await misp.close();
  }
}

function messageOf(thrown: unknown): string {
  const { message } = asError(thrown);
  return thrown instanceof RemoteError && thrown.kind === "forbidden" ? `${message}: ${RIGHT}` : message;
}

/** What anybody said about the attributes, as far as the key may read it. */
export async function listSightings(
  config: Config,
  reports: readonly IndicatorReport[],
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly SightingsOfReport[]> {
  const found: SightingsOfReport[] = [];
  for (const [feed, own] of byFeed(reports)) {
    const settings = settingsOf(config, feed);
    const misp = connectMisp(settings, clock);
    try {
      const { orgId } = await reporterOf(misp, signal);
      for (const report of own) {
        const sightings = await sightingsOf(misp, [report.attributeUuid], signal);
        const marked = sightings.map((one) => ({ ...one, own: one.orgId === orgId }));
        found.push({ report, server: settings.url, sightings: marked });
      }
    } finally {
      await misp.close();
    }
  }
  return found;
}

/** `in-force`: a running line took up what was said. `later`: none runs. `failed`: one runs and could not ask. */
export type Taken = "in-force" | "later" | "failed";

/** Has a running line ask the servers what they know now, so that what was said counts at once. */
export async function refreshKnowledge(config: Config, feeds: readonly string[]): Promise<Taken> {
  try {
    const answer = await callControl(config.state_dir, "knowledge", { feeds }, { timeoutMs: 600_000 });
    if (answer === undefined) return "later";
    const refreshes = Array.isArray(answer) ? answer : [];
    return refreshes.some((one) => get(one, "status") === "failed") ? "failed" : "in-force";
  } catch (thrown) {
    if (thrown instanceof TiplineError) return "failed";
    throw thrown;
  }
}

/** What was said by whom and why is kept here: MISP has no place for a reason. False when it cannot be written. */
export function noteSighting(stateDir: string, entry: JsonObject): boolean {
  try {
    appendFileSync(join(stateDir, "sightings.ndjson"), `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

function byFeed(reports: readonly IndicatorReport[]): ReadonlyMap<string, readonly IndicatorReport[]> {
  const feeds = new Map<string, IndicatorReport[]>();
  for (const report of reports) {
    const own = feeds.get(report.feed);
    if (own === undefined) feeds.set(report.feed, [report]);
    else own.push(report);
  }
  return feeds;
}

function settingsOf(config: Config, feed: string): Server {
  const found = config.feeds.find(({ name }) => name === feed);
  if (found?.definition.type !== "misp-server")
    throw new TiplineError("TIP_INTERNAL", `expected ${feed} to be a feed of type misp-server`);
  return found.settings as Server;
}
