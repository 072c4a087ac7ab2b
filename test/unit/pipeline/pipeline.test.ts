import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Source } from "../../../src/contract/source.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import type { Finding } from "../../../src/model/finding.ts";
import { noEvents, type PipelineEvents } from "../../../src/pipeline/events.ts";
import { type PipelineOptions, runPipeline } from "../../../src/pipeline/pipeline.ts";
import { stormControl } from "../../../src/stages/storm.ts";
import { type JournalOptions, openJournal, type StoredJournal } from "../../../src/store/journal.ts";
import { makeFinding } from "../../support/finding.ts";
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
import { derive, told } from "../../support/storm.ts";
import { tempDir } from "../../support/temp.ts";

const SIZE = JSON.stringify(makeFinding(1)).length + 64;

interface Line {
  readonly journal: StoredJournal;
  readonly clock: ManualClock;
  readonly said: string[];
  run(
    sinks: Record<string, FakeSink>,
    sources: Record<string, Source>,
    options?: Partial<PipelineOptions>,
  ): Promise<void>;
  readonly stop: AbortController;
}

/** A pipeline over a journal of its own; sinks named `must…` are required. */
async function line(t: TestContext, sinks: readonly string[], options: Partial<JournalOptions> = {}): Promise<Line> {
  const clock = new ManualClock();
  const readers = [
    { name: "storm", stream: "raw" as const, required: true },
    ...sinks.map((name) => ({ name, stream: "out" as const, required: name.startsWith("must") })),
  ];
  const journal = await openJournal({ dir: join(tempDir(t), "j"), readers, clock, ...options });
  t.after(() => journal.close());
  const stop = new AbortController();
  const said: string[] = [];
  const tell = Object.fromEntries(
    Object.keys(noEvents).map((name) => [name, (who: string) => said.push(`${name} ${who}`)]),
  ) as unknown as PipelineEvents;
  return {
    journal,
    clock,
    said,
    stop,
    run: (named, sources, more = {}) =>
      runPipeline(
        {
          sources: Object.entries(sources).map(([name, source]) => ({ name, source })),
          sinks: Object.entries(named).map(([name, sink]) => ({ name, sink })),
          handle: () => numberedRecord,
          stage: passStage,
          journal,
          clock,
          log: silentLog,
          events: tell,
          finite: true,
          ...more,
        },
        stop.signal,
      ),
  };
}

test("a finite run ends when everything is delivered, in order, and closes its sinks", async (t) => {
  const { run, journal, said } = await line(t, ["must", "may"]);
  const [must, may] = [new FakeSink(), new FakeSink({ batchSize: 7 })];
  const source = numberedSource(250, 40);
  await run({ must, may }, { numbers: source });
  assert.deepEqual(must.ids, idsOf(0, 250));
  assert.deepEqual(may.ids, idsOf(0, 250));
  assert.ok(must.closed && may.closed);
  assert.equal(source.commits.length, 7);
  assert.ok(may.batches.every((size) => size <= 7));
  assert.equal(journal.stats().liveBytes, 0);
  assert.ok(said.includes("sourceEnded numbers"));
});

test("a sink that refuses one of a thousand: exactly that one is a dead letter, all others arrive in order", async (t) => {
  const { run, journal } = await line(t, ["must"]);
  const sink = new FakeSink({ batchSize: 1000 });
  const bad = makeFinding(613).id;
  sink.answer = (findings) =>
    findings.some(({ id }) => id === bad)
      ? { status: "rejected", cause: new Error("no such field") }
      : { status: "sent" };
  await run({ must: sink }, { numbers: numberedSource(1000, 1000) });
  assert.deepEqual(
    sink.ids,
    idsOf(0, 1000).filter((id) => id !== bad),
  );
  const letters = journal.deadLetters.list();
  assert.deepEqual(
    letters.map(({ finding, reason }) => [finding?.id, reason]),
    [[bad, "refused: no such field"]],
  );
  assert.ok(sink.batches.length < 30, `${sink.batches.length} attempts`);
});

test("a sink that refuses everything ends with everything in the dead letter", async (t) => {
  const { run, journal } = await line(t, ["must"]);
  const sink = new FakeSink();
  sink.answer = () => ({ status: "rejected", cause: new Error("no") });
  await run({ must: sink }, { numbers: numberedSource(60, 60) });
  assert.deepEqual(sink.ids, []);
  assert.deepEqual(
    journal.deadLetters
      .list({ limit: 1000 })
      .map(({ finding }) => finding?.id)
      .reverse(),
    idsOf(0, 60),
  );
});

test("a batch that is taken in part goes on after that part, and a throw counts as a retry", async (t) => {
  const { run, said } = await line(t, ["must"]);
  const sink = new FakeSink();
  sink.answer = (_, call) => {
    if (call === 1) throw new Error("a bug");
    if (call < 8) return { status: "retry", cause: new Error("busy"), taken: 3 };
    return { status: "sent" };
  };
  await run({ must: sink }, { numbers: numberedSource(50, 50) });
  assert.deepEqual(sink.ids, idsOf(0, 50));
  assert.equal(said.filter((word) => word === "retried must").length, 7);
});

