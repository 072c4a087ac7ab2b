import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openEnvironment } from "../../../src/store/environment.ts";
import { openJournal, type StoredJournal } from "../../../src/store/journal.ts";
import { openTables } from "../../../src/store/journal-tables.ts";
import { aCommit, aDeadFinding, ids, passOn } from "../../contract/journal.contract.ts";
import { makeFinding } from "../../support/finding.ts";
import { tempDir } from "../../support/temp.ts";

const readers = [
  { name: "storm", stream: "raw", required: true },
  { name: "must", stream: "out", required: true },
  { name: "may", stream: "out", required: false },
] as const;

async function open(t: TestContext, dir: string): Promise<StoredJournal> {
  const journal = await openJournal({ dir, readers });
  t.after(() => journal.close());
  return journal;
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

test("an entry is on the disk once, and until every reader has passed it and every sink has seen it again", async (t) => {
  const dir = join(tempDir(t), "j");
  const journal = await open(t, dir);
  await journal.commit(aCommit("a", range(0, 6)));
  await passOn(journal);
  const entries = journal.read("out", "must", 10);
  await journal.advanceSink("must", 6, { dead: [], awaiting: entries.slice(0, 5) });
  await journal.commit(aCommit("b", [], { confirmed: [makeFinding(0).id] }));
  assert.deepEqual(await rowsOf(dir), { out: [1, 2, 3, 4, 5, 6], kept: 4 });
  await journal.advanceSink("may", 6, { dead: [], awaiting: entries.slice(0, 2) });
  assert.deepEqual(await rowsOf(dir), { out: [1, 2, 3, 4, 5], kept: 6 });
  assert.equal(journal.stats().liveBytes, 0);
  await journal.commit(aCommit("c", [], { confirmed: range(0, 4).map((n) => makeFinding(n).id) }));
  assert.deepEqual(await rowsOf(dir), { out: [5], kept: 1 });
  await journal.updateUnconfirmed("must", [makeFinding(4).id], 9, []);
  assert.deepEqual(await rowsOf(dir), { out: [5], kept: 1 });
  await journal.updateUnconfirmed("must", [], 9, [aDeadFinding(4, "must")]);
  assert.deepEqual(await rowsOf(dir), { out: [], kept: 0 });
  assert.deepEqual(journal.backlog().get("must"), { entries: 0, bytes: 0, unconfirmed: 0 });
});

test("a change that throws takes nothing of another's along, in memory or on the disk", async (t) => {
  const dir = join(tempDir(t), "j");
  const journal = await open(t, dir);
  await journal.commit(aCommit("a", range(0, 6)));
  await passOn(journal);
  const entries = journal.read("out", "must", 10);
  await journal.advanceSink("must", 4, { dead: [], awaiting: entries.slice(0, 4) });
  const passage = { stage: "storm", available: true, begun: false };
  const through = {
    ...passage,
    output: () => {
      throw new Error("the stage failed");
    },
  };
  const sent = { dead: [], awaiting: entries.slice(4, 5) };
  const outcomes = await Promise.allSettled([
    journal.updateUnconfirmed("must", [makeFinding(0).id], 9, []),
    journal.commit(aCommit("b", [], { confirmed: [makeFinding(1).id] })),
    journal.advanceSink("must", 5, sent),
    journal.commit(aCommit("c", [7], { confirmed: [makeFinding(2).id], through })),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "fulfilled", "fulfilled", "rejected"],
  );
  const awaited = (at: StoredJournal) =>
    at.unconfirmed("must", 10).map(({ finding, attempts }) => [finding.id, attempts]);
  const expected = [
    [makeFinding(2).id, 1],
    [makeFinding(3).id, 1],
    [makeFinding(0).id, 2],
    [makeFinding(4).id, 1],
  ];
  assert.deepEqual(awaited(journal), expected);
  assert.equal(journal.backlog().get("must")?.unconfirmed, 4);
  await journal.close();
  const again = await open(t, dir);
  assert.deepEqual(awaited(again), expected);
  assert.deepEqual(ids(again.read("out", "must", 10)), [makeFinding(5).id]);
});

/** What another process reads of a journal. */
async function rowsOf(dir: string) {
  const environment = openEnvironment(dir, { readOnly: true });
  const { streams, unconfirmed } = openTables(environment);
  const kept = ["must", "may"].reduce((sum, sink) => sum + unconfirmed.counts(sink).count, 0);
  const rows = { out: [...streams.out.getKeys()], kept };
  await environment.close();
  return rows;
}
