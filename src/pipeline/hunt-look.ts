import { randomInt } from "node:crypto";
import { createGate, type GateLog, type LineGate } from "../intel/gate.ts";
import type { IndicatorIndex } from "../intel/generation.ts";
import { GateKeys } from "../intel/index/gate-keys.ts";
import { createNominator } from "../intel/nominate.ts";
import type { HuntedValue } from "../intel/sketch.ts";
import { asError } from "../lib/errors.ts";
import type { Line } from "../lib/lines.ts";
import type { Extraction } from "../model/alert.ts";
import type { JsonObject } from "../model/json.ts";
import type { Observable } from "../model/observable.ts";
import type { SketchWriter } from "./hunt-sketching.ts";
import { holdsNoText, isInBraces } from "./line-marks.ts";
import { toAlert, writtenTime } from "./parse-alert.ts";

/** The one place that decides whether a line may match. */
export interface HuntLook {
  /**
   * Looks at one line: true when it may match, false when it cannot, a text when it is no alert. With a sketch the line is put
   * into it, whatever the answer. True for nothing costs time; false for a match would lose it.
   */
  at(line: Buffer, sketch: SketchWriter | undefined): boolean | string;
  /** Of lines in the order of their file: 1 for each that must be looked at, 0 for those that a look without a sketch would answer with false. */
  passing(lines: readonly Line[]): Uint8Array;
}

export interface LookOptions {
  /** Tables of what is hunted, and whether an event may match. The law of `IndicatorIndex.nominates` holds for it. */
  readonly index: Pick<IndicatorIndex, "gates" | "nominates">;
  readonly extract: (event: JsonObject) => Extraction<Observable>;
  /** The gate over these tables, where there is one already. */
  readonly gate?: LineGate;
  /** Told when the gate cannot run here; everything is looked at then. */
  readonly log?: GateLog;
}

/** By the gate, then by the reference scanner: the line is parsed and its strings are looked through. */
export function createLook({ index, extract, log, gate: given }: LookOptions): HuntLook {
  const gate = given ?? createGate(index, log === undefined ? {} : { log });
  return {
    at(line, sketch) {
      try {
        const { event } = toAlert(line, "hunt", 0);
        sketch?.add(line, extract(event).observables, writtenTime(event));
        return index.nominates(event);
      } catch (error) {
        sketch?.add(line);
        return asError(error).message;
      }
    },
    // Without the kernel a gate would parse what is parsed by the look.
    passing: gate.kind === "kernel" ? (lines) => passing(lines, gate) : ({ length }) => new Uint8Array(length).fill(1),
  };
}

/** The same for some indicators, whatever index they are of. */
export function lookFor(values: Iterable<HuntedValue>, options: Pick<LookOptions, "extract" | "log">): HuntLook {
  return createLook({ ...options, index: tablesOf(values) });
}

/** Tables of some indicators, whatever index they are of. */
export function tablesOf(values: Iterable<HuntedValue>): LookOptions["index"] {
  const keys = new GateKeys({ a: randomInt(2 ** 32), b: randomInt(2 ** 32) });
  for (const value of values) keys.add(...value);
  const gates = [keys.build()];
  const nominator = createNominator(gates);
  return { gates, nominates: (event: JsonObject) => nominator.nominates(event) };
}

/** Lines that stand one behind the other in one chunk go through the gate at once. */
function passing(lines: readonly Line[], gate: LineGate): Uint8Array {
  const passes = new Uint8Array(lines.length);
  for (let from = 0; from < lines.length; ) {
    const all = new Uint8Array((lines[from] as Line).bytes.buffer);
    let to = from + 1;
    while (to < lines.length && isNext(lines[to - 1] as Line, lines[to] as Line, all)) to++;
    pass(lines, from, to, gate, passes);
    from = to;
  }
  return passes;
}

function pass(lines: readonly Line[], from: number, to: number, gate: LineGate, passes: Uint8Array): void {
  const first = (lines[from] as Line).bytes;
  const last = (lines[to - 1] as Line).bytes;
  const start = first.byteOffset;
  const chunk = Buffer.from(first.buffer, start, last.byteOffset + last.length - start);
  const { ranges } = gate.flags(chunk, 0, chunk.length);
  const odd = holdsNoText(chunk);
  let next = 0;
  for (let at = from; at < to; at++) {
    const { bytes } = lines[at] as Line;
    const begin = bytes.byteOffset - start;
    // Blank lines and line ends may be in between, but are never flagged.
    while ((ranges[next] ?? Number.POSITIVE_INFINITY) < begin) next += 2;
    const isFlagged = ranges[next] === begin;
    if (isFlagged || !isInBraces(bytes, 0, bytes.length) || (odd && holdsNoText(bytes))) passes[at] = 1;
  }
}

const LF = 10;
const CR = 13;
const MOST_BETWEEN = 16;

/**
 * Nothing but line ends stands between the two where they are in memory (`all` of it), whether they were read there or put there:
 * lines that are put together from two chunks may lie anywhere.
 */
function isNext({ bytes: a }: Line, { bytes: b }: Line, all: Uint8Array): boolean {
  if (a.buffer !== b.buffer) return false;
  const end = a.byteOffset + a.length;
  const between = b.byteOffset - end;
  if (between < 1 || between > MOST_BETWEEN || all[b.byteOffset - 1] !== LF) return false;
  for (let at = end; at < b.byteOffset; at++) if (all[at] !== LF && all[at] !== CR) return false;
  return true;
}
