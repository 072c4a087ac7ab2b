import { type LineGate, openGate, placeGate } from "../../src/intel/gate.ts";
import { GateMemory, type GateTables } from "../../src/intel/gate-memory.ts";
import type { IndicatorIndex } from "../../src/intel/generation.ts";
import { Layer } from "../../src/intel/index/layer.ts";
import { openLayers } from "../../src/intel/index/layers.ts";
import type { Segment } from "../../src/intel/index/segment.ts";
import type { JsonObject } from "../../src/model/json.ts";
import { createExtraction } from "../../src/pipeline/extract.ts";
import { HeldLines } from "../../src/pipeline/held-lines.ts";
import { EXTRACTORS } from "../../src/registry.gen.ts";
import { READ_BYTES } from "./lines.ts";
import { regexMapMatcher } from "./regex-map.ts";

/**
 * A way to go over alerts. `parse`: only JSON.parse, the unit. `regex-map`: the usual design. `reference`: Tipline without its gate.
 * `gate`: the gate alone. `match`: the gate, and the reference matcher for what it flags.
 */
export type WayName = "parse" | "regex-map" | "reference" | "gate" | "match";

export interface Way {
  /** What to read into. */
  readonly buffer: Uint8Array;
  /** Goes over `buffer[0, end)`, whole lines. */
  take(end: number): void;
  /** Deals with what was put off. */
  finish?(): void;
  readonly counts: Counts;
}

export interface Counts {
  lines: number;
  /** Lines that the gate flagged. */
  flagged: number;
  matched: number;
}

/** What a way needs: indicators as files of a segment, already opened by another thread or not; for `regex-map` how many. */
export interface WayOptions {
  readonly path: string;
  readonly known: number;
  readonly segment?: Segment;
  readonly tables?: GateTables;
}

export function createWay(name: WayName, options: WayOptions): Way {
  if (name === "parse") return parsed((_event) => false);
  if (name === "regex-map") return parsed(regexMapMatcher(options.known));
  const index = openLayers([new Layer(options.path, options.segment)]);
  const matches = referenceMatcher(index);
  if (name === "reference") return parsed(matches);
  return gated(options.tables ?? placed(index), index, name === "match" ? matches : undefined);
}

/** The tables of a generation in memory that threads can share; throws where the kernel does not run. */
export function placed(index: IndicatorIndex): GateTables {
  const tables = placeGate(index, new GateMemory());
  if ("refused" in tables) throw new Error(`the kernel does not run here: ${tables.refused}`);
  return tables;
}

/** Until it is known whether an indicator covers something in the alert; what judging and writing a finding costs is not in it. */
function referenceMatcher(index: IndicatorIndex): (event: JsonObject) => boolean {
  const extract = createExtraction(EXTRACTORS);
  return (event) => extract.finds(event, index);
}

/** Every line is parsed. Decoding a whole read and splitting it is the fastest way to many lines that we know of. */
function parsed(matches: (event: JsonObject) => boolean): Way {
  const buffer = Buffer.alloc(READ_BYTES);
  const counts = { lines: 0, flagged: 0, matched: 0 };
  return {
    buffer,
    counts,
    take(end) {
      const lines = buffer.toString("utf8", 0, end - 1).split("\n");
      counts.lines += lines.length;
      for (const line of lines) if (matches(JSON.parse(line) as JsonObject)) counts.matched++;
    },
  };
}

/** Lines are read into the gate's own room; what it flags is gathered, as the product does, then parsed and matched. */
function gated(tables: GateTables, index: IndicatorIndex, matches: ((event: JsonObject) => boolean) | undefined): Way {
  const gate: LineGate = openGate(tables, index);
  if (gate.room === undefined) throw new Error("the kernel does not run here");
  const { buffer, byteOffset, length } = gate.room;
  const room = Buffer.from(buffer, byteOffset, length);
  const counts = { lines: 0, flagged: 0, matched: 0 };
  const held = new HeldLines<undefined>((lines) => {
    const events = lines.map(({ line }) => JSON.parse(line.toString("utf8")) as JsonObject);
    for (const event of events) if (matches?.(event)) counts.matched++;
  });
  return {
    buffer: gate.room,
    counts,
    finish: () => held.flush(),
    take(end) {
      const { lines, ranges } = gate.flags(room, 0, end);
      counts.lines += lines;
      counts.flagged += ranges.length / 2;
      if (matches === undefined) return;
      for (let at = 0; at < ranges.length; at += 2)
        held.add(room, ranges[at] as number, ranges[at + 1] as number, undefined);
    },
  };
}
