import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { Passage } from "../../src/contract/journal.ts";
import { openJournal, type StoredJournal } from "../../src/store/journal.ts";
import { aCommit, aDeadFinding, ids } from "../contract/journal.contract.ts";
import { makeFinding } from "../support/finding.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 40);
const SINKS = ["must", "may"] as const;
type SinkName = (typeof SINKS)[number];

const small = fc.integer({ min: 0, max: 6 });
const sink = fc.constantFrom<SinkName>(...SINKS);
const operation = fc.oneof(
  fc.record({
    do: fc.constant("commit" as const),
    source: fc.constantFrom("a", "b"),
    range: small,
    count: small,
    dead: fc.boolean(),
    echo: small,
    through: fc.constantFrom("no" as const, "all" as const, "none" as const),
  }),
  fc.record({ do: fc.constant("stage" as const), take: small, keep: fc.boolean() }),
  fc.record({
    do: fc.constant("deliver" as const),
    sink,
    take: small,
    dead: fc.integer({ min: 0, max: 2 }),
    awaiting: fc.boolean(),
  }),
  fc.record({ do: fc.constant("replay" as const), which: small }),
  fc.record({ do: fc.constant("resend" as const), sink, again: small, giveUp: small }),
  fc.record({ do: fc.constant("reopen" as const) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer O> ? O : never;

/** What the journal must be, in the plainest form: queues of ids. */
class Model {
  n = 0;
  clock = 1;
  readonly raw: string[] = [];
  readonly out: Record<SinkName, string[]> = { must: [], may: [] };
  readonly ranges = new Set<string>();
  readonly checkpoints = new Map<string, unknown>();
  state = 0;
  /** Id → attempts, in order of sending. */
  readonly unconfirmed: Record<SinkName, Map<string, number>> = { must: new Map(), may: new Map() };
  readonly dead: { id: string; sink: string }[] = [];
  /** Echoes that came when nothing awaited them; only within one run of the process. */
  early = new Set<string>();
}

/** A stage that counts, and keeps all findings or none. */
function passageFor(numbers: readonly number[], keep: boolean, before: number): Passage {
  let begun = false;
  return {
    stage: "storm",
    available: true,
    get begun() {
      return begun;
    },
    output() {
      begun = true;
      const out = keep ? numbers.map((n) => makeFinding(n)) : [];
      return { out, changed: new Map([["count", before + numbers.length]]) };
    },
  };
}

async function apply(op: Operation, model: Model, journal: StoredJournal): Promise<void> {
  if (op.do === "commit") {
    const numbers = Array.from({ length: op.count }, () => model.n++);
    const awaited = SINKS.flatMap((name) => [...model.unconfirmed[name].keys()]);
    const confirmed = [awaited[op.echo], `unknown-${op.echo}`].filter((id) => id !== undefined);
    const deadLetters = op.dead ? [{ ...aDeadFinding(model.n++, "gone") }] : [];
    const passage = op.through === "no" ? undefined : passageFor(numbers, op.through === "all", model.state);
    const through = passage === undefined ? {} : { through: passage };
    const change = { source: op.source, checkpoint: model.n, deadLetters, confirmed, ...through };
    const isNext = model.raw.length === 0 && numbers.length > 0;
    const fresh = await journal.commit(aCommit(`${op.range}`, numbers, change));
    const key = `${op.source} ${op.range}`;
    assert.equal(fresh, !model.ranges.has(key));
    if (!fresh) return;
    model.ranges.add(key);
    model.checkpoints.set(op.source, change.checkpoint);
    assert.equal(passage?.begun ?? false, passage !== undefined && fresh && isNext);
    if (passage?.begun) {
      model.state += numbers.length;
      for (const name of SINKS) model.out[name].push(...passage.output().out.map(({ id }) => id));
    } else model.raw.push(...numbers.map((n) => makeFinding(n).id));
    for (const { finding, component } of deadLetters) model.dead.push({ id: finding?.id ?? "", sink: component });
    for (const id of confirmed) {
      const known = SINKS.filter((name) => model.unconfirmed[name].delete(id));
      if (known.length === 0) model.early.add(id);
    }
  } else if (op.do === "stage") {
    const entries = journal.read("raw", "storm", op.take);
    const given = op.keep ? entries.map(({ finding }) => finding) : [];
    model.state += entries.length;
    const state = new Map([["count", model.state]]);
    await journal.advanceStage("storm", entries.at(-1)?.seq ?? 0, state, given);
    model.raw.splice(0, entries.length);
    for (const name of SINKS) model.out[name].push(...ids(given.map((finding) => ({ finding }))));
  } else if (op.do === "deliver") {
    const entries = journal.read("out", op.sink, op.take);
    const dead = entries.slice(0, op.dead).map(({ finding }) => ({ ...aDeadFinding(0, op.sink), finding }));
    const awaiting = op.awaiting ? entries.slice(op.dead) : [];
    await journal.advanceSink(op.sink, entries.at(-1)?.seq ?? 0, { dead, awaiting, lazily: op.take % 3 === 0 });
    model.out[op.sink].splice(0, entries.length);
    for (const { finding } of dead) model.dead.push({ id: finding.id, sink: op.sink });
    for (const { finding } of awaiting) {
      const { id } = finding;
      model.unconfirmed[op.sink].delete(id);
      if (!model.early.has(id)) model.unconfirmed[op.sink].set(id, 1);
    }
  } else if (op.do === "replay") {
    const oldestFirst = [...journal.deadLetters.list({ limit: 1000 })].reverse();
    const letters = oldestFirst.slice(op.which, op.which + 2);
    const done = await journal.replayFindings(letters.map(({ id }) => id));
    const expected = letters.filter(({ component }) => component !== "gone");
    assert.deepEqual(
      done,
      expected.map(({ id }) => id),
    );
    for (const { finding, component } of expected) {
      model.out[component as SinkName].push(finding?.id ?? "");
      model.dead.splice(
        model.dead.findIndex(({ id, sink: name }) => id === finding?.id && name === component),
        1,
      );
    }
  } else if (op.do === "resend") {
    const rows = journal.unconfirmed(op.sink, 1000);
    const again = rows.slice(0, op.again).map(({ finding }) => finding.id);
    const lost = rows.slice(op.again, op.again + op.giveUp).map(({ finding }) => finding);
    const letters = lost.map((finding) => ({ ...aDeadFinding(0, op.sink), finding }));
    await journal.updateUnconfirmed(op.sink, again, model.clock++, letters);
    const table = model.unconfirmed[op.sink];
    for (const id of again) {
      const attempts = table.get(id) ?? 0;
      table.delete(id);
      table.set(id, attempts + 1);
    }
    for (const { id } of lost) {
      table.delete(id);
      model.dead.push({ id, sink: op.sink });
    }
  }
}

function check(model: Model, journal: StoredJournal): void {
  assert.deepEqual(ids(journal.read("raw", "storm", 10_000)), model.raw);
  for (const name of SINKS) {
    assert.deepEqual(ids(journal.read("out", name, 10_000)), model.out[name], name);
    const rows = journal.unconfirmed(name, 10_000).map(({ finding, attempts }) => [finding.id, attempts]);
    assert.deepEqual(rows, [...model.unconfirmed[name]], name);
    const { entries = 0, bytes = 0, unconfirmed } = journal.backlog().get(name) ?? {};
    assert.ok(entries >= model.out[name].length);
    assert.equal(entries === 0, model.out[name].length === 0);
    assert.equal(bytes > 0, entries > 0);
    assert.equal(unconfirmed, model.unconfirmed[name].size);
  }
  const letters = [...journal.deadLetters.list({ limit: 10_000 })].reverse();
  assert.deepEqual(
    letters.map(({ finding, component }) => ({ id: finding?.id, sink: component })),
    model.dead,
  );
  assert.equal(journal.deadLetters.counts().count, model.dead.length);
  for (const [source, checkpoint] of model.checkpoints) assert.deepEqual(journal.checkpoint(source), checkpoint);
  assert.equal(new Map(journal.stageState("storm")).get("count") ?? 0, model.state);
  assert.equal(journal.stats().liveBytes > 0, model.raw.length > 0 || SINKS.some((name) => model.out[name].length > 0));
}

test("the journal is what a plain model of it is, through any operations and reopenings", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60, size: "max" }), async (operations) => {
      const dir = mkdtempSync(join(tmpdir(), "tip-"));
      const readers = [
        { name: "storm", stream: "raw" as const, required: true },
        ...SINKS.map((name) => ({ name, stream: "out" as const, required: name === "must" })),
      ];
      let journal = await openJournal({ dir: join(dir, "j"), readers });
      const model = new Model();
      try {
        for (const op of operations) {
          if (op.do === "reopen") {
            await journal.close();
            journal = await openJournal({ dir: join(dir, "j"), readers });
            model.early = new Set();
          } else await apply(op, model, journal);
          check(model, journal);
        }
      } finally {
        await journal.close();
        rmSync(dir, { recursive: true, force: true });
      }
    }),
    { numRuns },
  );
});
