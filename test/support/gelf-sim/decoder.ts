import { readFirstValue } from "./lenient-json.ts";

export type FieldContent = string | number | bigint;

/** A message as Graylog holds it before it is indexed. */
export interface Decoded {
  readonly fields: ReadonlyMap<string, FieldContent>;
  /** What was dropped or ignored without an error, and why. */
  readonly dropped: readonly { readonly key: string; readonly why: string }[];
  readonly warnings: readonly string[];
}

export type Decoding = Decoded | { readonly rejected: string };

const FIRST_OF_ITS_KIND = new Set([
  "source",
  "message",
  "full_message",
  "timestamp",
  "level",
  "line",
  "file",
  "facility",
]);
const LONG = 64;

/**
 * What Graylog (4.3 and later) makes of one GELF frame; `receivedAt` in epoch milliseconds. Each rule was seen in its own decoder: see the
 * tests of this file.
 */
export function decodeGelf(frame: Buffer, receivedAt: number): Decoding {
  let value: unknown;
  let rest = "";
  try {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(frame);
    if (text.startsWith("\ufeff")) throw new Error("byte order mark");
    ({ value, rest } = readFirstValue(text));
  } catch (thrown) {
    return { rejected: `JSON is null/could not be parsed: ${String(thrown)}` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { rejected: "not a JSON object" };
  const json = new Map(Object.entries(value));
  const refusal = refused(json);
  if (refusal !== undefined) return { rejected: refusal };
  const decoded = new Message();
  if (rest !== "") decoded.drop("(frame)", "text after the first object");
  decoded.standard(json, receivedAt);
  for (const [key, content] of json) if (!STANDARD.has(key)) decoded.additional(key, content);
  return decoded;
}

const STANDARD = new Set([
  "short_message",
  "message",
  "host",
  "timestamp",
  "version",
  "full_message",
  "level",
  "facility",
  "file",
  "line",
]);

function refused(json: ReadonlyMap<string, unknown>): string | undefined {
  // Missing is only a warning, null is not.
  if (json.has("host")) {
    const host = json.get("host");
    if (typeof host !== "string") return 'has invalid "host"';
    if (isBlank(host)) return 'has empty mandatory "host" field';
  }
  const key = json.has("short_message") ? "short_message" : "message";
  if (!json.has(key)) return 'is missing mandatory "short_message" or "message" field';
  const text = json.get(key);
  if (typeof text !== "string") return `has invalid "${key}"`;
  const other = json.get("message");
  if (isBlank(text) && (typeof other !== "string" || isBlank(other))) return `has empty mandatory "${key}" field`;
  return undefined;
}

/** Java's white space: no no-break spaces, but the separators among the control characters. */
function isBlank(text: string): boolean {
  return /^[\t-\r\u001c-\u0020\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]*$/.test(text);
}

class Message implements Decoded {
  readonly fields = new Map<string, FieldContent>();
  readonly dropped: { readonly key: string; readonly why: string }[] = [];
  readonly warnings: string[] = [];

  drop(key: string, why: string): void {
    this.dropped.push({ key, why });
  }

  standard(json: ReadonlyMap<string, unknown>, receivedAt: number): void {
    const text = (key: string) => {
      const value = json.get(key);
      return typeof value === "string" ? value : undefined;
    };
    this.fields.set("message", text("short_message") ?? text("message") ?? "");
    const host = text("host");
    if (host === undefined) this.warnings.push("no host: source is null");
    else this.fields.set("source", host);
    this.fields.set("timestamp", this.#time(json.get("timestamp"), receivedAt));
    const full = text("full_message");
    if (full !== undefined && full !== "") this.fields.set("full_message", full);
    const level = json.get("level");
    if (typeof level === "number") this.fields.set("level", level);
    else if (typeof level === "string") this.fields.set("level", /^-?\d+$/.test(level) ? Number(level) : level);
    for (const key of ["facility", "file", "line"]) {
      const value = json.get(key);
      if (typeof value === "string" || typeof value === "number") this.fields.set(key, value);
    }
  }

  /** Epoch milliseconds. */
  #time(given: unknown, receivedAt: number): number {
    const seconds = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
    if (typeof seconds === "number" && seconds > 0) return Math.round(seconds * 1000);
    this.warnings.push("no usable timestamp: time of receipt");
    return receivedAt;
  }

  additional(given: string, content: unknown): void {
    const key = given.startsWith("_") ? given.slice(1) : given;
    const value = contentOf(content);
    const why = this.#refusal(key, value, content);
    if (why !== undefined) this.drop(given, why);
    else if (value !== undefined) this.fields.set(key, typeof value === "string" ? javaTrim(value) : value);
  }

  #refusal(key: string, value: FieldContent | undefined, content: unknown): string | undefined {
    if (!/^[A-Za-z0-9.@_-]+$/.test(key)) return "characters in the name";
    if (FIRST_OF_ITS_KIND.has(key) && this.fields.has(key)) return "set already";
    if (value === undefined) return typeof content === "boolean" ? "boolean" : "null";
    return typeof value === "string" && javaTrim(value) === "" ? "empty" : undefined;
  }

  /** As it is written to the index: dots become underscores, and lose against a name that has them. */
  stored(): ReadonlyMap<string, FieldContent> {
    const stored = new Map<string, FieldContent>();
    for (const [key, value] of this.fields) if (!key.includes(".")) stored.set(key, value);
    for (const [key, value] of this.fields) {
      const name = key.replaceAll(".", "_");
      if (!key.includes(".")) continue;
      if (stored.has(name)) this.warnings.push(`${key} is dropped: ${name} is there`);
      else stored.set(name, value);
    }
    return stored;
  }
}

function javaTrim(text: string): string {
  return text.replace(/^[\u0000-\u0020]+|[\u0000-\u0020]+$/g, "");
}

function contentOf(content: unknown): FieldContent | undefined {
  if (typeof content === "string" || typeof content === "number") return content;
  if (typeof content === "bigint") return BigInt.asIntN(LONG, content);
  if (typeof content === "object" && content !== null)
    return JSON.stringify(content, (_key, value) => (typeof value === "bigint" ? String(value) : value));
  return undefined;
}

/** The fields of a decoded message as the index gets them. */
export function storedFields(decoded: Decoded): ReadonlyMap<string, FieldContent> {
  return (decoded as Message).stored();
}
