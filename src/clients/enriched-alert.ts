import type { Finding, FindingAlert } from "../model/finding.ts";
import { isJsonObject } from "../model/json.ts";
import { blockJson, cleanBlock } from "./misp-block.ts";

/**
 * The original alert with the `misp` object at `data.misp` and `"misp"` at `data.integration`, as one line without line end.
 *
 * It is spliced as text and not parsed and printed again, so that what the alert held stays byte for byte: `1.0`, integers
 * beyond 2^53, the order of keys, `__proto__`. What has to give way is kept or named: an `integration` other than `misp` moves
 * to `data.original_integration`, a `data` that is no object to `data.original`, and a `data.misp` that was there already
 * (never ours: those alerts are skipped) is replaced with `misp.foreign` saying so. A finding without a readable
 * original gets an alert built from what is known of it.
 */
export function enrichedAlert(finding: Finding): string {
  const raw = oneLine(finding.alert.raw);
  const original = isReadable(raw) ? raw : substitute(finding.alert, raw);
  const members = splitObject(original);
  const data = members.findLast(({ key }) => key === "data");
  const enriched: Member = { key: "data", name: '"data"', value: enrichData(finding, data?.value) };
  const kept = members.filter(({ key }) => key !== "data");
  const place = data === undefined ? kept.length : members.slice(0, members.indexOf(data)).filter(notData).length;
  return joinObject(kept.toSpliced(place, 0, enriched));
}

interface Member {
  /** The key as it reads. */
  readonly key: string;
  /** The key and the value as they are written. */
  readonly name: string;
  readonly value: string;
}

const notData = ({ key }: Member): boolean => key !== "data";

function enrichData(finding: Finding, data: string | undefined): string {
  const isObject = data?.startsWith("{") ?? false;
  const before = data !== undefined && isObject ? splitObject(data) : [];
  const block = cleanBlock(finding.misp);
  if (before.some(({ key }) => key === "misp") && !block.has("foreign")) block.set("foreign", "true");
  const integration = before.findLast(({ key }) => key === "integration")?.value;
  const displaced = integration === '"misp"' ? undefined : integration;
  const ours: Member[] = [
    ...(data !== undefined && !isObject ? [member("original", data)] : []),
    ...(displaced !== undefined ? [member("original_integration", displaced)] : []),
    member("integration", '"misp"'),
    member("misp", blockJson(block)),
  ];
  const names = new Set(ours.map(({ key }) => key));
  return joinObject([...before.filter(({ key }) => !names.has(key)), ...ours]);
}

const member = (key: string, value: string): Member => ({ key, name: JSON.stringify(key), value });

function joinObject(members: readonly Member[]): string {
  return `{${members.map(({ name, value }) => `${name}:${value}`).join(",")}}`;
}

/** In JSON a raw line break can only stand between tokens, where a space does as well. */
function oneLine(raw: string): string {
  return raw.replace(/^\u{feff}/u, "").replace(/[\r\n]+/g, " ");
}

function isReadable(raw: string): boolean {
  try {
    return isJsonObject(JSON.parse(raw));
  } catch {
    return false;
  }
}

/** An alert in Wazuh's shape for a finding whose original line is not at hand. */
function substitute(alert: FindingAlert, raw: string): string {
  return JSON.stringify({
    timestamp: Number.isFinite(alert.time) ? timestamp(alert.time) : undefined,
    rule: alert.rule,
    agent: alert.agent,
    manager: alert.node === "" ? undefined : { name: alert.node },
    id: alert.id,
    full_log: raw === "" ? undefined : raw,
    location: alert.location,
  });
}

function timestamp(time: number): string | undefined {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace("Z", "+0000");
}

/** The members of a valid JSON object, as they are written. One pass over the text. */
function splitObject(text: string): Member[] {
  const members: Member[] = [];
  let at = skipSpace(text, text.indexOf("{") + 1);
  while (text[at] === '"') {
    const nameEnd = skipString(text, at);
    const name = text.slice(at, nameEnd);
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, start);
    members.push({ key: JSON.parse(name) as string, name, value: text.slice(start, end).trimEnd() });
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return members;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\t") at += 1;
  return at;
}

/** Position after the string that starts at `from`. */
function skipString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** Position of the `,` or `}` that ends the value which starts at `from`. */
function skipValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const char = text[at];
    if (char === '"') {
      at = skipString(text, at);
      continue;
    }
    if (depth === 0 && (char === "," || char === "}")) return at;
    if (char === "{" || char === "[") depth += 1;
    else if (char === "}" || char === "]") depth -= 1;
    at += 1;
  }
  return at;
}
