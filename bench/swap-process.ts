import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { placeGate } from "../src/intel/gate.ts";
import { GateMemory } from "../src/intel/gate-memory.ts";
import { Layer } from "../src/intel/index/layer.ts";
import { type LayeredIndex, openLayers } from "../src/intel/index/layers.ts";

/** Bytes of resident memory, beyond what the process had before it opened an index. */
export interface SwapFigure {
  /** With one generation open and its tables placed for the gate. */
  readonly before: number;
  /** Highest while the next one was opened beside it and took its place. */
  readonly peak: number;
  /** Bytes of the sections of one. */
  readonly sections: number;
}

/** Opens the segment `argv[2]` as a generation, then once more beside it, and prints what memory that took. */
const [, , path = ""] = process.argv;
const memory = new GateMemory();
const open = (): LayeredIndex => {
  const index = openLayers([new Layer(path)]);
  const placed = placeGate(index, memory);
  if ("refused" in placed) throw new Error(`the kernel does not run here: ${placed.refused}`);
  return index;
};
await settle();
const empty = resident("VmRSS");
let current: LayeredIndex | undefined = open();
const sections = current.stats.memoryBytes;
await settle();
const before = resident("VmRSS") - empty;
// From here on the kernel notes a new highest value.
writeFileSync("/proc/self/clear_refs", "5");
const next = open();
current.close();
current = undefined;
await settle();
process.stdout.write(JSON.stringify({ before, peak: resident("VmHWM") - empty, sections } satisfies SwapFigure));
next.close();

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc?.();
    await sleep(20);
  }
}

function resident(line: "VmRSS" | "VmHWM"): number {
  const found = new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"));
  return Number(found?.[1] ?? Number.NaN) * 1024;
}
