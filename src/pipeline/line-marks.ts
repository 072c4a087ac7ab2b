import { isUtf8 } from "node:buffer";

/**
 * What handling must see of lines that the gate clears, told from their bytes. The gate's law is about matches alone; the rest of
 * what `handleRecord` does with a line stands here:
 *
 * - Echoes of our own findings are told by their id, canaries by the name of their member. Both are written by us and by Wazuh, which
 *   escapes neither name. Only a running line awaits them: for whoever has no journal and no watch they come to nothing.
 * - Simulated events and answers to foreign findings matter only where they match, and then the gate flags them.
 * - Records that are no alerts are dead letters. The gate flags what is not in braces; bytes that no JSON holds are told here. JSON
 *   that is broken in another way within braces, or nested too deep, cannot be told without parsing: nothing in such a line matches,
 *   and who parses only what is flagged takes it for an alert.
 */

/** Stands in the alert that one of our own findings makes: a member of `data.misp`, also within a shipper's string. */
const ECHO_MARK = Buffer.from("finding_id");
/** Stands in the alert that a canary makes: the only member of its `data`. */
const CANARY_MARK = Buffer.from("tipline_canary");

/** Whether an echo of a finding of ours, or a canary, may be in the bytes of one line or of many. About 0.5 GB/s. */
export function mayBeOurs(bytes: Buffer): boolean {
  return bytes.includes(ECHO_MARK) || bytes.includes(CANARY_MARK);
}

/** Whether bytes that no alert may hold are in one line or in many: a NUL (a hole after a crash), or what is not UTF-8. About 10 GB/s. */
export function holdsNoText(bytes: Buffer): boolean {
  return bytes.includes(0) || !isUtf8(bytes);
}

const OPENING = 0x7b;
const CLOSING = 0x7d;

/** Whether a line, not empty and without its end, is in braces from its first byte to its last. */
export function isInBraces(bytes: Uint8Array, from: number, to: number): boolean {
  return bytes[from] === OPENING && bytes[to - 1] === CLOSING;
}
