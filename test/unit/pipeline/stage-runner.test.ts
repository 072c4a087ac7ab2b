import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
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

/** The methods of a journal that work on another object than the journal itself. */
function bound(journal: StoredJournal): Partial<StoredJournal> {
  return {
    read: journal.read.bind(journal),
    wait: journal.wait.bind(journal),
    advanceStage: journal.advanceStage.bind(journal),
    stageState: journal.stageState.bind(journal),
  };
}

test("one passage at a time; what is committed meanwhile comes to the stage after it, by raw", async (t) => {
  const { journal, stage, runner } = await rig(t);
  const running = runner();
  const stop = new AbortController();
  const done = running.run(stop.signal, new AbortController().signal);
  const first = running.begin([makeFinding(1)]);
  assert.ok(first);
  assert.equal(running.begin([makeFinding(2)]), undefined);
  await journal.commit(aCommit("other", [2], { source: "other" }));
  await journal.commit(aCommit("r1", [1], { through: first }));
  // Others were there before it: it went the same way as they.
  assert.equal(first.begun, false);
  assert.deepEqual(stage.taken, []);
  first.end(true);
  await until("both", () => stage.taken.length === 2);
  assert.deepEqual(stage.taken, idsOf(1, 3).reverse());
  stop.abort();
  await done;
  const next = running.begin([makeFinding(3)]);
  assert.ok(next);
  await journal.commit(aCommit("r3", [3], { through: next }));
  next.end(true);
  assert.equal(stage.count, 3);
  assert.deepEqual([...journal.stageState("storm")], [["count", 3]]);
  assert.deepEqual(ids(journal.read("out", "must", 10)), [...idsOf(1, 3).reverse(), ...idsOf(3, 4)]);
});

test("a passage whose commit never became durable leaves the stage unused: its memory is ahead of its state", async (t) => {
  const { journal, stage, runner } = await rig(t);
  const running = runner();
  const done = running.run(new AbortController().signal, new AbortController().signal);
  const lost = running.begin([makeFinding(1)]);
  lost?.output();
  lost?.end(false);
  await done;
  assert.equal(running.begin([makeFinding(2)]), undefined);
  await journal.commit(aCommit("r2", [2]));
  assert.deepEqual(stage.taken, idsOf(1, 2));
  const unused = runner().begin([makeFinding(3)]);
  unused?.end(false);
});

test("a passage that was not asked for can be given up", async (t) => {
  const { runner } = await rig(t);
  const running = runner();
  running.begin([makeFinding(1)])?.end(false);
  assert.ok(running.begin([makeFinding(2)]));
});

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
