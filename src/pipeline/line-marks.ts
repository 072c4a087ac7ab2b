import { isUtf8 } from "node:buffer";

/**
 * What handling must see of lines that the gate clears, told from their bytes. The gate's law is about matches alone; the rest of
 * what `handleRecord` does with a line stands here:
 *
 * - Echoes of our own findings and canaries come to nothing: only a running line awaits them, and it parses every line.
 * - Simulated events and answers to foreign findings matter only where they match, and then the gate flags them.
 * - Records that are no alerts are dead letters. The gate flags what is not in braces; bytes that no JSON holds are told here. JSON
 *   that is broken in another way within braces, or nested too deep, cannot be told without parsing: nothing in such a line matches,
 *   and who parses only what is flagged takes it for an alert.
 */

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
