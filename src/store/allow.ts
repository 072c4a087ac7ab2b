import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { canonicalize } from "../intel/canonical.ts";
import type { AllowEntry } from "../intel/policy.ts";
import { asError, systemCode, TiplineError } from "../lib/errors.ts";
import { isJsonObject } from "../model/json.ts";
import { OBSERVABLE_TYPES, type ObservableType } from "../model/observable.ts";

/** One line of the allow log: it is never rewritten, so it is its own audit trail. */
type AllowLine =
  | { readonly action: "allow"; readonly entry: AllowEntry }
  | {
      readonly action: "remove";
      readonly type: ObservableType;
      readonly value: string;
      readonly at: number;
      readonly by: string;
    };

const FILE = "allow.ndjson";

/** Entries in force, oldest first; expired ones are left in (policy decides by alert time). Bad lines stop with their number. */
export function readAllow(stateDir: string): readonly AllowEntry[] {
  let text: string;
  try {
    text = readFileSync(join(stateDir, FILE), "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw new TiplineError("TIP_STATE_CORRUPT", `cannot read ${join(stateDir, FILE)}: ${asError(error).message}`, {
      cause: error,
    });
  }
  const entries = new Map<string, AllowEntry>();
  text.split("\n").forEach((line, at) => {
    if (line === "") return;
    const parsed = parseLine(line);
    // A torn last line is an addition that never answered the analyst: it is not in force.
    if (parsed === undefined) {
      if (at === text.split("\n").length - 1) return;
      throw new TiplineError(
        "TIP_STATE_CORRUPT",
        `${join(stateDir, FILE)}:${at + 1}: expected an allow entry, found ${line.slice(0, 80)}`,
      );
    }
    if (parsed.action === "remove") {
      for (const [key, entry] of entries)
        if (entry.type === parsed.type && entry.value === parsed.value) entries.delete(key);
    } else entries.set(`${parsed.entry.type}\n${parsed.entry.value}\n${parsed.entry.entity ?? ""}`, parsed.entry);
  });
  return [...entries.values()];
}

/** Adds an entry; durable when it returns. */
export function appendAllow(stateDir: string, entry: AllowEntry): void {
  append(stateDir, { action: "allow", entry });
}

/** Takes back every entry for the value (any entity); how many there were. */
export function removeAllow(stateDir: string, type: ObservableType, value: string, by: string, at: number): number {
  const before = readAllow(stateDir).filter((entry) => entry.type === type && entry.value === value).length;
  if (before > 0) append(stateDir, { action: "remove", type, value, at, by });
  return before;
}

function append(stateDir: string, line: AllowLine): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, FILE);
  const descriptor = openSync(path, "a", 0o600);
  try {
    const { end, ended } = soundEnd(readFileSync(path));
    ftruncateSync(descriptor, end);
    const bytes = Buffer.from(`${ended ? "" : "\n"}${JSON.stringify(line)}\n`);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
      fsyncSync(descriptor);
    } catch (thrown) {
      // An analyst who was told of a failure must not find half an entry, or all of it, in force.
      ftruncateSync(descriptor, end);
      throw thrown;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Where the next line goes: after the last whole one. A torn line never answered the analyst and is cut off. */
function soundEnd(log: Buffer): { readonly end: number; readonly ended: boolean } {
  const start = log.lastIndexOf(10) + 1;
  if (start === log.length) return { end: start, ended: true };
  const whole = parseLine(log.toString("utf8", start)) !== undefined;
  return whole ? { end: log.length, ended: false } : { end: start, ended: true };
}

function parseLine(line: string): AllowLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const record = value["action"] === "allow" ? value["entry"] : value;
  if (!isJsonObject(record) || !OBSERVABLE_TYPES.includes(record["type"] as ObservableType)) return undefined;
  const type = record["type"] as ObservableType;
  if (typeof record["value"] !== "string" || canonicalize(type, record["value"]) === undefined) return undefined;
  return value as unknown as AllowLine;
}
