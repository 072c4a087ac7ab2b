import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { asError, systemCode } from "../lib/errors.ts";

/**
 * What a counter counts: all since the daemon's start, or, before Wazuh 4.4, one interval alone. The file tells: only the older kind has
 * rates of its interval (`events_edps` …), only the newer one announces its own end [source: analysisd/state.c].
 */
export type CounterKind = "running" | "interval" | "unknown";

/** Counters of wazuh-analysisd as it wrote them last. */
export interface AnalysisState {
  readonly values: ReadonlyMap<string, number>;
  readonly kind: CounterKind;
  /** Epoch milliseconds of the writing; every 5 s unless `analysisd.state_interval` says otherwise. */
  readonly writtenAt: number;
}

export type StateReading =
  | { readonly status: "read"; readonly state: AnalysisState }
  /** `code`: errno's name; `ENOENT` also where `analysisd.state_interval` is 0. */
  | { readonly status: "unreadable"; readonly code: string; readonly cause: Error };

const MOST_BYTES = 256 * 1024;

/** `KEY='value'` with a number; comments and anything else are passed over. */
const LINE = /^([a-z0-9_]{1,80})='?([0-9.]{1,40})'?$/;

const RATE_OF_AN_INTERVAL = /^[a-z_]{1,40}_(?:edps|mdps)=/m;
const RUNNING = "# THIS FILE WILL BE DEPRECATED IN FUTURE VERSIONS";

/** Reads `<prefix>/var/run/wazuh-analysisd.state`. Never throws. */
export async function readAnalysisState(path: string): Promise<StateReading> {
  try {
    // A pipe in its place would hold the opening up for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new Error("expected a regular file");
      const buffer = Buffer.alloc(MOST_BYTES);
      const { bytesRead } = await file.read(buffer, 0, MOST_BYTES, 0);
      const text = buffer.toString("utf8", 0, bytesRead);
      const state = { values: parseAnalysisState(text), kind: kindOf(text), writtenAt: stat.mtimeMs };
      return { status: "read", state };
    } finally {
      await file.close();
    }
  } catch (thrown) {
    return { status: "unreadable", code: systemCode(thrown) ?? "EIO", cause: asError(thrown) };
  }
}

export function parseAnalysisState(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, key, value] = LINE.exec(line.trim()) ?? [];
    if (key !== undefined && Number.isFinite(Number(value))) values.set(key, Number(value));
  }
  return values;
}

function kindOf(text: string): CounterKind {
  if (RATE_OF_AN_INTERVAL.test(text)) return "interval";
  return text.includes(RUNNING) ? "running" : "unknown";
}

/**
 * How much was counted between two writings, or undefined where the counter is not there. Of several intervals in between only the last
 * is known. A running counter that fell was begun anew.
 */
export function countedBetween(before: AnalysisState, after: AnalysisState, name: string): number | undefined {
  const [was, is] = [before.values.get(name), after.values.get(name)];
  if (was === undefined || is === undefined) return undefined;
  if (before.writtenAt === after.writtenAt) return 0;
  if (after.kind === "interval" || before.kind !== after.kind || is < was) return is;
  // The same number of drops again, and it cannot be told whether they are others: to spare Wazuh in vain does less harm.
  if (is === was && after.kind === "unknown" && name === "events_dropped" && !received(before, after)) return is;
  return is - was;
}

/** The counter of what is received rose, as a running one does. */
function received(before: AnalysisState, after: AnalysisState): boolean {
  return (after.values.get("events_received") ?? 0) > (before.values.get("events_received") ?? 0);
}
