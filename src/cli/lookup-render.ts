import type { QuarantinedIndicator } from "../model/indicator.ts";
import type { LookupResult } from "../pipeline/lookup.ts";
import { paint, safe } from "./output.ts";
import { indicatorJson, type StandingNow, standingWords } from "./render.ts";

/** One value as `lookup --json` prints it, without what says where the answer is from. */
export function resultJson(
  result: LookupResult,
  refused: readonly QuarantinedIndicator[],
  standing: StandingNow,
): object {
  return {
    value: result.value,
    found: result.indicators.length > 0,
    type: result.type ?? null,
    canonical: result.canonical ?? null,
    indicators: result.indicators.map((indicator) => indicatorJson(indicator, standing)),
    refused: refused.map((entry) => ({
      feed: entry.feed,
      event_uuid: entry.eventUuid,
      attribute_uuid: entry.attributeUuid,
      type: entry.attributeType,
      value: entry.value,
      reason: entry.reason,
    })),
    warninglists: result.warninglists,
    not_looked_up: result.notLookedUp ?? null,
  };
}

/** The same for people; `unknown` is what the first line says where nothing is known. */
export function resultLines(
  result: LookupResult,
  refused: readonly QuarantinedIndicator[],
  standing: StandingNow,
  unknown = "not known",
): string[] {
  const shown =
    result.canonical !== undefined && result.canonical !== result.value
      ? ` = ${result.type} ${safe(result.canonical)}`
      : result.type === undefined
        ? ""
        : ` (${result.type})`;
  const head = `${safe(result.value)}${shown}`;
  const state = refused.length > 0 ? "refused, not matched against" : unknown;
  const lines = [result.indicators.length > 0 ? paint("bold", head) : `${head}: ${state}`];
  for (const { feed, eventUuid, attributeType, reason } of refused)
    lines.push(`  ${safe(feed)}: event ${safe(eventUuid)} · ${safe(attributeType)} · ${safe(reason)}`);
  if (result.notLookedUp !== undefined) lines.push(`  alerts are not matched against it: ${result.notLookedUp}`);
  for (const list of result.warninglists) lines.push(`  on warninglist "${safe(list.name)}" (${list.action})`);
  for (const indicator of result.indicators) {
    lines.push(
      `  ${indicator.pattern === "exact" ? "" : `${indicator.pattern} `}${indicator.type} ${safe(indicator.value)}`,
    );
    for (const report of indicator.reports) {
      const words = standingWords(standing(indicator, report));
      lines.push(`    ${reportLine(report)}${words === "" ? "" : ` · ${safe(words, 200)}`}`);
    }
  }
  return lines;
}

function reportLine({
  feed,
  event,
  attributeType,
  attributeValue,
  toIds,
  comment,
  tags,
}: LookupResult["indicators"][number]["reports"][number]): string {
  const all = [...new Set([...event.tags, ...tags])];
  return [
    `${safe(feed)}: event ${safe(event.id ?? event.uuid)} "${safe(event.info, 100)}"`,
    safe([event.orgc, event.date].filter(Boolean).join(" ")),
    `${attributeType} ${safe(attributeValue, 120)}${toIds ? "" : " (not to_ids)"}`,
    comment === undefined ? "" : safe(comment, 100),
    all.length === 0 ? "" : safe(all.slice(0, 6).join(" "), 160),
    event.link === undefined ? "" : safe(event.link),
  ]
    .filter((part) => part !== "")
    .join(" · ");
}
