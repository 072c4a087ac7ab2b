import { readSync } from "node:fs";
import { enrichedAlert } from "../clients/enriched-alert.ts";
import type { DeadLetter } from "../contract/journal.ts";
import type { LineGate } from "../intel/gate.ts";
import { asError } from "../lib/errors.ts";
import { type Cut, LEAST_BUFFER, LineCutter } from "../lib/line-cutter.ts";
import { HEAD_LIMIT, LINE_LIMIT } from "../lib/lines.ts";
import type { Finding } from "../model/finding.ts";
import { walkLines } from "../pipeline/gated-lines.ts";
import { type HandleContext, handleBatch } from "../pipeline/handle.ts";
import { type HeldLine, HeldLines } from "../pipeline/held-lines.ts";
import { recordLetter } from "../store/record-letter.ts";
import type { EnrichJob, EnrichResult, Wanted } from "./enrich-wire.ts";

/** Bytes of a range that are read at once. */
const BLOCK_BYTES = 256 * 1024;
/** Steps in which the beginning of a range's first line, and the end of its last, are looked for. */
const STEP_BYTES = 16 * 1024;
/** What one job may come to, about: more is left for another one. */
const MOST_RESULT = 8 * 1024 * 1024;
/** Of a dead letter beside the record, about. */
const LETTER_BYTES = 1024;
const LF = 10;

type Range = Extract<EnrichJob, { kind: "range" }>;

/**
 * Matches jobs, in any thread. Holds a buffer for reading and the result under way: 2 MiB, 8 MiB and what 256 KiB of lines, or one longer
 * line, come to, whatever the input.
 */
export class EnrichScan {
  readonly #context: Omit<HandleContext, "receivedAt">;
  readonly #gate: LineGate;
  readonly #wanted: Wanted;
  #buffer: Buffer | undefined;

  constructor(context: Omit<HandleContext, "receivedAt">, gate: LineGate, wanted: Wanted) {
    this.#context = context;
    this.#gate = gate;
    this.#wanted = wanted;
  }

  run(job: EnrichJob): EnrichResult {
    const out = this.#gathering(job.path, job.receivedAt);
    if (job.kind === "range") return this.#range(job, out);
    const { at, bytes } = job;
    const rest = this.#take(
      { kind: "lines", at, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) },
      out,
    );
    return out.result((rest ?? at + bytes.length) - at, rest);
  }

  /** What comes of a line that was too long to be held. */
  tooLong(path: string, receivedAt: number, { at, head, length }: Extract<Cut, { kind: "long" }>): EnrichResult {
    const out = this.#gathering(path, receivedAt);
    out.tooLong(at, head, length);
    return out.result(length);
  }

  /** What comes of a file that cannot be read on. */
  broken(path: string, receivedAt: number, { offset, rest, message }: BrokenOff): EnrichResult {
    return brokenResult(this.#gathering(path, receivedAt), 0, { offset, rest, message });
  }

  #gathering(path: string, receivedAt: number): Gathering {
    return new Gathering(path, { ...this.#context, receivedAt }, this.#wanted);
  }

  #range(range: Range, out: Gathering): EnrichResult {
    const start = firstLine(range);
    if (start instanceof Error)
      return brokenResult(out, 0, { offset: range.from, rest: undefined, message: start.message });
    this.#buffer ??= Buffer.allocUnsafeSlow(LEAST_BUFFER + BLOCK_BYTES);
    const cutter = new LineCutter(start, this.#buffer);
    try {
      for (;;) {
        const more = read(range, cutter);
        for (let cut = cutter.next(); cut !== undefined; cut = cutter.next()) {
          const rest = this.#take(cut, out);
          if (rest !== undefined) return out.result(rest - start, rest);
        }
        if (!more) break;
      }
      const last = cutter.rest();
      const rest = last && this.#take(last, out);
      return out.result((rest ?? cutter.offset) - start, rest);
    } catch (thrown) {
      const { offset } = cutter;
      return brokenResult(out, offset - start, { offset, rest: cutter.rest(), message: asError(thrown).message });
    }
  }

  /** Offset of the first line that was not taken. */
  #take(cut: Cut, out: Gathering): number | undefined {
    if (cut.kind === "long") {
      if (out.full) return cut.at;
      out.tooLong(cut.at, cut.head, cut.length);
      return undefined;
    }
    const { at, bytes } = cut;
    const { alerts, end } = walkLines(bytes, this.#gate, {
      parse: (from, to) => {
        if (out.full) return false;
        out.handle(at + from, bytes.subarray(from, to));
        return true;
      },
      refuse: (from, to) => {
        if (out.full) return false;
        out.tooLong(at + from, bytes.subarray(from, Math.min(to, from + HEAD_LIMIT)), to - from);
        return true;
      },
    });
    out.alerts += alerts;
    return end < bytes.length ? at + end : undefined;
  }
}

/** Where a file could not be read on, what there was of a line, and why. */
interface BrokenOff {
  readonly offset: number;
  readonly rest: Cut | undefined;
  readonly message: string;
}

