import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { alertLines } from "../../bench/generate.ts";
import type { JsonObject } from "../../src/model/json.ts";
import { extractAll } from "../support/extractors.ts";
import { flaggedLines, pick, ringOf } from "../support/gate-law.ts";
import { fuzzRuns, type GeneratedValue } from "../support/indicators.ts";
import { seeded } from "../support/random.ts";
import { sharedDir } from "../support/shared.ts";

/** Mutated lines in all, and in one batch. */
const CASES = fuzzRuns(40_000);
const BATCH = 500;
/** Indicators of a batch: values that its own alerts hold. */
const OWN = 6;

/** Real alerts where they are at hand, else generated ones of the same families. */
function alerts(): readonly string[] {
  const shared = sharedDir();
  if (shared === undefined) return [...alertLines(2_000, { seed: 3 })];
  return readFileSync(join(shared, "data/wazuh/alerts.ndjson"), "utf8").trim().split("\n");
}

const PIECES = [
  "%2e",
  "\\u002e",
  "\\/",
  "\\\\",
  "[.]",
  "[dot]",
  "(.)",
  "::",
  "::ffff:",
  "\\n",
  "\\u003c",
  "-",
  ".",
  "\uff0e",
  " ",
  "%",
  "\\",
];

type Mutation = (line: string, random: () => number) => string;
const place = (line: string, random: () => number): number => Math.floor(random() * line.length);

const MUTATIONS: readonly Mutation[] = [
  (line) => line,
  (line, random) => {
    const at = place(line, random);
    return line.slice(0, at) + pick(random, PIECES) + line.slice(at);
  },
  (line, random) => {
    const at = place(line, random);
    return line.slice(0, at) + line.slice(at + 1 + Math.floor(random() * 3));
  },
  (line, random) => {
    const at = place(line, random);
    return line.slice(0, at) + line.charAt(at).toUpperCase() + line.slice(at + 1);
  },
  (line, random) => line.replaceAll(pick(random, [".", "/", "\\\\", " ", ":"]), pick(random, PIECES)),
  (line, random) => {
    const from = place(line, random);
    const part = line.slice(from, from + Math.floor(random() * 80));
    const at = place(line, random);
    return line.slice(0, at) + part + line.slice(at);
  },
];

test("mutated alerts: what the reference matcher finds, the gate flags", async (t) => {
  const extract = await extractAll();
  const lines = alerts();
  const all = { cases: 0, parsed: 0, judged: 0, matched: 0, nominated: 0, flagged: 0 };
  const valuesOf = (line: string): readonly GeneratedValue[] =>
    extract(JSON.parse(line) as JsonObject)
      .observables.filter(({ type }) => type !== "cve")
      .map(({ type, value }) => ({ type: type as GeneratedValue["type"], pattern: "exact", value }));

  fc.assert(
    fc.property(fc.nat(), (number) => {
      const random = seeded(number);
      const sources = Array.from({ length: 12 }, () => pick(random, lines));
      const known = sources.flatMap(valuesOf);
      const own = Array.from({ length: Math.min(OWN, known.length) }, () => pick(random, known));
      const ring = ringOf(own, { a: number, b: ~number >>> 0 }, 1 + Math.floor(random() * 3), extract);
      const mutated = Array.from({ length: Math.min(BATCH, CASES) }, () => {
        let line = pick(random, sources);
        for (let times = Math.floor(random() * 4); times > 0; times--) line = pick(random, MUTATIONS)(line, random);
        return Buffer.from(line.replaceAll("\n", " ")).toString();
      });
      const flagged = flaggedLines(ring.gate, mutated);
      mutated.forEach((line, at) => {
        all.cases++;
        if (flagged.has(at)) all.flagged++;
        const event = parsed(line);
        if (event === undefined) return;
        all.parsed++;
        const nominated = ring.index.nominates(event);
        if (nominated) all.nominated++;
        if (!flagged.has(at))
          assert.ok(!nominated, `${own.map(({ value }) => value).join()} nominated, not flagged: ${line}`);
        if (at % 4 !== 0) return;
        all.judged++;
        if (!nominated || ring.matches(event).length === 0) return;
        all.matched++;
        assert.ok(extract.finds(event, ring.index), `${own.map(({ value }) => value).join()} not found: ${line}`);
      });
      ring.gate.close();
    }),
    { numRuns: Math.ceil(CASES / BATCH), endOnFailure: true },
  );
  t.diagnostic(JSON.stringify(all));
  assert.ok(all.parsed / all.cases > 0.4 && all.matched / all.judged >= 0.3, JSON.stringify(all));
});

function parsed(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}
