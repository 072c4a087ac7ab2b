import assert from "node:assert/strict";
import { test } from "node:test";
import type { Journal } from "../../../src/contract/journal.ts";
import type { Delivery, Source } from "../../../src/contract/source.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { noEvents } from "../../../src/pipeline/events.ts";
import { pump } from "../../../src/pipeline/pump.ts";
import { makeFinding } from "../../support/finding.ts";

/** A journal that only notes what is committed. */
function noting() {
  const commits: { readonly range: string; readonly findings: number }[] = [];
  let checkpoint: unknown;
  const journal = {
    checkpoint: () => checkpoint,
    async commit(commit: { range: string; checkpoint: unknown; findings: readonly unknown[] }) {
      commits.push({ range: commit.range, findings: commit.findings.length });
      checkpoint = commit.checkpoint;
      return true;
    },
  };
  return { commits, journal: journal as unknown as Journal, place: () => checkpoint };
}

const delivery = (n: number, texts: readonly string[]): Delivery => ({
  records: texts.map((text) => ({ bytes: Buffer.from(text), origin: `t:${n}` })),
  rejected: [],
  range: `r${n}`,
  checkpoint: n,
});

function optionsOf(source: Source, journal: Journal, counted: number[]) {
  return {
    name: "s",
    source,
    journal,
    clock: systemClock,
    log: silentLog,
    events: {
      ...noEvents,
      committed: (_: string, { records }: { readonly records: number }) => void counted.push(records),
    },
    handle: () => (record: { readonly bytes: Buffer }) => ({
      findings: String(record.bytes) === "hit" ? [makeFinding(1)] : [],
      deadLetters: [],
      confirmed: [],
    }),
  };
}

test("deliveries that came to nothing share a checkpoint with the next that did not", async () => {
  const { commits, journal, place } = noting();
  const counted: number[] = [];
  const source: Source = {
    async *read() {
      yield delivery(0, []);
      for (let n = 1; n < 20; n++) yield delivery(n, ["miss", "miss"]);
      yield delivery(20, ["hit"]);
      yield delivery(21, ["miss"]);
    },
  };
  await pump(optionsOf(source, journal, counted), new AbortController().signal);
  // The first has no alerts: it is the place where reading begins.
  assert.deepEqual(commits[0], { range: "r0", findings: 0 });
  assert.deepEqual(commits.at(-1), { range: "r21", findings: 0 });
  assert.ok(commits.some(({ range, findings }) => range === "r20" && findings === 1));
  assert.ok(commits.length < 10, JSON.stringify(commits));
  assert.equal(
    counted.reduce((sum, records) => sum + records, 0),
    40,
  );
  assert.equal(place(), 21);
});

test("without anything that matches the checkpoint is still written soon", async () => {
  const { journal, place } = noting();
  const stop = new AbortController();
  const source: Source = {
    async *read(_, signal) {
      yield delivery(1, ["miss"]);
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
  const running = pump(optionsOf(source, journal, []), stop.signal);
  while (place() !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  await running;
});

test("a source that waits for its deliveries gets every answer at once", async () => {
  const { commits, journal } = noting();
  const answered: string[] = [];
  const source: Source = {
    async *read() {
      for (let n = 0; n < 5; n++) yield delivery(n, ["miss"]);
    },
    committed: ({ range }) => void answered.push(range),
  };
  await pump(optionsOf(source, journal, []), new AbortController().signal);
  assert.deepEqual(
    answered,
    commits.map(({ range }) => range),
  );
  assert.equal(answered.length, 5);
});

test("matched elsewhere, one delivery ahead is read and they are committed in order", async () => {
  const { commits, journal } = noting();
  let ahead = 0;
  let most = 0;
  const source: Source = {
    async *read() {
      for (let n = 0; n < 30; n++) {
        ahead = n - commits.length;
        most = Math.max(most, ahead);
        yield delivery(n, ["hit"]);
      }
    },
  };
  const options = optionsOf(source, journal, []);
  const match = async (_: string, records: Delivery["records"]) => {
    // Later ones are through sooner.
    await new Promise((resolve) => setTimeout(resolve, commits.length % 2 === 0 ? 6 : 1));
    return { findings: records.map(() => makeFinding(1)), deadLetters: [], confirmed: [] };
  };
  await pump({ ...options, match }, new AbortController().signal);
  assert.deepEqual(
    commits.map(({ range }) => range),
    Array.from({ length: 30 }, (_, n) => `r${n}`),
  );
  assert.ok(most >= 1 && most <= 2, String(most));
});
