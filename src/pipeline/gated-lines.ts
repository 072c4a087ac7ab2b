import type { LineGate } from "../intel/gate.ts";
import { LINE_LIMIT } from "../lib/lines.ts";
import { holdsNoText, isInBraces } from "./line-marks.ts";

const LF = 10;
const CR = 13;

/** A line of a chunk without its end, and whether it must be handled; what need not be is only counted. */
export interface LineVisitor {
  /** A line that may match or is no alert. False stops the walk: the line has not been taken. */
  parse(from: number, to: number): boolean;
  /** A line over the limit. False as above. */
  refuse(from: number, to: number): boolean;
}

export interface GatedLines {
  /** Lines that are neither empty nor over the limit, handled ones included. */
  readonly alerts: number;
  /** Where the walk came to: the chunk's end, or the beginning of the line that was not taken. */
  readonly end: number;
}

/**
 * Walks over the lines of a chunk (whole lines; the last one's end may be missing where the input ends) and shows those that the gate
 * flags, and those that are no alerts as far as {@link holdsNoText} and braces tell.
 */
export function walkLines(chunk: Buffer, gate: LineGate, { parse, refuse }: LineVisitor): GatedLines {
  const { ranges } = gate.flags(chunk, 0, chunk.length);
  const odd = holdsNoText(chunk);
  let alerts = 0;
  let next = 0;
  for (let from = 0; from < chunk.length; ) {
    const lineEnd = chunk.indexOf(LF, from);
    const to = lineEnd < 0 ? chunk.length : lineEnd > from && chunk[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    while ((ranges[next] ?? Number.POSITIVE_INFINITY) < from) next += 2;
    const isFlagged = ranges[next] === from;
    if (to > from) {
      if (to - from > LINE_LIMIT) {
        if (!refuse(from, to)) return { alerts, end: from };
      } else {
        if (
          (isFlagged || !isInBraces(chunk, from, to) || (odd && holdsNoText(chunk.subarray(from, to)))) &&
          !parse(from, to)
        )
          return { alerts, end: from };
        alerts++;
      }
    }
    from = lineEnd < 0 ? chunk.length : lineEnd + 1;
  }
  return { alerts, end: chunk.length };
}
