import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { JsonValue } from "../../src/model/json.ts";
import { type Environment, openEnvironment } from "../../src/store/environment.ts";
import { type JournalTables, openTables } from "../../src/store/journal-tables.ts";
import { tempDir } from "../support/temp.ts";

/** What one commit changes: `null` removes. */
type Change = ReadonlyMap<string, JsonValue | null>;
type Step = { readonly kind: "commit" | "fail"; readonly change: Change } | { readonly kind: "reopen" };

/** Keys that come once, keys that come again and again, and keys that stay, as windows, spreads and templates do. */
const change = fc
  .array(
    fc.tuple(
      fc.oneof({ weight: 3, arbitrary: fc.nat(30) }, { weight: 2, arbitrary: fc.nat(600) }),
      fc.option(fc.nat(9), { freq: 2, nil: null }),
    ),
    { minLength: 20, maxLength: 120, size: "max" },
  )
  .map((pairs): Change => new Map(pairs.map(([key, value]) => [`w${key}`, value])));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("commit" as const), change }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("fail" as const), change }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
);

const changedBy = (given: Change) => new Map([...given].map(([key, value]) => [key, value ?? undefined]));
const sorted = (entries: Iterable<readonly [string, JsonValue]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

function commit(tables: JournalTables, stage: string, given: Change): void {
  tables.environment.transact(() => tables.states.of(stage).put(changedBy(given)));
}

function fail(tables: JournalTables, given: Change): void {
  const full = () =>
    tables.environment.transact(() => {
      tables.states.of("storm").put(changedBy(given));
      throw new Error("no room");
    });
  assert.throws(full, /no room/);
}

/** Entries on disk, whether they count or not. */
function stored(environment: Environment): number {
  return [...environment.table("state").getRange()].reduce(
    (sum, { value }) => sum + JSON.parse(value.toString("utf8")).length,
    0,
  );
}

async function check(t: TestContext, steps: readonly Step[], before: number): Promise<void> {
  const environment = openEnvironment(tempDir(t));
  try {
    let tables = openTables(environment);
    const model = new Map<string, JsonValue>();
    commit(tables, "another", new Map([["w1", "its own"]]));
    // One key that stays at the front, and so much that is stale behind it that rows are cleared away all the time.
    commit(tables, "storm", new Map([["stays", 1]]));
    model.set("stays", 1);
    for (let n = 0; n < before; n++) commit(tables, "storm", new Map([["w0", n]]));
    if (before > 0) model.set("w0", before - 1);
    for (const one of steps) {
      if (one.kind === "reopen") tables = openTables(environment);
      else if (one.kind === "fail") fail(tables, one.change);
      else {
        commit(tables, "storm", one.change);
        for (const [key, value] of one.change) value === null ? model.delete(key) : model.set(key, value);
      }
      assert.deepEqual(sorted(tables.states.of("storm").entries()), sorted(model));
    }
    const restarted = openTables(environment).states;
    assert.deepEqual(sorted(restarted.of("storm").entries()), sorted(model), "after a restart");
    assert.deepEqual([...restarted.of("another").entries()], [["w1", "its own"]]);
    const entries = stored(environment);
    assert.ok(entries <= 2 * model.size + 1024 + 400, `${entries} entries for ${model.size} keys`);
  } finally {
    await environment.close();
  }
}

test("a stage's state is what was put last, whatever failed, was cleared away or read anew", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 40, maxLength: 90, size: "max" }),
      fc.constantFrom(0, 1100),
      (steps, before) => check(t, steps, before),
    ),
    { numRuns: 25 },
  );
});

test("a stage's state of journal format 3, a row for each key, is read", async (t) => {
  const environment = openEnvironment(tempDir(t));
  t.after(() => environment.close());
  const table = environment.table("state");
  environment.transact(() => {
    table.putSync(["storm", 4], Buffer.from(JSON.stringify(["wa", { count: 1 }])));
    table.putSync(["storm", 9], Buffer.from(JSON.stringify(["sb", 2])));
  });
  const tables = openTables(environment);
  assert.deepEqual(sorted(tables.states.of("storm").entries()), [
    ["sb", 2],
    ["wa", { count: 1 }],
  ]);
  commit(
    tables,
    "storm",
    new Map<string, JsonValue | null>([
      ["wa", null],
      ["sb", 3],
    ]),
  );
  assert.deepEqual([...openTables(environment).states.of("storm").entries()], [["sb", 3]]);
});

test("the state of a stage is put once in a transaction; a second time is an error and nothing is lost", async (t) => {
  const environment = openEnvironment(tempDir(t));
  t.after(() => environment.close());
  const tables = openTables(environment);
  const twice = () =>
    tables.environment.transact(() => {
      tables.states.of("storm").put(new Map([["a", 1]]));
      tables.states.of("storm").put(new Map([["b", 2]]));
    });
  assert.throws(twice, /twice/);
  commit(tables, "storm", new Map([["a", 1]]));
  commit(tables, "storm", new Map([["b", 2]]));
  assert.deepEqual(sorted(openTables(environment).states.of("storm").entries()), [
    ["a", 1],
    ["b", 2],
  ]);
});

test("a row of a stage's state that is gone is told, not taken for an empty one", async (t) => {
  const environment = openEnvironment(tempDir(t));
  t.after(() => environment.close());
  const tables = openTables(environment);
  commit(tables, "storm", new Map([["stays", 1]]));
  environment.transact(() => environment.table("state").removeSync(["storm", 0]));
  const churn = () => {
    for (let n = 0; n < 2000; n++) commit(tables, "storm", new Map([["w0", n]]));
  };
  assert.throws(churn, /a row of the state of storm is missing/);
});
