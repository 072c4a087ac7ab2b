import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Finding } from "../../src/model/finding.ts";
import { StormRun, seen } from "../support/storm.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 200);

// Few values, so that equal keys, near window ends, spreads and jumps back in time are common.
const event = fc.record({
  indicator: fc.constantFrom("ip:198.18.0.7", "ip:198.18.0.7", "domain:bad.example"),
  entity: fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 3, 4, 5).map((n) => `agent:00${n}`),
  step: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 3 }) },
    { weight: 1, arbitrary: fc.integer({ min: -70, max: 130 }) },
  ),
  source: fc.constantFrom("alerts", "alerts", "archive"),
  band: fc.constantFrom("low", "high", "high", "critical"),
  suppressed: fc.constantFrom(false, false, false, true),
  own: fc.boolean(),
});
const options = fc.record({ spreadEntities: fc.constantFrom(2, 4, 20), maxWindows: fc.constantFrom(3, 6, 1000) });
const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 40, size: "max" });

function findingsOf(events: readonly (typeof event extends fc.Arbitrary<infer E> ? E : never)[]): Finding[] {
  let minute = 0;
  return events.map(({ indicator, entity, step, source, band, suppressed, own }, n) => {
    minute += step;
    const change = suppressed
      ? { suppressed, band: "benign", score: 0, list: own ? "own: yours" : "a list" }
      : { band };
    return seen(n, indicator, entity, minute, { source, ...change });
  });
}

test("any split into batches and any restart gives the same findings and the same state", () => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 120, size: "max" }),
      options,
      cuts,
      fc.array(fc.boolean(), { size: "medium" }),
      (events, some, sizes, restarts) => {
        const findings = findingsOf(events);
        const whole = new StormRun(some);
        whole.take(findings);
        const parts = new StormRun(some);
        for (let at = 0, i = 0; at < findings.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          parts.take(findings.slice(at, at + size));
          if (restarts[i]) parts.restart();
          at += size;
        }
        assert.deepEqual(parts.out, whole.out);
        assert.deepEqual(new Map([...parts.state].sort()), new Map([...whole.state].sort()));
        parts.restart();
        assert.deepEqual(parts.flush(), whole.flush());
        assert.equal(whole.state.size, 0);
      },
    ),
    { numRuns },
  );
});

test("every finding goes out or is counted, exactly once, and ids never repeat", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 150, size: "max" }), options, (events, some) => {
      const findings = findingsOf(events);
      const storm = new StormRun(some);
      storm.take(findings);
      storm.flush();
      const alerts = storm.out.filter(({ kind }) => kind === "alert").length;
      const counted = storm.out.reduce((sum, { misp }) => sum + Number(misp.repeat_count ?? 0), 0);
      assert.equal(alerts + counted, findings.length);
      assert.equal(new Set(storm.out.map(({ id }) => id)).size, storm.out.length);
    }),
    { numRuns },
  );
});

test("the first on each entity always goes out, whole, and nothing worse than what was told is held back", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 150, size: "max" }), options, (events, some) => {
      const storm = new StormRun(some);
      const rank = ({ misp }: Finding) => ["benign", "low", "medium", "high", "critical"].indexOf(misp.band);
      const worst = new Map<string, number>();
      for (const finding of findingsOf(events)) {
        const out = storm.take([finding]);
        if (finding.suppressed) continue;
        const key = `${finding.key.indicator} ${finding.key.entity}`;
        if (rank(finding) > (worst.get(key) ?? -1)) {
          const own = out.find(({ id }) => id === finding.id);
          assert.ok(own, "held back");
          assert.equal(own.score, finding.score);
          assert.equal(own.alert.raw, finding.alert.raw);
          worst.set(key, rank(finding));
        }
      }
    }),
    { numRuns },
  );
});
