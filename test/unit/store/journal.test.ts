import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { openDeadLetters, recordBytes } from "../../../src/store/dead-letter.ts";
import { newestHead } from "../../../src/store/file-room.ts";
import { type JournalOptions, openJournal, type StoredJournal } from "../../../src/store/journal.ts";
import { recordLetter } from "../../../src/store/record-letter.ts";
import { Writer } from "../../../src/store/writer.ts";
import { aCommit, aDeadFinding, ids, passOn } from "../../contract/journal.contract.ts";
import { makeFinding } from "../../support/finding.ts";
import { tempDir } from "../../support/temp.ts";

const readers = [
  { name: "storm", stream: "raw", required: true },
  { name: "must", stream: "out", required: true },
  { name: "may", stream: "out", required: false },
] as const;
const SIZE = JSON.stringify(makeFinding(1)).length + 64;
const none = { dead: [], awaiting: [] };

async function open(t: TestContext, dir: string, options: Partial<JournalOptions> = {}): Promise<StoredJournal> {
  const journal = await openJournal({ dir, readers, ...options });
  t.after(() => journal.close());
  return journal;
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

test("a full journal spills the oldest of the slowest sink that is not required, and only as much as needed", async (t) => {
  const spills: unknown[] = [];
  const journal = await open(t, join(tempDir(t), "j"), {
    maxBytes: 1000 * SIZE + 1000,
    onSpill: (spill) => spills.push(spill),
  });
  await journal.commit(aCommit("a", range(0, 900)));
  await passOn(journal);
  await journal.advanceSink("must", 900, none);
  await journal.commit(aCommit("b", range(900, 150)));
  assert.deepEqual(spills, [{ sink: "may", count: 256 }]);
  assert.deepEqual(ids(journal.read("out", "may", 1)), [makeFinding(256).id]);
  const letters = journal.deadLetters.list({ component: "may", limit: 1000 });
  assert.equal(letters.length, 256);
  assert.equal(letters.at(-1)?.finding?.id, makeFinding(0).id);
  assert.equal(journal.backlog().get("may")?.entries, 900 - 256);
});

test("sources that wait for room write nothing meanwhile, and do not wake each other", async (t) => {
  const journal = await open(t, join(tempDir(t), "j"), { maxBytes: SIZE });
  await journal.commit(aCommit("a", [1]));
  const write = t.mock.method(Writer.prototype, "write");
  const held = ["one", "two"].map((source) => journal.commit(aCommit("b", [2, 3], { source })));
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  assert.deepEqual(journal.holding(), ["one", "two"]);
  assert.equal(write.mock.callCount(), 2);
  let left = held.length;
  for (const one of held) void one.then(() => left--);
  while (left > 0) {
    await passOn(journal);
    await journal.advanceSink("must", Number.MAX_SAFE_INTEGER, none);
    await journal.advanceSink("may", Number.MAX_SAFE_INTEGER, none);
  }
  assert.deepEqual(await Promise.all(held), [true, true]);
});

test("a sink that is not required never spills what a required one still has to read", async (t) => {
  const journal = await open(t, join(tempDir(t), "j"), { maxBytes: 100 * SIZE });
  await journal.commit(aCommit("a", range(0, 95)));
  await passOn(journal);
  await journal.advanceSink("must", 40, none);
  const held = journal.commit(aCommit("b", range(100, 80)));
  await journal.advanceSink("must", 41, none);
  while (journal.deadLetters.counts().count < 41) await nextTurn();
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  assert.deepEqual(journal.holding(), ["alerts"]);
  assert.equal(journal.deadLetters.counts().count, 41);
  await journal.advanceSink("must", 95, none);
  assert.equal(await held, true);
  assert.deepEqual(journal.holding(), []);
});

test("what was spilled while it was being sent is not awaited: it is in the dead letter", async (t) => {
  const journal = await open(t, join(tempDir(t), "j"), { maxBytes: 10 * SIZE });
  await journal.commit(aCommit("a", range(0, 9)));
  await passOn(journal);
  await journal.advanceSink("must", 9, none);
  const sending = journal.read("out", "may", 9);
  await journal.commit(aCommit("b", range(20, 4)));
  assert.equal(journal.deadLetters.counts().count, 9);
  await passOn(journal);
  const next = journal.read("out", "may", 9);
  await journal.advanceSink("may", 9, { dead: [], awaiting: [...sending, ...next.slice(0, 1)] });
  assert.deepEqual(ids(journal.unconfirmed("may", 20)), [makeFinding(20).id]);
});

test("a commit larger than the whole journal goes in when the journal is empty", async (t) => {
  const journal = await open(t, join(tempDir(t), "j"), { maxBytes: 10 });
  assert.equal(await journal.commit(aCommit("a", [1, 2, 3])), true);
});

test("entries are deleted when every reader has passed them", async (t) => {
  const journal = await open(t, join(tempDir(t), "j"));
  await journal.commit(aCommit("a", range(0, 10)));
  await passOn(journal);
  assert.ok(journal.stats().liveBytes > 0);
  await journal.advanceSink("must", 10, none);
  await journal.advanceSink("may", 7, none);
  assert.ok(journal.stats().liveBytes <= 3 * (SIZE + 4));
  await journal.advanceSink("may", 10, none);
  assert.equal(journal.stats().liveBytes, 0);
});

test("a replayed finding goes to its sink only, after what is there, and survives reopening", async (t) => {
  const dir = join(tempDir(t), "j");
  const first = await open(t, dir);
  await first.commit(aCommit("a", [1, 2]));
  await passOn(first);
  await first.advanceSink("must", 2, none);
  await first.advanceSink("may", 1, { dead: [aDeadFinding(1, "may"), aDeadFinding(9, "unknown")], awaiting: [] });
  const all = first.deadLetters.list().map(({ id }) => id);
  assert.deepEqual((await first.replayFindings([...all, "77"])).length, 1);
  assert.equal(first.backlog().get("must")?.entries, 0);
  await first.close();
  const journal = await open(t, dir);
  assert.deepEqual(journal.read("out", "must", 10), []);
  assert.deepEqual(ids(journal.read("out", "may", 10)), [makeFinding(2).id, makeFinding(1).id]);
  await journal.commit(aCommit("b", [5]));
  await passOn(journal);
  assert.deepEqual(ids(journal.read("out", "must", 10)), [makeFinding(5).id]);
  assert.deepEqual(
    ids(journal.read("out", "may", 10)),
    [2, 1, 5].map((n) => makeFinding(n).id),
  );
  assert.deepEqual(await journal.replayFindings([all[0] ?? "", all[1] ?? ""], "must"), [all[0]]);
  assert.deepEqual(
    ids(journal.read("out", "must", 10)),
    [5, 9].map((n) => makeFinding(n).id),
  );
});

test("entries for another reader never hold a reader back", async (t) => {
  const journal = await open(t, join(tempDir(t), "j"));
  await journal.commit(aCommit("a", [1]));
  await passOn(journal);
  await journal.advanceSink("must", 1, { dead: range(10, 5).map((n) => aDeadFinding(n, "must")), awaiting: [] });
  const [entry] = journal.read("out", "may", 1);
  await journal.replayFindings(journal.deadLetters.list().map(({ id }) => id));
  await journal.advanceSink("may", entry?.seq ?? 0, none);
  assert.equal(journal.backlog().get("may")?.entries, 0);
  assert.equal(journal.backlog().get("must")?.entries, 5);
});

test("a dead record keeps its exact bytes; one kept in part is not replayable", async (t) => {
  const journal = await open(t, join(tempDir(t), "j"));
  const about = { component: "alerts", time: 1, reason: "not JSON", origin: "alerts.json:7" };
  const [text, binary] = [Buffer.from('{"a":"ü"'), Buffer.from([0xff, 0, 0x7b])];
  const deadLetters = [recordLetter(about, text), recordLetter(about, binary), recordLetter(about, binary, 2_000_000)];
  await journal.commit(aCommit("a", [], { deadLetters }));
  const [cut, second, first] = journal.deadLetters.list({ kind: "record" });
  assert.deepEqual(recordBytes(first!), text);
  assert.deepEqual(recordBytes(second!), binary);
  assert.equal(recordBytes(cut!), undefined);
  assert.equal(await journal.replayRecord(first!.id, { findings: [makeFinding(1)], deadLetters: [] }), true);
  assert.equal(await journal.replayRecord(first!.id, { findings: [makeFinding(1)], deadLetters: [] }), false);
  assert.deepEqual(ids(journal.read("raw", "storm", 10)), [makeFinding(1).id]);
  assert.equal((await journal.takeDeadLetter(second!.id))?.reason, "not JSON");
  assert.equal(journal.deadLetters.counts().count, 1);
});

test("the dead letter is bounded, drops the oldest and counts them", async (t) => {
  let dropped = 0;
  const deadLetters = { maxCount: 10, maxBytes: 100_000 };
  const dir = join(tempDir(t), "j");
  const journal = await open(t, dir, { deadLetters, onDrop: (count) => (dropped += count) });
  for (let n = 0; n < 5; n++)
    await journal.advanceSink("may", 0, { dead: range(4 * n, 4).map((i) => aDeadFinding(i, "may")), awaiting: [] });
  assert.equal(dropped, 10);
  const counts = journal.deadLetters.counts();
  assert.deepEqual([counts.count, counts.dropped], [10, 10]);
  assert.deepEqual(
    journal.deadLetters.list().map(({ finding }) => finding?.id),
    range(10, 10)
      .reverse()
      .map((n) => makeFinding(n).id),
  );
  const beside = openDeadLetters(dir);
  assert.equal(beside.list({ component: "may", limit: 3 }).length, 3);
  assert.deepEqual(beside.list({ component: "none" }), []);
  await beside.close();
});

test("what a sink that is no longer configured had not received is in the dead letter", async (t) => {
  const dir = join(tempDir(t), "j");
  const first = await open(t, dir);
  await first.commit(aCommit("a", [1, 2, 3]));
  await passOn(first);
  await first.advanceSink("may", 3, none);
  await first.advanceSink("must", 1, { dead: [], awaiting: first.read("out", "must", 1) });
  await first.close();
  const journal = await open(t, dir, {
    readers: [readers[0], readers[2], { name: "new", stream: "out", required: false }],
  });
  const letters = journal.deadLetters.list({ component: "must" });
  assert.deepEqual(
    letters.map(({ finding }) => finding?.id).sort(),
    [1, 2, 3].map((n) => makeFinding(n).id),
  );
  assert.equal(journal.stats().liveBytes, 0);
  assert.deepEqual(journal.read("out", "new", 10), []);
  assert.equal(
    (
      await journal.replayFindings(
        letters.map(({ id }) => id),
        "new",
      )
    ).length,
    3,
  );
  assert.equal(journal.read("out", "new", 10).length, 3);
});

test("too many findings that were never seen again become dead letters, oldest first", async (t) => {
  const journal = await open(t, join(tempDir(t), "j"), { maxUnconfirmedBytes: 5 * (SIZE + 50) });
  await journal.commit(aCommit("a", range(0, 8)));
  await passOn(journal);
  await journal.advanceSink("must", 8, { dead: [], awaiting: journal.read("out", "must", 8) });
  const waiting = ids(journal.unconfirmed("must", 100));
  const dead = journal.deadLetters.list().map(({ finding }) => finding?.id ?? "");
  assert.deepEqual(
    [...dead.reverse(), ...waiting],
    range(0, 8).map((n) => makeFinding(n).id),
  );
  assert.ok(dead.length > 0 && waiting.length > 0);
});

test("remembers the last ranges only", async (t) => {
  const journal = await open(t, join(tempDir(t), "j"), { rangesKept: 3 });
  for (let n = 0; n < 10; n++) await journal.commit(aCommit(`r${n}`, []));
  assert.equal(await journal.commit(aCommit("r7", [])), false);
  assert.equal(await journal.commit(aCommit("r6", [])), true);
});

test("refuses a checkpoint that is too large and unusable reader names", async (t) => {
  const dir = join(tempDir(t), "j");
  const journal = await open(t, dir);
  await assert.rejects(journal.commit(aCommit("r", [], { checkpoint: "x".repeat(70_000) })), {
    code: "TIP_SOURCE_FAILED",
  });
  const twice = [readers[1], { ...readers[1], stream: "raw" as const }];
  await assert.rejects(openJournal({ dir: `${dir}2`, readers: twice }), { code: "TIP_CONFIG_INVALID" });
});

test("a file that is no journal, or is cut short, is refused with advice and not opened", async (t) => {
  const dir = join(tempDir(t), "j");
  const data = join(dir, "data.mdb");
  mkdirSync(dir);
  writeFileSync(data, "garbage".repeat(3000));
  await assert.rejects(openJournal({ dir, readers }), { code: "TIP_STATE_CORRUPT", message: /move the folder aside/ });
  rmSync(dir, { recursive: true });
  const journal = await openJournal({ dir, readers });
  await journal.commit(aCommit("a", range(0, 2000)));
  await journal.close();
  const fd = openSync(data, "r");
  const { lastPage = 0n, pageSize = 0 } = newestHead(fd) ?? {};
  closeSync(fd);
  truncateSync(data, Math.floor(Number(lastPage) / 2) * pageSize);
  await assert.rejects(openJournal({ dir, readers }), { code: "TIP_STATE_CORRUPT" });
});

test("a place where no journal can be is no damage", async (t) => {
  const file = join(tempDir(t), "file");
  writeFileSync(file, "");
  await assert.rejects(openJournal({ dir: join(file, "j"), readers }), {
    code: "TIP_CONFIG_INVALID",
    message: /file\/j/,
  });
  await assert.rejects(openJournal({ dir: file, readers }), { code: "TIP_CONFIG_INVALID" });
});

test("dead letters of a folder without a journal are a clear error", () => {
  assert.throws(() => openDeadLetters("/nonexistent/journal"), { code: "TIP_INPUT_INVALID" });
});

test("a full disk is a clear error, leaves nothing half-written, and passes when there is room again", async (t) => {
  const dir = tempDir(t);
  const disk = smallDisk(dir);
  try {
    const journal = await openJournal({ dir: join(dir, "j"), readers });
    let written = 0;
    const fill = async () => {
      for (; written < 200; written++) await journal.commit(aCommit(`r${written}`, range(written * 20, 20)));
    };
    await assert.rejects(fill(), disk.refusal);
    assert.deepEqual(journal.checkpoint("alerts"), { at: `r${written - 1}` });
    assert.equal(journal.read("raw", "storm", 10_000).length, written * 20);
    await assert.rejects(journal.commit(aCommit(`r${written}`, range(0, 20))), disk.refusal);
    disk.free();
    assert.equal(await journal.commit(aCommit(`r${written}`, range(written * 20, 20))), true);
    await journal.close();
    const again = await openJournal({ dir: join(dir, "j"), readers });
    assert.deepEqual(
      ids(again.read("raw", "storm", 10_000)),
      range(0, (written + 1) * 20).map((n) => makeFinding(n).id),
    );
    await again.close();
    assert.ok(existsSync(join(dir, "j", "data.mdb")) && readFileSync(join(dir, "j", "data.mdb")).length > 0);
  } finally {
    disk.end();
  }
});

/** A disk of about a megabyte; without the right to mount one, a limit on the size of this process's files. */
function smallDisk(dir: string): { readonly refusal: { code: string; message: RegExp }; free(): void; end(): void } {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", dir], { stdio: "ignore" });
  } catch {
    const limit = (bytes: number | "unlimited") =>
      execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:unlimited`]);
    limit(1_000_000);
    const free = () => void limit("unlimited");
    return { refusal: { code: "TIP_JOURNAL_FULL", message: /free some space/ }, free, end: free };
  }
  const filler = join(dir, "filler");
  writeFileSync(filler, Buffer.alloc(1_000_000));
  return {
    refusal: { code: "TIP_JOURNAL_FULL", message: /free some space/ },
    free: () => rmSync(filler),
    end: () => void execFileSync("umount", ["-l", dir]),
  };
}
