import assert from "node:assert/strict";
import { createGate, type LineGate } from "../../src/intel/gate.ts";
import { GateMemory } from "../../src/intel/gate-memory.ts";
import type { IndicatorIndex } from "../../src/intel/generation.ts";
import { type Gate, GateKeys } from "../../src/intel/index/gate-keys.ts";
import type { Seed } from "../../src/intel/index/hash.ts";
import { createNominator } from "../../src/intel/nominate.ts";
import { smallIndex } from "../../src/intel/small-index.ts";
import type { JsonObject } from "../../src/model/json.ts";
import type { Observable } from "../../src/model/observable.ts";
import { DISGUISES, PLACES } from "./disguises.ts";
import { event, type GeneratedValue, reported } from "./indicators.ts";
import { SPELLINGS } from "./json-spellings.ts";

/** A few indicators as the reference matcher and as the gate see them, spread over a base and overlays. */
export interface Ring {
  readonly index: IndicatorIndex;
  readonly gate: LineGate;
  /** Indicators that cover something in the line, by parsing, extraction and exact lookup. */
  matches(event: JsonObject): readonly string[];
}

const CONTEXT = event(1);

/** One memory for all rings: its slots are written in turns, as in a process that syncs. */
const memory = new GateMemory();

export function ringOf(
  values: readonly GeneratedValue[],
  seed: Seed,
  layers: number,
  extract: (event: JsonObject) => { readonly observables: readonly Observable[] },
): Ring {
  const keys = Array.from({ length: layers }, () => new GateKeys(seed));
  const held = values.filter(({ type, pattern, value }, at) =>
    (keys[at % layers] as GateKeys).add(type, pattern, value),
  );
  const gates: readonly Gate[] = keys.map((each) => each.build());
  const nominator = createNominator(gates);
  const small = smallIndex(
    held.map((value, at) => {
      const { report, ...indicator } = reported(value, "f", CONTEXT, at);
      return { ...indicator, reports: [report] };
    }),
  );
  const index: IndicatorIndex = {
    ...small,
    gates,
    nominates: (each) => nominator.nominates(each),
    nominatesText: (text) => nominator.nominatesText(text),
  };
  const gate = createGate(index, { memory });
  assert.equal(gate.kind, "kernel", "the kernel must run where the tests run");
  return {
    index,
    gate,
    matches(event) {
      const found = extract(event).observables.flatMap(({ type, value }) => index.lookup(type, value));
      return found.map(({ type, pattern, value }) => `${type} ${pattern} ${value}`);
    },
  };
}

/** The lines that the gate flags, by number. */
export function flaggedLines(gate: LineGate, lines: readonly string[]): ReadonlySet<number> {
  const chunk = Buffer.from(`${lines.join("\n")}\n`);
  const numberAt = new Map<number, number>();
  let at = 0;
  lines.forEach((line, number) => {
    numberAt.set(at, number);
    at += Buffer.byteLength(line) + 1;
  });
  const { lines: seen, ranges } = gate.flags(chunk, 0, chunk.length);
  assert.equal(seen, lines.length);
  const flagged = new Set<number>();
  for (let i = 0; i < ranges.length; i += 2) {
    const number = numberAt.get(ranges[i] as number);
    assert.ok(number !== undefined, "a range begins where a line does");
    assert.equal(ranges[i + 1], (ranges[i] as number) + Buffer.byteLength(lines[number] as string));
    flagged.add(number);
  }
  return flagged;
}

export const pick = <T>(random: () => number, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)] as T;

const NOISE = "ab1:.%-_/\\[]2eu0 =f(){}\"'@\u00e4\uff0e\u2013\ud83d\ude00,;|\u00a0\ufffd".split("");
const noise = (random: () => number): string => {
  let text = "";
  for (let left = Math.floor(random() * 24); left > 0; left--) text += pick(random, NOISE);
  return text;
};

const asText = ({ pattern, value }: GeneratedValue): string =>
  pattern === "cidr" ? value.slice(0, value.indexOf("/")) : value;

/** None, most often one, sometimes two or three, each put on what the one before left. */
function drawDisguises(random: () => number): readonly string[] {
  if (random() < 0.25) return ["none"];
  const count = random() < 0.8 ? 1 : 2 + Math.floor(random() * 2);
  return Array.from({ length: count }, () => pick(random, Object.keys(DISGUISES)));
}

/** An alert that most often holds one of `own`, disguised in up to three ways and spelled in one; `onName` is told which. */
export function drawLine(
  random: () => number,
  own: readonly GeneratedValue[],
  others: readonly GeneratedValue[],
  onName: (name: string) => void = () => undefined,
): string {
  const disguises = drawDisguises(random);
  const spelling = pick(random, Object.keys(SPELLINGS));
  const plain = asText(pick(random, random() < 0.9 ? own : others));
  const text = disguises.reduce((each, name) => (DISGUISES[name] as (typeof DISGUISES)[string])(each), plain);
  const event: JsonObject = {
    ...pick(random, PLACES)(text),
    ...(random() < 0.2 && { note: noise(random) }),
    location: "x",
  };
  for (const disguise of disguises) onName(disguise);
  onName(spelling);
  // Half a surrogate pair can be escaped in JSON, but not written in UTF-8.
  return Buffer.from((SPELLINGS[spelling] as (typeof SPELLINGS)[string])(event, random)).toString();
}
