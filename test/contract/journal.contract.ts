import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Commit, DeadLetter, Journal, Passage } from "../../src/contract/journal.ts";
import type { JsonValue } from "../../src/model/json.ts";
import { makeFinding } from "../support/finding.ts";

/** How the contract's tests get a journal with stage `storm` and sinks `must` (required) and `may`. */
export interface JournalHarness {
  open(): Promise<Journal>;
  /** Closes what is open and opens it again: everything that resolved must be there. */
  reopen(): Promise<Journal>;
  /** A journal of its own that is full when it holds about this many findings of makeFinding(). */
  openSmall(findings: number): Promise<Journal>;
}

export type OpenJournalHarness = (t: TestContext) => JournalHarness;

const nothing = { dead: [], awaiting: [] };

export function aCommit(range: string, findings: readonly number[], change: Partial<Commit> = {}): Commit {
  return {
    source: "alerts",
    range,
    checkpoint: { at: range },
    findings: findings.map((n) => makeFinding(n)),
    deadLetters: [],
    confirmed: [],
    ...change,
  };
}

export function aDeadFinding(n: number, sink: string): DeadLetter {
  return { kind: "finding", component: sink, time: 1, reason: "refused", finding: makeFinding(n) };
}

/** Hands everything in `raw` on to `out` unchanged. */
export async function passOn(journal: Journal): Promise<void> {
  for (;;) {
    const entries = journal.read("raw", "storm", 1000);
    const last = entries.at(-1);
    if (last === undefined) return;
    await journal.advanceStage(
      "storm",
      last.seq,
      new Map(),
      entries.map(({ finding }) => finding),
    );
  }
}

export const ids = (entries: readonly { readonly finding: { readonly id: string } }[]) =>
  entries.map(({ finding }) => finding.id);
const idsOf = (numbers: readonly number[]) => numbers.map((n) => makeFinding(n).id);

/** A way through a stage that gives one finding for those of a commit, and counts how often it was asked. */
export function aPassage(n: number): Passage & { asked: number; available: boolean } {
  return {
    stage: "storm",
    asked: 0,
    available: true,
    get begun() {
      return this.asked > 0;
    },
    output() {
      this.asked += 1;
      return { out: [makeFinding(n)], changed: new Map([["a", n]]) };
    },
  };
}

