import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeWhole } from "../lib/write-whole.ts";
import type { JsonObject } from "../model/json.ts";
import { isJsonObject } from "../model/json.ts";

/** The steps of a canary through the line, in order; each is what has to happen next. */
export const CANARY_HOPS = ["send", "read", "match", "deliver", "rule"] as const;
export type CanaryHop = (typeof CANARY_HOPS)[number];

/** What is known of the canary: `run` writes it, doctor reads it. Times are epoch milliseconds. */
export interface CanaryState {
  readonly enabled: boolean;
  readonly updatedAt: number;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly sent: number;
  readonly lost: number;
  readonly lastSentAt?: number;
  /** When one last came all the way back, how long it took and which rule fired. */
  readonly lastReturnedAt?: number;
  readonly roundTripMs?: number;
  readonly rule?: { readonly id: string; readonly level: number };
  /** What the canary on its way waits for. */
  readonly waitsFor?: CanaryHop;
  /** The last one did not come back. */
  readonly missing?: {
    readonly hop: CanaryHop;
    readonly since: number;
    readonly message: string;
    /** Something else is in trouble and explains it. */
    readonly explained: boolean;
  };
}

const NAME = "canary.json";
const MOST_BYTES = 65_536;

/** Replaces the file whole. Throws what the file system throws. */
export function writeCanaryState(stateDir: string, state: CanaryState): void {
  writeWhole(join(stateDir, NAME), `${JSON.stringify(state)}\n`);
}

/** What the last run wrote, or undefined when there is nothing that can be read. */
export function readCanaryState(stateDir: string): CanaryState | undefined {
  try {
    const path = join(stateDir, NAME);
    if (statSync(path).size > MOST_BYTES) return undefined;
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isJsonObject(value) ? toCanaryState(value) : undefined;
  } catch {
    return undefined;
  }
}

/** Of a JSON object (the file, or the answer of the control socket's `canary`). */
export function toCanaryState(value: JsonObject): CanaryState | undefined {
  const { enabled, updatedAt, sent, lost } = value;
  if (typeof enabled !== "boolean" || typeof updatedAt !== "number") return undefined;
  if (typeof sent !== "number" || typeof lost !== "number") return undefined;
  return value as unknown as CanaryState;
}
