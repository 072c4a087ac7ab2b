import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import { TiplineError } from "../lib/errors.ts";
import type { Agent, Alert } from "../model/alert.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import { member } from "./event-view.ts";

/** Deeper alerts are refused. */
export const MAX_NESTING = 64;
const MAX_GROUPS = 256;

/** An alert with the line it was read from. */
export interface ReadAlert extends Alert {
  /** The alert's line as Wazuh wrote it, without its end; of a shipper's record the line inside. Made when asked for. */
  readonly raw: string;
}

/**
 * One line as an alert. Throws TIP_INPUT_INVALID that says what was found when the bytes are not one JSON object in UTF-8.
 * Fluent Bit's `{"log":"<line>"}` counts as the line itself, an indexer's `{"_source":{…}}` as the document inside, and
 * flattened names (`agent_id`) as the nested ones. `receivedAt` (epoch ms) is the time of an alert that has none.
 */
export function toAlert(bytes: Buffer, source: string, receivedAt: number): ReadAlert {
  let line = withoutNewline(bytes);
  let event = parseObject(line);
  const inner = loggedLine(event);
  if (inner !== undefined) {
    line = inner;
    event = parseObject(line);
  }
  const wrapped = get(event, "_source");
  if (isJsonObject(wrapped)) event = wrapped;
  return new ParsedAlert(event, line, source, receivedAt);
}

function withoutNewline(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--;
  return end === bytes.length ? bytes : bytes.subarray(0, end);
}

/** The hash and the text are made when asked for: most alerts match nothing and never need them. */
class ParsedAlert implements ReadAlert {
  readonly id: string;
  readonly node: string;
  readonly time: number;
  readonly source: string;
  readonly agent?: Agent;
  readonly location?: string;
  readonly rule?: NonNullable<Alert["rule"]>;
  readonly event: JsonObject;
  readonly #line: Buffer;
  #rawHash: string | undefined;

  constructor(event: JsonObject, line: Buffer, source: string, receivedAt: number) {
    this.#line = line;
    this.event = event;
    this.source = source;
    this.id = text(event, "id") ?? "";
    this.node = member(event, "cluster", "node") ?? member(event, "manager", "name") ?? "";
    this.time = writtenTime(event) ?? receivedAt;
    const agent = agentOf(event);
    if (agent !== undefined) this.agent = agent;
    const location = text(event, "location");
    if (location !== undefined) this.location = location;
    const rule = ruleOf(event);
    if (rule !== undefined) this.rule = rule;
  }

  get rawHash(): string {
    this.#rawHash ??= hash("sha256", this.#line, "hex");
    return this.#rawHash;
  }

  get raw(): string {
    return this.#line.toString("utf8");
  }
}

function agentOf(event: JsonObject): Agent | undefined {
  const id = member(event, "agent", "id");
  if (id === undefined) return undefined;
  const name = member(event, "agent", "name");
  const ip = member(event, "agent", "ip");
  return { id, ...(name === undefined ? {} : { name }), ...(ip === undefined ? {} : { ip }) };
}

function ruleOf(event: JsonObject): NonNullable<Alert["rule"]> | undefined {
  const id = member(event, "rule", "id");
  if (id === undefined) return undefined;
  const level = Number(member(event, "rule", "level"));
  const groups = get(event, "rule", "groups") ?? get(event, "rule_groups") ?? get(event, "rule.groups");
  return {
    id,
    level: Number.isFinite(level) ? level : 0,
    description: member(event, "rule", "description") ?? "",
    groups: groupsOf(groups),
  };
}

function groupsOf(groups: JsonValue | undefined): readonly string[] {
  const list = typeof groups === "string" ? groups.split(",") : Array.isArray(groups) ? groups : [];
  return list
    .slice(0, MAX_GROUPS)
    .filter((group): group is string => typeof group === "string")
    .map((group) => group.trim())
    .filter((group) => group !== "");
}

/** The time that an alert says; epoch milliseconds, undefined when it says none that can be read. */
export function writtenTime(event: JsonObject): number | undefined {
  const written = text(event, "timestamp") ?? text(event, "@timestamp");
  const time = written === undefined ? Number.NaN : Date.parse(withColon(written));
  return Number.isFinite(time) ? time : undefined;
}

/** Wazuh writes the zone without a colon (`+0000`), which the ISO format does not allow. */
function withColon(time: string): string {
  const sign = time.charCodeAt(time.length - 5);
  if (sign !== 43 && sign !== 45) return time;
  return /\d{4}$/.test(time) ? `${time.slice(0, -2)}:${time.slice(-2)}` : time;
}

/** The exact line inside Fluent Bit's record, or undefined. */
function loggedLine(event: JsonObject): Buffer | undefined {
  if (Object.hasOwn(event, "rule") || Object.hasOwn(event, "data")) return undefined;
  const log = get(event, "log");
  return typeof log === "string" && log.startsWith("{") ? withoutNewline(Buffer.from(log)) : undefined;
}

function parseObject(line: Buffer): JsonObject {
  if (!isUtf8(line)) throw invalid("invalid UTF-8");
  const text = line.toString("utf8");
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(whatWasFound(line), cause);
  }
  if (!isJsonObject(value))
    throw invalid(`JSON ${Array.isArray(value) ? "array" : value === null ? "null" : typeof value}`);
  if (opensMore(text, MAX_NESTING) && isDeeper(value, MAX_NESTING)) throw invalid(`nesting over ${MAX_NESTING} levels`);
  return value;
}

function whatWasFound(line: Buffer): string {
  if (line.length === 0) return "an empty line";
  if (line.includes(0)) return `a NUL byte at offset ${line.indexOf(0)}`;
  if (line[0] === 0xef && line[1] === 0xbb) return "a byte order mark before the JSON";
  return `${line.length} bytes that are not JSON`;
}

/** There are more opening brackets than `levels`, in strings or outside: with fewer no value lies deeper. */
function opensMore(text: string, levels: number): boolean {
  let left = levels;
  for (const bracket of ["{", "["]) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) if (--left < 0) return true;
  }
  return false;
}

function isDeeper(value: JsonObject | readonly JsonValue[], levels: number): boolean {
  if (levels === 0) return true;
  for (const key in value) {
    const inner = (value as JsonObject)[key];
    if (typeof inner === "object" && inner !== null && isDeeper(inner as JsonObject, levels - 1)) return true;
  }
  return false;
}

function invalid(found: string, cause?: unknown): TiplineError {
  return new TiplineError("TIP_INPUT_INVALID", `expected one alert as a JSON object in UTF-8, found ${found}`, {
    cause,
  });
}
