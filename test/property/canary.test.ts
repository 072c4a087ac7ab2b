import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { guardedSink, watchedSink } from "../../src/app/canary-line.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Finding, Mode } from "../../src/model/finding.ts";
import { noEvents } from "../../src/pipeline/events.ts";
import { runPipeline } from "../../src/pipeline/pipeline.ts";
import { redact } from "../../src/pipeline/redact.ts";
import { stormControl } from "../../src/stages/storm.ts";
import { openJournal } from "../../src/store/journal.ts";
import { makeFinding } from "../support/finding.ts";
import { FakeSink, numberedSource } from "../support/pipeline.ts";

const RUNS = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 12);
const derive = (parts: readonly string[]) => parts.join("-");

/** Findings of all modes on few indicators and entities, so that storm control has work. */
const aFinding = fc.record({
  mode: fc.constantFrom<Mode>("live", "live", "retro", "canary", "simulated"),
  indicator: fc.nat({ max: 2 }),
  entity: fc.nat({ max: 3 }),
  score: fc.constantFrom(0, 30, 60, 95),
  suppressed: fc.boolean(),
});
type Drawn = typeof aFinding extends fc.Arbitrary<infer T> ? T : never;

function findingOf({ mode, indicator, entity, score, suppressed }: Drawn, n: number): Finding {
  return makeFinding(n, {
    mode,
    score,
    suppressed,
    tlp: mode === "canary" ? "clear" : "red",
    key: { indicator: `ip:${indicator}`, entity: `agent:${entity}` },
    misp: { mode, band: score > 90 ? "critical" : "low" },
  });
}

test("whatever comes, canaries reach their sink, each once, and no other; simulated ones reach all but sightings", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aFinding, { maxLength: 60 }), fc.nat({ max: 4 }), async (drawn, failEvery) => {
      const findings = drawn.map(findingOf);
      const dir = mkdtempSync(join(tmpdir(), "tipline-"));
      const names = ["wazuh", "file", "sightings"] as const;
      const journal = await openJournal({
        dir,
        readers: [
          { name: "storm", stream: "raw", required: true },
          ...names.map((name) => ({ name, stream: "out" as const, required: name === "wazuh" })),
        ],
      });
      const inner = new Map(names.map((name) => [name, new FakeSink({ batchSize: 7 })]));
      const taken: Finding[] = [];
      const failing = inner.get("file");
      if (failing && failEvery > 1)
        failing.answer = (batch, call) =>
          call % failEvery === 0
            ? {
                status: "retry",
                cause: new Error("not now"),
                afterMs: 0,
                taken: Math.min(1, batch.length),
                paced: true,
              }
            : { status: "sent" };
      try {
        await runPipeline(
          {
            sources: [{ name: "numbers", source: numberedSource(findings.length, 5) }],
            handle: () => (record) => ({
              findings: [findings[Number(record.bytes)]!],
              deadLetters: [],
              confirmed: [],
            }),
            stage: stormControl({ derive, spreadEntities: 2 }),
            sinks: names.map((name) =>
              guardedSink(
                {
                  name,
                  sink:
                    name === "wazuh"
                      ? watchedSink(inner.get(name)!, (batch) => taken.push(...batch))
                      : inner.get(name)!,
                  prepare: (finding) => (finding.score < 50 ? undefined : redact(finding, "green")),
                },
                { canaries: name === "wazuh", sightings: name === "sightings" },
              ),
            ),
            journal,
            clock: systemClock,
            log: silentLog,
            events: noEvents,
            finite: true,
          },
          new AbortController().signal,
        );
        const ids = (of: readonly Finding[], mode: Mode) =>
          of
            .filter((one) => one.mode === mode)
            .map(({ id }) => id)
            .sort();
        const got = (name: (typeof names)[number]) => inner.get(name)?.received ?? [];
        assert.deepEqual(ids(got("wazuh"), "canary"), ids(findings, "canary"));
        assert.deepEqual(ids(taken, "canary"), ids(findings, "canary"));
        assert.deepEqual(ids(got("file"), "canary"), []);
        assert.deepEqual(ids(got("sightings"), "canary"), []);
        assert.deepEqual(ids(got("sightings"), "simulated"), []);
        const loud = findings.filter(({ score }) => score >= 50);
        assert.deepEqual(ids(got("file"), "simulated"), ids(loud, "simulated"));
        // Storm control says the same of the rest as if there had been no canaries.
        const storm = stormControl({ derive, spreadEntities: 2 });
        const rest = storm.process(findings.filter(({ mode }) => mode === "live" || mode === "retro")).out;
        const expected = [...rest, ...storm.tick(Number.MAX_SAFE_INTEGER).out].filter(({ score }) => score >= 50);
        const real = got("wazuh").filter(({ mode }) => mode === "live" || mode === "retro");
        assert.deepEqual(real.map(({ id }) => id).sort(), expected.map(({ id }) => id).sort());
        assert.equal(journal.deadLetters.counts().count, 0);
      } finally {
        await journal.close();
        rmSync(dir, { recursive: true, force: true });
      }
    }),
    { numRuns: RUNS },
  );
});
