import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../../src/lib/log.ts";
import { noEvents } from "../../../src/pipeline/events.ts";
import { runPipeline } from "../../../src/pipeline/pipeline.ts";
import { openJournal } from "../../../src/store/journal.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { FakeSink, numberedRecord, numberedSource, passStage, until } from "../../support/pipeline.ts";
import { tempDir } from "../../support/temp.ts";

test("a sink that paces itself while it sends again is not in trouble: what it took counts, the rest follows", async (t) => {
  const clock = new ManualClock();
  const readers = [
    { name: "storm", stream: "raw" as const, required: true },
    { name: "out", stream: "out" as const, required: true },
  ];
  const journal = await openJournal({ dir: join(tempDir(t), "j"), readers, clock });
  t.after(() => journal.close());
  const sink = new FakeSink({ batchSize: 10, confirmation: { timeoutMs: 5_000, resends: 5 } });
  const slow = { status: "retry", paced: true, taken: 1, afterMs: 0, cause: new Error("its own rate") } as const;
  sink.answer = (_, call) => (call === 1 ? { status: "sent" } : slow);
  let retried = 0;
  let resent = 0;
  const events = {
    ...noEvents,
    retried: () => {
      retried += 1;
    },
    resent: (_: string, count: number) => {
      resent += count;
    },
  };
  const stop = new AbortController();
  const source = { name: "numbers", source: numberedSource(3, 3, { finite: false }) };
  const sinks = [{ name: "out", sink }];
  const running = runPipeline(
    {
      sources: [source],
      handle: () => numberedRecord,
      stage: passStage,
      sinks,
      journal,
      clock,
      log: silentLog,
      events,
    },
    stop.signal,
  );
  await until("the first sending", () => journal.unconfirmed("out", 10).length === 3);
  while (resent < 3) {
    clock.advance(2_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  stop.abort();
  await running;
  assert.equal(retried, 0);
  // One of three each time, the oldest first: in the order of the findings.
  assert.deepEqual(
    sink.received.slice(3, 6).map(({ id }) => id),
    sink.received.slice(0, 3).map(({ id }) => id),
  );
});

test("what was never seen again is sent again although the clock was set back by a day", async (t) => {
  const clock = new ManualClock();
  const readers = [
    { name: "storm", stream: "raw" as const, required: true },
    { name: "out", stream: "out" as const, required: true },
  ];
  const journal = await openJournal({ dir: join(tempDir(t), "j"), readers, clock });
  t.after(() => journal.close());
  const sink = new FakeSink({ batchSize: 10, confirmation: { timeoutMs: 5_000, resends: 5 } });
  const stop = new AbortController();
  const running = runPipeline(
    {
      sources: [{ name: "numbers", source: numberedSource(3, 3, { finite: false }) }],
      handle: () => numberedRecord,
      stage: passStage,
      sinks: [{ name: "out", sink }],
      journal,
      clock,
      log: silentLog,
      events: noEvents,
    },
    stop.signal,
  );
  await until("the first sending", () => journal.unconfirmed("out", 10).length === 3);
  clock.advance(-86_400_000);
  for (let n = 0; n < 200 && sink.received.length < 6; n++) {
    clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  stop.abort();
  await running;
  assert.ok(sink.received.length >= 6, `${sink.received.length} sent`);
});
