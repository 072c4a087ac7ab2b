import assert from "node:assert/strict";
import { test } from "node:test";
import type { Source } from "../../../src/contract/source.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { noEvents } from "../../../src/pipeline/events.ts";
import { runPipeline } from "../../../src/pipeline/pipeline.ts";
import { stormControl } from "../../../src/stages/storm.ts";
import type { StoredJournal } from "../../../src/store/journal.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import {
  aborted,
  deliveryOf,
  FakeSink,
  idsOf,
  numberedRecord,
  numberedSource,
  passStage,
  until,
} from "../../support/pipeline.ts";
import { line } from "../../support/pipeline-line.ts";
import { derive, told } from "../../support/storm.ts";

test("a stop ends an endless run, keeps what a sink that is down has not, and the next run goes on", async (t) => {
  const { run, journal, stop } = await line(t, ["must"]);
  const sink = new FakeSink();
  sink.answer = () => ({ status: "retry", cause: new Error("down") });
  const done = run({ must: sink }, { numbers: numberedSource(100, 10, { finite: false }) }, { finite: false });
  await until("all to be read", () => journal.backlog().get("must")?.entries === 100);
  stop.abort();
  await done;
  assert.ok(sink.closed);
  const second = new FakeSink();
  await runPipeline(
    {
      sources: [{ name: "numbers", source: numberedSource(120, 10) }],
      sinks: [{ name: "must", sink: second }],
      handle: () => numberedRecord,
      stage: passStage,
      journal,
      clock: new ManualClock(),
      log: silentLog,
      events: noEvents,
      finite: true,
    },
    new AbortController().signal,
  );
  assert.deepEqual(second.ids, idsOf(0, 120));
});

test("components that do not end are left behind after a stop", async (t) => {
  const { run, stop } = await line(t, ["must"]);
  const sink = new FakeSink();
  sink.answer = () => new Promise(() => undefined);
  const deaf: Source = {
    async *read() {
      yield deliveryOf(0, 5);
      await new Promise(() => undefined);
    },
  };
  const done = run({ must: sink }, { numbers: deaf }, { finite: false });
  await until("a sending", () => sink.batches.length > 0);
  stop.abort();
  await done;
});

test("a disk that is full costs time, not findings", async (t) => {
  const { run, journal, said } = await line(t, ["must"]);
  let calls = 0;
  const failing = <A extends unknown[], R>(method: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (calls++ % 3 !== 0) throw new TiplineError("TIP_JOURNAL_FULL", "no room");
      return method(...args);
    };
  };
  const full: StoredJournal = Object.create(journal, {
    commit: { value: failing(journal.commit.bind(journal)) },
    advanceStage: { value: failing(journal.advanceStage.bind(journal)) },
    advanceSink: { value: failing(journal.advanceSink.bind(journal)) },
    checkpoint: { value: journal.checkpoint.bind(journal) },
    read: { value: journal.read.bind(journal) },
    wait: { value: journal.wait.bind(journal) },
    stageState: { value: journal.stageState.bind(journal) },
    unconfirmed: { value: journal.unconfirmed.bind(journal) },
    holding: { value: journal.holding.bind(journal) },
  });
  const sink = new FakeSink({ batchSize: 7 });
  await run({ must: sink }, { numbers: numberedSource(100, 10) }, { journal: full });
  assert.deepEqual(sink.ids, idsOf(0, 100));
  assert.ok(said.includes("journalFailed numbers") && said.includes("journalFailed must"));
});

test("when nothing comes, time passes for the stage; the end of a finite run closes its windows", async (t) => {
  const { run, clock, stop } = await line(t, ["must"]);
  // Alerts more than a day ahead of the clock would not count as the present.
  clock.advance(2 * 24 * 3_600_000);
  const sink = new FakeSink();
  const storm = () => stormControl({ derive });
  const repeated = (from: number): Source => ({
    async *read(_, signal) {
      const records = [from, from + 1, from + 2].map((n) => ({ bytes: Buffer.from(String(n)), origin: "" }));
      yield { records, rejected: [], range: `${from}`, checkpoint: from };
      if (from === 0) await aborted(signal);
    },
  });
  const done = run({ must: sink }, { numbers: repeated(0) }, { stage: storm(), finite: false });
  await until("the first", () => sink.received.length === 1);
  for (let minute = 0; minute < 70 && sink.received.length < 2; minute++) {
    clock.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until("the count", () => sink.received.length === 2);
  assert.deepEqual(told(sink.received), ["alert 0", "repeats 2"]);
  stop.abort();
  await done;
});

test("a finite run that ends by itself closes its windows; one that is stopped keeps them", async (t) => {
  const { run, journal } = await line(t, ["must"]);
  const sink = new FakeSink();
  await run({ must: sink }, { numbers: numberedSource(3, 3) }, { stage: stormControl({ derive }) });
  assert.deepEqual(told(sink.received), ["alert 0", "repeats 2"]);
  assert.deepEqual([...journal.stageState("storm")], []);
  const second = await line(t, ["must"]);
  const done = second.run(
    { must: sink },
    { numbers: numberedSource(3, 3, { finite: false }) },
    { stage: stormControl({ derive }) },
  );
  await until("the first", () => sink.received.length === 3);
  second.stop.abort();
  await done;
  assert.ok([...second.journal.stageState("storm")].length > 0);
});