test("a required sink that is down holds the source; when it is back nothing is lost", async (t) => {
  const { run, journal } = await line(t, ["must"], { maxBytes: 50 * SIZE });
  const sink = new FakeSink();
  let down = true;
  sink.answer = () => (down ? { status: "retry", cause: new Error("down") } : { status: "sent" });
  const done = run({ must: sink }, { numbers: numberedSource(500, 20) });
  await until("the source to be held", () => journal.holding().length > 0);
  assert.ok(journal.stats().liveBytes <= 50 * SIZE);
  down = false;
  await done;
  assert.deepEqual(sink.ids, idsOf(0, 500));
  assert.equal(journal.deadLetters.counts().count, 0);
});

test("a sink that is down and not required spills to the dead letter; sent and spilled together are everything", async (t) => {
  const { run, journal, stop } = await line(t, ["must", "may"], { maxBytes: 50 * SIZE });
  const [must, may] = [new FakeSink(), new FakeSink()];
  let down = true;
  may.answer = () => (down ? { status: "retry", cause: new Error("down") } : { status: "sent" });
  const done = run({ must, may }, { numbers: numberedSource(500, 20, { finite: false }) });
  await until("all to reach the required sink", () => must.received.length === 500);
  down = false;
  await until("the rest to reach the other", () => journal.backlog().get("may")?.entries === 0);
  const spilled = journal.deadLetters.list({ component: "may", limit: 1000 });
  assert.ok(spilled.length > 0 && may.received.length > 0);
  assert.deepEqual([...spilled.map(({ finding }) => finding?.id ?? "").reverse(), ...may.ids], idsOf(0, 500));
  await journal.replayFindings(spilled.map(({ id }) => id).reverse());
  await until("the replay", () => may.received.length === 500);
  assert.equal(must.received.length, 500);
  stop.abort();
  await done;
});

test("a source that fails is opened again from its checkpoint; in a finite run its error ends the run", async (t) => {
  const { run, said, journal } = await line(t, ["must"]);
  const sink = new FakeSink();
  const good = numberedSource(100, 10);
  let failures = 0;
  const failing = (error: Error): Source => ({
    async *read(checkpoint, signal) {
      let given = 0;
      for await (const delivery of good.read(checkpoint, signal)) {
        yield delivery;
        if (++given === 3 && failures++ < 3) throw error;
      }
    },
  });
  await run({ must: sink }, { numbers: failing(new Error("disk trouble")) });
  assert.deepEqual(sink.ids, idsOf(0, 100));
  assert.equal(said.filter((word) => word === "sourceFailed numbers").length, 3);
  failures = 0;
  const fatal: Source = {
    async *read() {
      yield deliveryOf(100, 110);
      throw new TiplineError("TIP_SOURCE_FAILED", "gone for good");
    },
  };
  await assert.rejects(run({ must: sink }, { other: fatal }), { code: "TIP_SOURCE_FAILED" });
  assert.deepEqual(sink.ids, idsOf(0, 110));
  assert.deepEqual(journal.checkpoint("other"), 110);
});

test("records that are rejected, dead or make Tipline fail are dead letters, and the rest goes on", async (t) => {
  const { run, journal } = await line(t, ["must"]);
  const sink = new FakeSink();
  const odd: Source = {
    async *read(checkpoint) {
      if (checkpoint !== undefined) return;
      const records = ["1", "dead", "throw", "2"].map((text) => ({ bytes: Buffer.from(text), origin: `odd:${text}` }));
      const rejected = [{ head: Buffer.from([0xff]), length: 9_000_000, origin: "odd:0", reason: "too long" }];
      yield { records, rejected, range: "r", checkpoint: 1 };
    },
  };
  await run({ must: sink }, { numbers: odd });
  assert.deepEqual(sink.ids, [makeFinding(1).id, makeFinding(2).id]);
  const reasons = journal.deadLetters.list().map(({ reason }) => reason);
  assert.deepEqual(reasons.sort(), ["Tipline failed on it: a fault", "not a number", "too long"]);
});

test("what a sink prepares is what it sends; what it leaves out is passed over", async (t) => {
  const { journal, clock } = await line(t, ["must"]);
  const sink = new FakeSink({ batchSize: 10 });
  sink.answer = (_, call) =>
    call === 2 ? { status: "retry", cause: new Error("busy"), taken: 2 } : { status: "sent" };
  const prepare = (finding: ReturnType<typeof makeFinding>) =>
    Number(finding.id.slice(1)) % 3 === 0 ? undefined : { ...finding, tlp: "red" as const };
  await runPipeline(
    {
      sources: [{ name: "numbers", source: numberedSource(60, 60) }],
      sinks: [{ name: "must", sink, prepare }],
      handle: () => numberedRecord,
      stage: passStage,
      journal,
      clock,
      log: silentLog,
      events: noEvents,
      finite: true,
    },
    new AbortController().signal,
  );
  assert.deepEqual(
    sink.ids,
    idsOf(0, 60).filter((_, n) => n % 3 !== 0),
  );
  assert.ok(sink.received.every(({ tlp }) => tlp === "red"));
});

