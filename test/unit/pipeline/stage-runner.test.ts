import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Stage } from "../../../src/contract/stage.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import type { Finding } from "../../../src/model/finding.ts";
import { noEvents } from "../../../src/pipeline/events.ts";
import { runPipeline } from "../../../src/pipeline/pipeline.ts";
import { StageRunner } from "../../../src/pipeline/stage-runner.ts";
import { openJournal, type StoredJournal } from "../../../src/store/journal.ts";
import { aCommit, ids } from "../../contract/journal.contract.ts";
import { makeFinding } from "../../support/finding.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { FakeSink, idsOf, numberedRecord, numberedSource, until } from "../../support/pipeline.ts";
import { SIZE } from "../../support/pipeline-line.ts";
import { tempDir } from "../../support/temp.ts";

/** Hands findings on and keeps their number; remembers what it was given. */
class CountingStage implements Stage {
  readonly name = "storm";
  readonly taken: string[] = [];
  ticks = 0;
  count = 0;

  restore(state: Iterable<readonly [string, unknown]>): void {
    for (const [, value] of state) this.count = Number(value);
  }

  process(findings: readonly Finding[]) {
    this.taken.push(...findings.map(({ id }) => id));
    this.count += findings.length;
    return { out: findings, changed: new Map([["count", this.count]]) };
  }

  tick() {
    this.ticks += 1;
    return { out: [], changed: new Map<string, number>() };
  }
}

async function rig(t: TestContext) {
  const readers = [
    { name: "storm", stream: "raw" as const, required: true },
    { name: "must", stream: "out" as const, required: true },
  ];
  const clock = new ManualClock();
  const journal = await openJournal({ dir: join(tempDir(t), "j"), readers, clock });
  t.after(() => journal.close());
  const stage = new CountingStage();
  const around = { clock, log: silentLog, events: noEvents };
  const runner = (over: Partial<StoredJournal> = {}) =>
    new StageRunner({
      ...around,
      stage,
      journal: Object.assign(Object.create(journal) as StoredJournal, bound(journal), over),
    });
  return { journal, stage, clock, runner, around };
}

/** Runs it until the test stops it or is over; it has looked at `raw` once. */
async function started(t: TestContext, runner: StageRunner) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const done = runner.run(stop.signal, new AbortController().signal);
  await nextTurn();
  return { stop, done };
}

/** The methods of a journal that work on another object than the journal itself. */
function bound(journal: StoredJournal): Partial<StoredJournal> {
  return {
    read: journal.read.bind(journal),
    wait: journal.wait.bind(journal),
    advanceStage: journal.advanceStage.bind(journal),
    stageState: journal.stageState.bind(journal),
  };
}

test("one at a time uses the stage; what is committed meanwhile comes to it afterwards, by raw", async (t) => {
  const { journal, stage, runner } = await rig(t);
  const running = runner();
  const { stop, done } = await started(t, running);
  const first = running.begin([makeFinding(1)]);
  const second = running.begin([makeFinding(2)]);
  assert.ok(first.available && second.available);
  const both = [
    journal.commit(aCommit("r1", [1], { through: first })),
    journal.commit(aCommit("r2", [2], { source: "other", through: second })),
  ];
  await Promise.all(both);
  assert.ok(first.begun && !second.begun && !second.available);
  assert.deepEqual(stage.taken, idsOf(1, 2));
  second.end(true);
  assert.throws(() => running.begin([makeFinding(9)]).output(), { code: "TIP_INTERNAL" });
  first.end(true);
  await until("the second", () => stage.taken.length === 2);
  assert.deepEqual(stage.taken, idsOf(1, 3));
  await until("its end", () => journal.read("raw", "storm", 1).length === 0);
  stop.abort();
  await done;
  assert.equal(stage.count, 2);
  assert.deepEqual([...journal.stageState("storm")], [["count", 2]]);
  assert.deepEqual(ids(journal.read("out", "must", 10)), idsOf(1, 3));
});

test("a passage whose commit never became durable leaves the stage unused: its memory is ahead of its state", async (t) => {
  const { journal, stage, runner } = await rig(t);
  const running = runner();
  const { done } = await started(t, running);
  const lost = running.begin([makeFinding(1)]);
  lost.output();
  lost.end(false);
  await done;
  const next = running.begin([makeFinding(2)]);
  await journal.commit(aCommit("r2", [2], { through: next }));
  assert.deepEqual(stage.taken, idsOf(1, 2));
  assert.deepEqual(ids(journal.read("raw", "storm", 10)), idsOf(2, 3));
});