/** What every journal must do. */
export function testJournal(name: string, harness: OpenJournalHarness): void {
  const run = (title: string, body: (harness: JournalHarness) => Promise<void>) =>
    test(`${name}: ${title}`, (t) => body(harness(t)));

  run("has findings and checkpoint after a commit, and after reopening", async (h) => {
    const journal = await h.open();
    assert.equal(journal.checkpoint("alerts"), undefined);
    assert.equal(await journal.commit(aCommit("r1", [1, 2])), true);
    const again = await h.reopen();
    assert.deepEqual(again.checkpoint("alerts"), { at: "r1" });
    const entries = again.read("raw", "storm", 10);
    assert.deepEqual(ids(entries), idsOf([1, 2]));
    assert.deepEqual(entries[0]?.finding, makeFinding(1));
  });

  run("does nothing for a range it has, by source", async (h) => {
    const journal = await h.open();
    await journal.commit(aCommit("r1", [1]));
    await journal.commit(aCommit("r2", [2]));
    const again = await h.reopen();
    assert.equal(await again.commit(aCommit("r1", [1])), false);
    assert.deepEqual(again.checkpoint("alerts"), { at: "r2" });
    assert.equal(await again.commit(aCommit("r1", [3], { source: "other" })), true);
    assert.deepEqual(ids(again.read("raw", "storm", 10)), idsOf([1, 2, 3]));
  });

  run("numbers entries without gaps and reads at most what is asked for", async (h) => {
    const journal = await h.open();
    await journal.commit(aCommit("r1", [1, 2, 3]));
    await journal.commit(aCommit("r2", []));
    await journal.commit(aCommit("r3", [4]));
    const seqs = journal.read("raw", "storm", 10).map(({ seq }) => seq);
    assert.deepEqual(
      seqs.map((seq) => seq - (seqs[0] ?? 0)),
      [0, 1, 2, 3],
    );
    assert.equal(journal.read("raw", "storm", 2).length, 2);
  });

  run("commits a stage's cursor, state and output together", async (h) => {
    const journal = await h.open();
    await journal.commit(aCommit("r1", [1, 2]));
    const last = journal.read("raw", "storm", 10).at(-1)?.seq ?? 0;
    const longKey = "k".repeat(5000);
    await journal.advanceStage(
      "storm",
      last,
      new Map<string, JsonValue>([
        ["a", 1],
        [longKey, { deep: [true] }],
        ["gone", "x"],
      ]),
      [makeFinding(7)],
    );
    await journal.advanceStage("storm", 0, new Map([["gone", undefined]]), []);
    const again = await h.reopen();
    assert.deepEqual(again.read("raw", "storm", 10), []);
    assert.deepEqual(
      new Map(again.stageState("storm")),
      new Map<string, unknown>([
        ["a", 1],
        [longKey, { deep: [true] }],
      ]),
    );
    assert.deepEqual(ids(again.read("out", "must", 10)), idsOf([7]));
    assert.deepEqual([...again.stageState("stor")], []);
  });

  run("takes findings through the stage within their commit", async (h) => {
    const journal = await h.open();
    assert.equal(await journal.commit(aCommit("r1", [1, 2], { through: aPassage(7) })), true);
    const again = await h.reopen();
    assert.deepEqual(again.checkpoint("alerts"), { at: "r1" });
    assert.deepEqual(again.read("raw", "storm", 10), []);
    assert.deepEqual(ids(again.read("out", "must", 10)), idsOf([7]));
    assert.deepEqual([...again.stageState("storm")], [["a", 7]]);
    const known = aPassage(8);
    assert.equal(await again.commit(aCommit("r1", [1, 2], { through: known })), false);
    assert.equal(known.asked, 0);
  });

  run("leaves the way through the stage unused while others wait for it, or nothing is found", async (h) => {
    const journal = await h.open();
    await journal.commit(aCommit("r1", [1]));
    const through = aPassage(7);
    await journal.commit(aCommit("r2", [2], { through }));
    assert.deepEqual(ids(journal.read("raw", "storm", 10)), idsOf([1, 2]));
    await passOn(journal);
    await journal.commit(aCommit("r3", [], { through }));
    assert.equal(through.begun, false);
    await journal.commit(aCommit("r4", [4], { through }));
    assert.deepEqual(ids(journal.read("out", "must", 10)), idsOf([1, 2, 7]));
    const inUse = aPassage(8);
    inUse.available = false;
    await journal.commit(aCommit("r5", [5], { through: inUse }));
    assert.equal(inUse.begun, false);
    assert.deepEqual(ids(journal.read("raw", "storm", 10)), idsOf([5]));
  });

  run("a stage that has taken findings keeps them, room or not", async (h) => {
    const journal = await h.openSmall(10);
    for (let n = 0; n < 3; n++) await journal.commit(aCommit(`r${n}`, [3 * n, 3 * n + 1, 3 * n + 2]));
    await passOn(journal);
    const waits = aPassage(7);
    const stop = new AbortController();
    const held = journal.commit(aCommit("held", [90, 91, 92], { through: waits }), stop.signal);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(waits.begun, false);
    stop.abort();
    await assert.rejects(held, { code: "TIP_JOURNAL_FULL" });
    const taken = aPassage(8);
    taken.output();
    assert.equal(await journal.commit(aCommit("taken", [90, 91, 92], { through: taken })), true);
    assert.deepEqual(ids(journal.read("out", "must", 10)).slice(-1), idsOf([8]));
  });

  run("writes a lazy cursor with what comes next, and by itself", async (h) => {
    const journal = await h.open();
    await journal.commit(aCommit("r1", [1, 2]));
    await passOn(journal);
    const [first] = journal.read("out", "must", 1);
    const [one, two] = journal.read("out", "must", 2).map((entry) => ({ dead: [], awaiting: [entry], lazily: true }));
    assert.ok(one && two);
    const moved = journal.advanceSink("must", first?.seq ?? 0, one);
    await journal.commit(aCommit("r2", [3]));
    await moved;
    assert.deepEqual(ids(journal.unconfirmed("must", 10)), idsOf([1]));
    await journal.advanceSink("must", Number.MAX_SAFE_INTEGER, two);
    assert.deepEqual(ids(journal.unconfirmed("must", 10)), idsOf([1, 2]));
    const unheard = journal.advanceSink("may", Number.MAX_SAFE_INTEGER, { ...one, awaiting: [] });
    const again = await h.reopen();
    await unheard;
    assert.deepEqual(again.read("out", "may", 10), []);
  });

  run("gives each reader its own cursor, which never goes back", async (h) => {
    const journal = await h.open();
    await journal.commit(aCommit("r1", [1, 2, 3]));
    await passOn(journal);
    const [first, second] = journal.read("out", "must", 10);
    await journal.advanceSink("must", second?.seq ?? 0, nothing);
    await journal.advanceSink("must", first?.seq ?? 0, nothing);
    const again = await h.reopen();
    assert.deepEqual(ids(again.read("out", "must", 10)), idsOf([3]));
    assert.deepEqual(ids(again.read("out", "may", 10)), idsOf([1, 2, 3]));
    assert.equal(again.backlog().get("must")?.entries, 1);
    assert.equal(again.backlog().get("may")?.entries, 3);
    await again.advanceSink("may", Number.MAX_SAFE_INTEGER, nothing);
    assert.deepEqual(again.backlog().get("may"), { entries: 0, bytes: 0, unconfirmed: 0 });
  });

  run("wakes a reader that waits, and ends the wait when told to", async (h) => {
    const journal = await h.open();
    const stop = new AbortController();
    const woken = journal.wait("raw", "storm", stop.signal);
    await journal.commit(aCommit("r1", [1]));
    await woken;
    await journal.wait("raw", "storm", stop.signal);
    const idle = journal.wait("out", "must", stop.signal);
    stop.abort();
    await idle;
  });

  run("keeps what was sent until it is seen again", async (h) => {
    const journal = await h.open();
    await journal.commit(aCommit("r1", [1, 2, 3]));
    await passOn(journal);
    const entries = journal.read("out", "must", 10);
    await journal.advanceSink("must", entries.at(-1)?.seq ?? 0, {
      dead: [],
      awaiting: entries,
    });
    const again = await h.reopen();
    assert.deepEqual(ids(again.unconfirmed("must", 10)), idsOf([1, 2, 3]));
    await again.commit(aCommit("r2", [], { confirmed: [makeFinding(2).id, "unknown"] }));
    assert.deepEqual(ids(again.unconfirmed("must", 10)), idsOf([1, 3]));
    assert.equal(again.backlog().get("must")?.unconfirmed, 2);
    await again.updateUnconfirmed("must", [makeFinding(1).id], 5000, [aDeadFinding(3, "must")]);
    const left = again.unconfirmed("must", 10);
    assert.deepEqual(
      left.map(({ finding, attempts, sentAt }) => [finding.id, attempts, sentAt]),
      [[makeFinding(1).id, 2, 5000]],
    );
  });

  run("takes an echo that comes before the sending is written down", async (h) => {
    const journal = await h.open();
    await journal.commit(aCommit("r1", [1]));
    await passOn(journal);
    await journal.commit(aCommit("r2", [], { confirmed: [makeFinding(1).id] }));
    const [entry] = journal.read("out", "must", 1);
    assert.ok(entry);
    await journal.advanceSink("must", entry.seq, { dead: [], awaiting: [entry] });
    assert.deepEqual(journal.unconfirmed("must", 10), []);
  });

  run("holds the source while a required reader keeps it full, and goes on by itself", async (h) => {
    const journal = await h.openSmall(10);
    for (let n = 0; n < 3; n++) await journal.commit(aCommit(`r${n}`, [3 * n, 3 * n + 1, 3 * n + 2]));
    await passOn(journal);
    await journal.advanceSink("may", Number.MAX_SAFE_INTEGER, nothing);
    let done = false;
    const held = journal.commit(aCommit("held", [97, 98, 99])).then((value) => {
      done = true;
      return value;
    });
    // A checkpoint without findings needs no room.
    await journal.commit(aCommit("empty", [], { source: "other" }));
    assert.equal(done, false);
    assert.equal(journal.read("raw", "storm", 10).length, 0);
    await journal.advanceSink("must", Number.MAX_SAFE_INTEGER, nothing);
    assert.equal(await held, true);
    assert.deepEqual(ids(journal.read("raw", "storm", 10)), idsOf([97, 98, 99]));
  });

  run("counts an echo that a held commit carries at once", async (h) => {
    const journal = await h.openSmall(10);
    await journal.commit(aCommit("r1", [1]));
    await passOn(journal);
    const awaiting = journal.read("out", "must", 1);
    await journal.advanceSink("must", Number.MAX_SAFE_INTEGER, { dead: [], awaiting });
    for (let n = 0; n < 3; n++) await journal.commit(aCommit(`f${n}`, [3 * n + 10, 3 * n + 11, 3 * n + 12]));
    await passOn(journal);
    const stop = new AbortController();
    const held = journal.commit(aCommit("held", [90, 91, 92], { confirmed: [makeFinding(1).id] }), stop.signal);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(journal.unconfirmed("must", 10), []);
    stop.abort();
    await assert.rejects(held, { code: "TIP_JOURNAL_FULL" });
    assert.deepEqual(journal.read("raw", "storm", 10), []);
    assert.deepEqual(journal.checkpoint("alerts"), { at: "f2" });
  });
}
