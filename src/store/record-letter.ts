import type { DeadLetter } from "../contract/journal.ts";

/** A record as a dead letter keeps it: text when it is UTF-8, else base64; `length` is that of the whole record. */
export function recordLetter(
  record: { readonly component: string; readonly time: number; readonly reason: string; readonly origin: string },
  bytes: Buffer,
  length = bytes.length,
): DeadLetter {
  const text = bytes.toString("utf8");
  const isText = Buffer.byteLength(text) === bytes.length && Buffer.from(text, "utf8").equals(bytes);
  return { kind: "record", ...record, length, ...(isText ? { text } : { base64: bytes.toString("base64") }) };
}
