import assert from "node:assert/strict";
import { test } from "node:test";
import type { Source } from "../../../src/contract/source.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { noEvents } from "../../../src/pipeline/events.ts";
import { runPipeline } from "../../../src/pipeline/pipeline.ts";
import { makeFinding } from "../../support/finding.ts";
import {
  deliveryOf,
  FakeSink,
  idsOf,
  numberedRecord,
  numberedSource,
  passStage,
  until,
} from "../../support/pipeline.ts";
import { line, SIZE } from "../../support/pipeline-line.ts";

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
