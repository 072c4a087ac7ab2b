import { openReader, PlainReader } from "../lib/byte-reader.ts";
import { systemCode } from "../lib/errors.ts";
import { MARK_BYTES } from "../lib/place.ts";

/** Wazuh writes the timestamp first: `{"timestamp":"2026-11-21T21:45:50.015+0000",…` */
const TIMESTAMP = /^\{"timestamp":"([0-9T:.+Z-]{10,40})"/;

/** The time of the alert that a line is, or begins with; epoch milliseconds, undefined when it does not say. */
export function alertTime(line: Buffer): number | undefined {
  const [, text] = TIMESTAMP.exec(line.toString("latin1", 0, 64)) ?? [];
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** The first bytes of a file's content; undefined when there is no such file. */
export async function headOf(file: { readonly path: string; readonly packed: boolean }): Promise<Buffer | undefined> {
  try {
    const reader = await openReader(file.path, file.packed);
    try {
      if (!(reader instanceof PlainReader)) return (await reader.read())?.subarray(0, MARK_BYTES) ?? Buffer.alloc(0);
      const length = Math.min(MARK_BYTES, (await reader.stat()).size);
      return (await reader.peek({ at: 0, length })) ?? Buffer.alloc(0);
    } finally {
      await reader.close();
    }
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (file.packed) return Buffer.alloc(0);
    throw error;
  }
}
