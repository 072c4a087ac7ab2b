import { open } from "node:fs/promises";
import { asError, systemCode } from "../lib/errors.ts";

/** Counters of wazuh-analysisd as it wrote them last. */
export interface AnalysisState {
  readonly values: ReadonlyMap<string, number>;
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

/**
 * Reads `<prefix>/var/run/wazuh-analysisd.state`. Never throws. Counters run since the daemon's start; before 4.4 they are those of
 * the last interval alone [source].
 */
export async function readAnalysisState(path: string): Promise<StateReading> {
  try {
    const file = await open(path, "r");
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new Error("expected a regular file");
      const buffer = Buffer.alloc(MOST_BYTES);
      const { bytesRead } = await file.read(buffer, 0, MOST_BYTES, 0);
      const values = parseAnalysisState(buffer.toString("utf8", 0, bytesRead));
      return { status: "read", state: { values, writtenAt: stat.mtimeMs } };
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
