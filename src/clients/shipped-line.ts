import { isUtf8 } from "node:buffer";

const OPEN_OBJECT = 0x7b;
const MOST_MEMBERS = 4;
const LOG = Buffer.from('"log"');
/** How far into a record the member is looked for: Fluent Bit writes `date` before it, or nothing. */
const LOOKED_AT = 200;

/**
 * The exact line inside a shipper's record (`{"log":"…"}`, with Fluent Bit's `date` or a few names of the user's own beside it),
 * or the bytes as they are. An alert of Wazuh's has `rule` or `data` and is never taken for one.
 */
export function shippedLine(bytes: Buffer): Buffer {
  if (bytes[0] !== OPEN_OBJECT || !bytes.subarray(0, LOOKED_AT).includes(LOG) || !isUtf8(bytes)) return bytes;
  let record: Readonly<Record<string, unknown>>;
  try {
    record = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  } catch {
    return bytes;
  }
  const names = Object.keys(record);
  const line = Object.hasOwn(record, "log") ? record["log"] : undefined;
  if (
    typeof line !== "string" ||
    names.length > MOST_MEMBERS ||
    names.some((name) => name === "rule" || name === "data")
  )
    return bytes;
  return Buffer.from(line.replace(/[\r\n]+$/, ""), "utf8");
}
