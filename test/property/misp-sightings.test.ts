import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createMinuteBudget } from "../../src/lib/minute-budget.ts";
import type { Finding } from "../../src/model/finding.ts";
import { FakeSightings, type Fate, type StoredSighting } from "../support/fake-sightings.ts";
import { DAY_MS, deliverAll, JumpClock, NOON, seenFinding, sightingSink } from "../support/sightings.ts";

const RUNS = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 0);
const MINUTE = 60_000;

/** Most of these within any 60 seconds. */
function mostInAMinute(times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((time) => time >= from && time < from + MINUTE).length));
}

test("a minute's budget is never exceeded, whenever it is asked and however often it starts anew", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 50 }), fc.boolean()), {
        maxLength: 60,
      }),
      (perMinute, steps) => {
        const clock = new JumpClock();
        let budget = createMinuteBudget(perMinute, clock);
        const taken: number[] = [];
        for (const [wait, wanted, restart] of steps) {
          clock.advance(wait);
          if (restart) budget = createMinuteBudget(perMinute, clock);
          const count = Math.min(wanted, budget.available());
          budget.take(count);
          taken.push(...Array<number>(count).fill(clock.now()));
        }
        assert.ok(mostInAMinute(taken) <= perMinute);
        clock.advance(budget.waitMs(1));
        assert.ok(budget.available() >= 1, "what it said to wait is enough");
      },
    ),
    { numRuns: RUNS || 300 },
  );
});

const findingOf = fc.record({
  attributes: fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 5 }),
  day: fc.integer({ min: -2, max: 0 }),
  second: fc.integer({ min: -43_200, max: 43_199 }),
  kind: fc.constantFrom("good", "good", "good", "suppressed", "denied", "retro", "repeats", "foreign"),
});

const stepOf = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("send" as const), size: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const), size: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), size: fc.integer({ min: 1, max: 90 }) }) },
);

const OVER = {
  good: {},
  suppressed: { suppressed: true },
  denied: { misp: { outcome: "denied" } },
  retro: { mode: "retro", misp: { mode: "retro" } },
  repeats: { kind: "repeats" },
  foreign: { misp: { foreign: "true" } },
} as const;

test("one sighting per attribute and day, never too many a minute, whatever is lost, refused, replayed or killed", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(findingOf, { minLength: 1, maxLength: 40 }),
      fc.array(stepOf, { maxLength: 30 }),
      fc.array(fc.constantFrom<Fate>("ok", "ok", "lost", "cut", 403, 429, 500), { maxLength: 30 }),
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      async (specs, steps, fates, perMinute, bulkForbidden) => {
        const clock = new JumpClock();
        const server = await FakeSightings.start(t);
        server.now = () => clock.now();
        server.bulkForbidden = bulkForbidden;
        let at = 0;
        server.fate = () => fates[at++] ?? "ok";
        const findings = specs.map(({ attributes, day, second, kind }, n) => {
          // The alert's own day counts: the clock stands at noon of day 0.
          const time = NOON + day * DAY_MS + second * 1000;
          return seenFinding(n, attributes, time, OVER[kind]);
        });
        const open = () => sightingSink(undefined, server.url, clock, { per_minute: perMinute });
        let sink = await open();
        let cursor = 0;
        for (const step of steps) {
          if (step.do === "wait") clock.advance(step.size * 1000);
          else {
            const result = await sink.send(findings.slice(cursor, cursor + step.size), new AbortController().signal);
            assert.notEqual(result.status, "rejected");
            if (step.do === "kill") {
              // Killed before the journal could move the cursor.
              await sink.close?.();
              sink = await open();
            } else
              cursor +=
                result.status === "sent"
                  ? Math.min(step.size, findings.length - cursor)
                  : ((result as { taken?: number }).taken ?? 0);
          }
        }
        await deliverAll(sink, findings.slice(cursor), clock);
        await sink.close?.();
        check(
          server.stored,
          findings,
          specs.map(({ kind }) => kind === "good"),
          perMinute,
        );
      },
    ),
    { numRuns: RUNS || 60 },
  );
});

function check(
  stored: readonly StoredSighting[],
  findings: readonly Finding[],
  good: readonly boolean[],
  perMinute: number,
): void {
  const keyOf = (uuid: string, ms: number) => `${uuid} ${Math.floor(ms / DAY_MS)}`;
  const expected = new Set(
    findings.flatMap(({ alert, attributes = [] }, n) =>
      good[n] ? attributes.map(({ attributeUuid }) => keyOf(attributeUuid, alert.time)) : [],
    ),
  );
  const got = stored.map(({ attribute, time }) => keyOf(attribute, time * 1000));
  assert.deepEqual([...got].sort(), [...expected].sort());
  assert.ok(mostInAMinute(stored.map(({ receivedAt }) => receivedAt)) <= perMinute, "too many in a minute");
}