test("a finding that is not seen again is sent again, and given up after the last resending", async (t) => {
  const { run, journal, clock, stop, said } = await line(t, ["must"]);
  const sink = new FakeSink({ confirmation: { timeoutMs: 10_000, resends: 2 } });
  let seenAgain: string | undefined;
  const echo: Source = {
    async *read(_, signal) {
      yield deliveryOf(1, 4);
      await until("an id to echo", () => seenAgain !== undefined || signal.aborted);
      const records = [{ bytes: Buffer.from(`echo ${seenAgain}`), origin: "echo" }];
      yield { records, rejected: [], range: "echo", checkpoint: "echo" };
      await aborted(signal);
    },
  };
  const done = run({ must: sink }, { numbers: echo }, { finite: false });
  await until("three sendings", () => journal.unconfirmed("must", 10).length === 3);
  seenAgain = makeFinding(2).id;
  await until("the echo", () => journal.unconfirmed("must", 10).length === 2);
  for (let sending = 2; sending <= 3; sending++) {
    clock.advance(11_000);
    await until(`sending ${sending}`, () =>
      journal.unconfirmed("must", 10).every(({ attempts }) => attempts === sending),
    );
  }
  clock.advance(11_000);
  await until("giving up", () => journal.unconfirmed("must", 10).length === 0 && said.includes("unconfirmed must"));
  assert.deepEqual(
    sink.ids,
    [1, 2, 3, 1, 3, 1, 3].map((n) => makeFinding(n).id),
  );
  const letters = journal.deadLetters.list();
  assert.deepEqual(
    letters.map(({ finding }) => finding?.id).sort(),
    [1, 3].map((n) => makeFinding(n).id),
  );
  assert.match(letters[0]?.reason ?? "", /sent 3 times/);
  stop.abort();
  await done;
});

test("what a sink no longer takes is not sent again, whole or otherwise, and ends in the dead letter", async (t) => {
  const { run, journal, clock, stop } = await line(t, ["must"]);
  const sink = new FakeSink({ confirmation: { timeoutMs: 10_000, resends: 2 } });
  await journal.advanceSink("must", 0, { dead: [], awaiting: [makeFinding(1), makeFinding(2)] });
  const prepare = (finding: Finding) => (finding.id === makeFinding(1).id ? undefined : finding);
  const options = { finite: false, sinks: [{ name: "must", sink, prepare }] };
  const done = run({}, { numbers: numberedSource(0, 1, { finite: false }) }, options);
  for (let sending = 1; sending <= 3; sending++) {
    clock.advance(11_000);
    await until(`sending ${sending}`, () => sink.received.length >= Math.min(sending, 2));
  }
  await until("giving up", () => journal.unconfirmed("must", 10).length === 0);
  assert.deepEqual(sink.ids, [makeFinding(2).id, makeFinding(2).id]);
  assert.equal(journal.deadLetters.list().length, 2);
  stop.abort();
  await done;
});

test("nothing is overdue while the source that would read the echo is behind", async (t) => {
  const { run, journal, clock, stop } = await line(t, ["must"]);
  const sink = new FakeSink({ confirmation: { timeoutMs: 10_000, resends: 2 } });
  let lag = { bytes: 1, seconds: 3600 };
  const source = { ...numberedSource(3, 3, { finite: false }), lag: () => lag };
  const done = run({ must: sink }, { numbers: source }, { finite: false });
  await until("the sending", () => journal.unconfirmed("must", 10).length === 3);
  clock.advance(60_000);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(sink.received.length, 3);
  lag = { bytes: 0, seconds: 3600 };
  clock.advance(5_000);
  await until("the second sending", () => sink.received.length === 6);
  stop.abort();
  await done;
});

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

test("a sink that keeps to its own rate is no trouble, and keeps what it took", async (t) => {
  const { run, said, journal } = await line(t, ["may"]);
  const sink = new FakeSink();
  sink.answer = (findings, call) =>
    call % 2 === 1 && findings.length > 1
      ? { status: "retry", cause: new Error("later"), afterMs: 1000, taken: 1, paced: true }
      : { status: "sent" };
  await run({ may: sink }, { numbers: numberedSource(30, 10) });
  assert.deepEqual(sink.ids, idsOf(0, 30));
  assert.ok(sink.batches.length > 1);
  assert.ok(!said.includes("retried may"), said.join("\n"));
  assert.equal(journal.deadLetters.counts().count, 0);
});
