import { cutValues, onOneLine } from "../lib/json-values.ts";
import { HEAD_LIMIT, LINE_LIMIT, LineSplitter } from "../lib/lines.ts";
import { shippedLine } from "./shipped-line.ts";

/** A record as it was written, and where it stood. */
export interface IntakeRecord {
  readonly bytes: Buffer;
  readonly origin: string;
}

export interface IntakeReject {
  readonly head: Buffer;
  readonly length: number;
  readonly origin: string;
  readonly reason: string;
}

/** A part of a body that makes one delivery; `range` is the same for the same body, always. */
export interface IntakePart {
  readonly records: readonly IntakeRecord[];
  readonly rejected: readonly IntakeReject[];
  readonly range: string;
}

export const MOST_RECORDS = 1_000;
export const MOST_BYTES = 4 * 1024 * 1024;

const OPEN_OBJECT = 0x7b;
const NEXT_OBJECT = "\n{";

/** How a body is made of alerts. `json`: one, a list, or several after each other. */
export type BodyForm = "lines" | "json";

/** One piece of a body: a line or a value. */
interface Piece {
  readonly bytes: Buffer;
  readonly length: number;
  /** Which one it is, from 1. */
  readonly number: number;
  readonly reason?: string;
}

/** Cuts a body into deliveries. `name`: of the body, from its content alone. `from`: whom it came from, for people. */
export function* bodyParts(body: Buffer, form: BodyForm, name: string, from: string): Generator<IntakePart> {
  let part = 0;
  let records: IntakeRecord[] = [];
  let rejected: IntakeReject[] = [];
  let bytes = 0;
  const cut = (): IntakePart => {
    const made = { records, rejected, range: `${name}:${part}` };
    part += 1;
    records = [];
    rejected = [];
    bytes = 0;
    return made;
  };
  for (const piece of form === "lines" ? linesOf(body) : valuesOf(body)) {
    const full = records.length + rejected.length >= MOST_RECORDS || bytes + piece.bytes.length > MOST_BYTES;
    if (full && records.length + rejected.length > 0) yield cut();
    bytes += piece.bytes.length;
    const origin = `${from} ${name}:${piece.number}`;
    if (piece.reason === undefined) records.push({ bytes: onOneLine(shippedLine(piece.bytes)), origin });
    else rejected.push({ head: copyOfHead(piece.bytes), length: piece.length, origin, reason: piece.reason });
  }
  if (records.length + rejected.length > 0) yield cut();
}

/** One part for a body that cannot be cut into anything. */
export function rejectedBody(
  { head, length, reason }: Omit<IntakeReject, "origin">,
  name: string,
  from: string,
): IntakePart {
  return {
    records: [],
    rejected: [{ head: copyOfHead(head), length, reason, origin: `${from} ${name}` }],
    range: `${name}:rejected`,
  };
}

function* linesOf(body: Buffer, before = 0): Generator<Piece> {
  const splitter = new LineSplitter();
  splitter.feed(body);
  let number = before;
  for (let line = splitter.next(); line !== undefined; line = splitter.next()) {
    number += 1;
    if (line.length > 0) yield piece(line.bytes, line.length, number);
  }
  const rest = splitter.rest();
  if (rest !== undefined) yield piece(rest.bytes, rest.length, number + 1);
}

function* valuesOf(body: Buffer): Generator<Piece> {
  let number = 0;
  for (const { bytes, start, whole } of cutValues(body)) {
    number += 1;
    if (whole) yield piece(bytes, bytes.length, number);
    else {
      // One torn line must not take all the lines after it along: from the next one that begins an object they are read as lines.
      const next = bytes[0] === OPEN_OBJECT ? bytes.indexOf(NEXT_OBJECT) + 1 : 0;
      const torn = next > 0 ? bytes.subarray(0, next) : bytes;
      const reason = `expected whole JSON, found the end of the ${next > 0 ? "line" : "body"} within value ${number}`;
      yield { bytes: torn, length: torn.length, number, reason };
      if (next > 0) yield* linesOf(body.subarray(start + next), number);
    }
  }
}

function piece(bytes: Buffer, length: number, number: number): Piece {
  if (length <= LINE_LIMIT) return { bytes, length, number };
  return { bytes, length, number, reason: `expected an alert of at most ${LINE_LIMIT} bytes, found ${length}` };
}

function copyOfHead(bytes: Buffer): Buffer {
  return Buffer.from(bytes.subarray(0, HEAD_LIMIT));
}
