import { existsSync } from "node:fs";
import type { Config } from "../config/load.ts";
import { isOurs } from "../intel/finding-id.ts";
import type { Generation } from "../intel/generation.ts";
import { TiplineError } from "../lib/errors.ts";
import { linesWith } from "../lib/find-line.ts";
import type { Indicator, IndicatorReport, IndicatorType } from "../model/indicator.ts";
import { get, type JsonValue, text } from "../model/json.ts";
import type { CanonicalValue } from "../model/observable.ts";
import { lookupValue } from "../pipeline/lookup.ts";
import { searchFinding } from "../store/finding-search.ts";
import { loadOrCreateKey } from "../store/key.ts";
import { journalDir, keyFile } from "./dead-letters.ts";

/** What an analyst means, and the attributes that say so. */
export interface SightingTargets {
  /** The indicator, `type value`; for an attribute's UUID that UUID. */
  readonly what: string;
  readonly reports: readonly IndicatorReport[];
  /** Feeds that report it and are no MISP server, or not the one asked for. */
  readonly elsewhere: readonly string[];
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The attributes of MISP servers that a value, a finding's id or an attribute's UUID stands for. Only the exact indicator: a name
 * is not called false because a name below it is. Throws TIP_INPUT_INVALID saying what to give instead.
 */
export async function sightingTargets(
  config: Config,
  generation: Generation,
  asked: string,
  feed: string | undefined,
): Promise<SightingTargets> {
  const servers = config.feeds.filter(({ definition }) => definition.type === "misp-server").map(({ name }) => name);
  if (feed !== undefined && !servers.includes(feed))
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `--feed: expected a feed of type misp-server (${servers.join(", ") || "there is none"}), got "${feed.slice(0, 80)}"`,
    );
  const { what, reports } = UUID.test(asked.trim())
    ? ofAttribute(asked.trim().toLowerCase(), generation)
    : ofIndicators(await indicatorsOf(config, generation, asked.trim()), asked.trim());
  const wanted = reports.filter((report) =>
    feed === undefined ? servers.includes(report.feed) : report.feed === feed,
  );
  const elsewhere = new Set(reports.filter((report) => !wanted.includes(report)).map((report) => report.feed));
  return { what, reports: wanted, elsewhere: [...elsewhere] };
}

interface Found {
  readonly what: string;
  readonly reports: readonly IndicatorReport[];
}

/** Reads the whole index: seconds on a large one. */
function ofAttribute(uuid: string, { index }: Generation): Found {
  for (const { reports } of index.all()) {
    const report = reports.find(({ attributeUuid }) => attributeUuid.toLowerCase() === uuid);
    if (report !== undefined) return { what: uuid, reports: [report] };
  }
  throw new TiplineError("TIP_INPUT_INVALID", `no attribute ${uuid} is in the current generation`);
}

function ofIndicators(indicators: readonly Indicator[], asked: string): Found {
  const all = new Map<string, IndicatorReport>();
  for (const report of indicators.flatMap(({ reports }) => reports))
    all.set(JSON.stringify([report.feed, report.event.uuid, report.attributeUuid]), report);
  const reports = [...all.values()];
  // `name|hash`: only attributes that are both, where there are any.
  const whole = reports.filter(({ attributeValue }) => attributeValue.toLowerCase() === asked.toLowerCase());
  const what = [...new Set(indicators.map(({ type, value }) => `${type} ${value}`))].join(", ");
  return { what, reports: asked.includes("|") && whole.length > 0 ? whole : reports };
}

async function indicatorsOf(config: Config, generation: Generation, asked: string): Promise<readonly Indicator[]> {
  const key = isOurFinding(config, asked) ? await indicatorOfFinding(config, asked) : undefined;
  if (key?.type !== undefined) {
    const found = exactly(generation.index.lookup(key.type, key.value as CanonicalValue), key.value);
    if (found.length > 0) return found;
  }
  const given = key?.value ?? asked;
  const result = lookupValue(given, generation);
  const found = exactly(result.indicators, result.canonical ?? given);
  if (found.length > 0) return found;
  const covering = result.indicators.map(({ type, value }) => `${type} ${value}`).slice(0, 5);
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    covering.length > 0
      ? `${given.slice(0, 200)} is no indicator itself; it is covered by ${covering.join(", ")}: name that one if it is what you mean`
      : `${given.slice(0, 200)} is no indicator of the current generation: see \`tipline lookup\``,
  );
}

function exactly(indicators: readonly Indicator[], value: string): readonly Indicator[] {
  return indicators.filter((indicator) => indicator.value === value);
}

/** A finding's id looks like a SHA-1 hash; our key tells them apart. */
function isOurFinding({ state_dir: stateDir }: Config, id: string): boolean {
  return /^[0-9a-f]{40}$/.test(id) && existsSync(keyFile(stateDir)) && isOurs(loadOrCreateKey(keyFile(stateDir)), id);
}

interface FindingIndicator {
  readonly type?: IndicatorType;
  readonly value: string;
}

/** From the journal, else from what was written: the alerts that Wazuh made of findings, and the files of NDJSON sinks. */
async function indicatorOfFinding(config: Config, id: string): Promise<FindingIndicator> {
  const dir = journalDir(config.state_dir);
  const finding = existsSync(dir) ? await searchFinding(dir, id) : undefined;
  if (finding !== undefined) {
    const { indicator } = finding.key;
    const colon = indicator.indexOf(":");
    return { type: indicator.slice(0, colon) as IndicatorType, value: indicator.slice(colon + 1) };
  }
  for (const path of writtenFindings(config)) {
    for await (const line of linesWith(path, id)) {
      const misp = mispOf(line);
      const value = text(misp, "value");
      if (text(misp, "finding_id") === id && value !== undefined) return { value };
    }
  }
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    `finding ${id} is neither in the journal nor in what was written today: give the value instead (misp.value of the finding)`,
  );
}

function writtenFindings({ sources, sinks }: Config): readonly string[] {
  const pathOf = ({ settings }: { readonly settings: unknown }) => text(settings as JsonValue, "path") ?? "-";
  return [
    ...sources.filter(({ definition }) => definition.type === "wazuh-alerts").map(pathOf),
    ...sinks.filter(({ definition }) => definition.type === "ndjson").map(pathOf),
  ].filter((path) => path !== "-");
}

function mispOf(line: string): JsonValue | undefined {
  try {
    return get(JSON.parse(line) as JsonValue, "data", "misp");
  } catch {
    return undefined;
  }
}