test("a passage that was not asked for costs the stage nothing", async (t) => {
  const { runner } = await rig(t);
  const running = runner();
  const unready = running.begin([makeFinding(1)]);
  assert.equal(unready.available, false);
  const { stop, done } = await started(t, running);
  unready.end(false);
  assert.ok(running.begin([makeFinding(2)]).available);
  stop.abort();
  await done;
});

test("a stage that throws ends the run with its error, and is asked once", async (t) => {
  const { journal, stage, around } = await rig(t);
  let asked = 0;
  const broken = Object.assign(Object.create(stage) as Stage, {
    name: "storm",
    restore: () => undefined,
    process: () => {
      asked += 1;
      throw new Error("a fault of the stage");
    },
  });
  const options = { ...around, handle: () => numberedRecord, stage: broken, journal, finite: true };
  const sources = [{ name: "numbers", source: numberedSource(40, 4) }];
  const sinks = [{ name: "must", sink: new FakeSink() }];
  await assert.rejects(runPipeline({ ...options, sources, sinks }, new AbortController().signal), {
    message: "a fault of the stage",
  });
  assert.equal(asked, 1);
});

test("a full journal holds a source, not the stage: what others have put into raw goes on", async (t) => {
  const clock = new ManualClock();
  const readers = [
    { name: "storm", stream: "raw" as const, required: true },
    { name: "must", stream: "out" as const, required: true },
  ];
  const journal = await openJournal({ dir: join(tempDir(t), "j"), readers, clock, maxBytes: 10 * SIZE });
  t.after(() => journal.close());
  const stage = new CountingStage();
  const runner = new StageRunner({ clock, log: silentLog, events: noEvents, stage, journal });
  const { stop, done } = await started(t, runner);
  for (let n = 0; n < 3; n++) await journal.commit(aCommit(`r${n}`, [3 * n, 3 * n + 1, 3 * n + 2]));
  await until("the stage", () => journal.read("raw", "storm", 1).length === 0);
  const passage = runner.begin([makeFinding(20)]);
  const held = journal.commit(aCommit("held", [20, 21, 22, 23], { source: "other", through: passage }));
  await until("a hold", () => journal.holding().length === 1);
  await journal.replayRecord(await deadRecord(journal), { findings: [makeFinding(30)], deadLetters: [] });
  await until("the replayed one", () => stage.count === 10);
  await journal.advanceSink("must", Number.MAX_SAFE_INTEGER, { dead: [], awaiting: [] });
  assert.equal(await held, true);
  passage.end(true);
  await until("the held ones", () => stage.count >= 10 + (passage.begun ? 1 : 4));
  stop.abort();
  await done;
});

/** A dead letter that can be replayed. */
async function deadRecord(journal: StoredJournal): Promise<string> {
  const letter = { kind: "record" as const, component: "alerts", time: 1, reason: "broken", text: "x", length: 1 };
  await journal.commit(aCommit("dead", [], { deadLetters: [letter] }));
  return journal.deadLetters.list()[0]?.id ?? "";
}

test("a disk that fails in the middle of a commit makes the stage take nothing twice", async (t) => {
  const { journal, stage, around } = await rig(t);
  let calls = 0;
  const commit: StoredJournal["commit"] = async (wanted, signal) => {
    // The stage was asked, and then the transaction failed.
    if (calls++ % 2 === 0) {
      wanted.through?.output();
      throw new TiplineError("TIP_JOURNAL_FULL", "no room");
    }
    return journal.commit(wanted, signal);
  };
  const failing = Object.create(journal, { commit: { value: commit } }) as StoredJournal;
  Object.assign(failing, bound(journal), {
    checkpoint: journal.checkpoint.bind(journal),
    advanceSink: journal.advanceSink.bind(journal),
  });
  const sink = new FakeSink();
  await runPipeline(
    {
      ...around,
      sources: [{ name: "numbers", source: numberedSource(40, 4) }],
      sinks: [{ name: "must", sink }],
      handle: () => numberedRecord,
      stage,
      journal: failing,
      finite: true,
    },
    new AbortController().signal,
  );
  assert.deepEqual(stage.taken, idsOf(0, 40));
  assert.equal(stage.count, 40);
  assert.deepEqual(sink.ids, idsOf(0, 40));
  assert.deepEqual([...journal.stageState("storm")], [["count", 40]]);
});