function brokenResult(out: Gathering, bytes: number, { offset, rest, message }: BrokenOff): EnrichResult {
  out.broken(offset, rest, message);
  return { ...out.result(bytes), failure: { offset, message } };
}

/** Reads what comes next of a range, at last the end of its last line. False: that was all. */
function read({ fd, to }: Range, cutter: LineCutter): boolean {
  const room = cutter.room();
  const position = cutter.filledTo;
  if (position < to) {
    const count = readSync(fd, room, 0, Math.min(room.length, BLOCK_BYTES, to - position), position);
    cutter.filled(count);
    return count > 0;
  }
  if (cutter.atLineStart) return false;
  const count = readSync(fd, room, 0, Math.min(room.length, STEP_BYTES), position);
  const end = room.subarray(0, count).indexOf(LF);
  cutter.filled(end < 0 ? count : end + 1);
  return count > 0 && end < 0;
}

/** Where the first line of a range begins: behind its end when none does. An error of reading is given back. */
function firstLine({ fd, from, to, whole }: Range): number | Error {
  if (whole) return from;
  const step = Buffer.allocUnsafe(STEP_BYTES);
  try {
    for (let at = from - 1; at < to; ) {
      const count = readSync(fd, step, 0, step.length, at);
      const end = step.subarray(0, count).indexOf(LF);
      if (end >= 0) return Math.min(at + end + 1, to);
      if (count === 0) break;
      at += count;
    }
    return to;
  } catch (thrown) {
    return asError(thrown);
  }
}

/** What comes of the lines of one job. */
class Gathering {
  alerts = 0;
  readonly #path: string;
  readonly #context: HandleContext;
  readonly #wanted: Wanted;
  readonly #letters: DeadLetter[] = [];
  readonly #lines: string[] = [];
  readonly #held = new HeldLines<number>((lines) => this.#handle(lines));
  #size = 0;
  #findings = 0;
  #benign = 0;

  constructor(path: string, context: HandleContext, wanted: Wanted) {
    this.#path = path;
    this.#context = context;
    this.#wanted = wanted;
  }

  /** No more is taken. */
  get full(): boolean {
    return this.#size >= MOST_RESULT;
  }

  /** The line is copied. */
  handle(at: number, line: Buffer): void {
    this.#held.add(line, 0, line.length, at);
  }

  #handle(lines: readonly HeldLine<number>[]): void {
    const records = lines.map(({ line, mark: at }) => ({
      bytes: at === 0 ? withoutBom(line) : line,
      origin: `${this.#path}:${at}`,
    }));
    for (const { findings, deadLetters } of handleBatch(records, this.#context)) {
      for (const letter of deadLetters) this.#letter(letter);
      for (const finding of findings) this.#finding(finding);
    }
  }

  #finding(finding: Finding): void {
    const { minScore, benign, as } = this.#wanted;
    if (finding.score < minScore || (finding.suppressed && !benign)) return;
    this.#findings++;
    if (finding.suppressed) this.#benign++;
    const text = as === "alerts" ? enrichedAlert(finding, true) : JSON.stringify(finding);
    this.#lines.push(text);
    this.#size += text.length;
  }

  tooLong(at: number, head: Buffer, length: number): void {
    const reason = `expected a line of at most ${LINE_LIMIT} bytes, found ${length}`;
    this.#refused(at, at === 0 ? withoutBom(head) : head, length, reason);
  }

  broken(offset: number, rest: Cut | undefined, message: string): void {
    const reason = `expected a readable file, found after byte ${offset} of its content: ${message}`;
    const head = rest === undefined ? Buffer.alloc(0) : rest.kind === "long" ? rest.head : rest.bytes;
    const length = rest?.kind === "long" ? rest.length : head.length;
    this.#refused(offset, head.subarray(0, HEAD_LIMIT), length, reason);
  }

  result(bytes: number, rest?: number): EnrichResult {
    this.#held.flush();
    const text = this.#lines.length === 0 ? "" : `${this.#lines.join("\n")}\n`;
    // Memory of its own, which can be handed over.
    const ndjson = new Uint8Array(Buffer.byteLength(text));
    Buffer.from(ndjson.buffer).write(text);
    const counts = { alerts: this.alerts, bytes, findings: this.#findings, benign: this.#benign };
    return { ...counts, letters: this.#letters, ndjson, ...(rest === undefined ? {} : { rest }) };
  }

  #refused(at: number, head: Buffer, length: number, reason: string): void {
    // Letters are in the order of the lines.
    this.#held.flush();
    const { source, receivedAt } = this.#context;
    const about = { component: source, time: receivedAt, reason, origin: `${this.#path}:${at}` };
    this.#letter(recordLetter(about, head, length));
  }

  #letter(letter: DeadLetter): void {
    this.#letters.push(letter);
    this.#size += LETTER_BYTES + (letter.text ?? letter.base64 ?? "").length;
  }
}

/** Some tools put a byte order mark before the first line. */
function withoutBom(line: Buffer): Buffer {
  return line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? line.subarray(3) : line;
}
