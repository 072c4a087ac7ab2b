import type { Finding, FindingAlert } from "../model/finding.ts";
import { isJsonObject } from "../model/json.ts";
import { mispJson } from "./misp-block.ts";

/**
 * The original alert with the `misp` object at `data.misp` and `"misp"` at `data.integration`, as one line without line end.
 *
 * It is spliced as text and not parsed and printed again, so that what the alert held stays byte for byte: `1.0`, integers
 * beyond 2^53, the order of keys, `__proto__`. What has to give way is kept or named: an `integration` other than `misp` moves
 * to `data.original_integration`, a `data` that is no object to `data.original`, and a `data.misp` that was there already
 * (never ours: those alerts are skipped) is replaced with `misp.foreign` saying so. A finding without a readable
 * original gets an alert built from what is known of it.
 *
 * `parsed`: the original has just been read as one JSON object, and need not be parsed again to know that it is one.
 */
export function enrichedAlert(finding: Finding, parsed = false): string {
  const raw = oneLine(finding.alert.raw);
  const original = parsed || isReadable(raw) ? raw : substitute(finding.alert, raw);
  const members = splitObject(original);
  const data = members.findLastIndex(({ key }) => key === "data");
  const enriched: Member = { key: "data", name: '"data"', value: enrichData(finding, members[data]?.value) };
  if (data < 0) return joinObject([...members, enriched]);
  members[data] = enriched;
  return joinObject(members.filter((each) => each === enriched || each.key !== "data"));
}

interface Member {
  /** The key as it reads. */
  readonly key: string;
  /** The key and the value as they are written. */
  readonly name: string;
  readonly value: string;
}

function enrichData(finding: Finding, data: string | undefined): string {
  const isObject = data?.startsWith("{") ?? false;
  const before = data !== undefined && isObject ? splitObject(data) : [];
  const { misp } = finding;
  const isForeign = !misp.foreign && before.some(({ key }) => key === "misp");
  const integration = before.findLast(({ key }) => key === "integration")?.value;
  const displaced = integration === '"misp"' ? undefined : integration;
  const ours: Member[] = [
    ...(data !== undefined && !isObject ? [member("original", data)] : []),
    ...(displaced !== undefined ? [member("original_integration", displaced)] : []),
    member("integration", '"misp"'),
    member("misp", mispJson(isForeign ? { ...misp, foreign: "true" } : misp)),
  ];
  const names = new Set(ours.map(({ key }) => key));
  return joinObject([...before.filter(({ key }) => !names.has(key)), ...ours]);
}

const member = (key: string, value: string): Member => ({ key, name: JSON.stringify(key), value });

function joinObject(members: readonly Member[]): string {
  let text = "";
  for (const { name, value } of members) text += `${text === "" ? "{" : ","}${name}:${value}`;
  return text === "" ? "{}" : `${text}}`;
}

/** In JSON a raw line break can only stand between tokens, where a space does as well. */
function oneLine(raw: string): string {
  const text = raw.startsWith("\u{feff}") ? raw.slice(1) : raw;
  return text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]+/g, " ") : text;
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

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN = 123;
const CLOSE = 125;

/** The members of a valid JSON object, as they are written. One pass over the text. */
function splitObject(text: string): Member[] {
  const members: Member[] = [];
  let at = skipSpace(text, text.indexOf("{") + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = skipString(text, at);
    const name = text.slice(at, nameEnd);
    const key = name.includes("\\") ? (JSON.parse(name) as string) : name.slice(1, -1);
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, start);
    members.push({ key, name, value: text.slice(start, end).trimEnd() });
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return members;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9) at += 1;
  return at;
}

/** Position after the string that starts at `from`: a quote ends it when an even number of backslashes stands before. */
function skipString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at;
    while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
    if ((at - before) % 2 === 0) return at + 1;
  }
  return text.length;
}

/** Position of the `,` or `}` that ends the value which starts at `from`. */
function skipValue(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; ) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    if (depth === 0 && (char === COMMA || char === CLOSE)) return at;
    if (char === OPEN || char === OPEN_LIST) depth += 1;
    else if (char === CLOSE || char === CLOSE_LIST) depth -= 1;
    at += 1;
  }
  return text.length;
}
