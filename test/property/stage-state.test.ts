import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { JsonValue } from "../../src/model/json.ts";
import { openEnvironment } from "../../src/store/environment.ts";
import { StageState } from "../../src/store/journal-state.ts";
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

function commit(tables: JournalTables, state: StageState, given: Change): void {
  const settle = tables.environment.transact(() => state.put(changedBy(given)));
  settle();
}

function fail(tables: JournalTables, state: StageState, given: Change): void {
  const full = () =>
    tables.environment.transact(() => {
      state.put(changedBy(given));
      throw new Error("no room");
    });
  assert.throws(full, /no room/);
}

/** Entries on disk, whether they count or not. */
function stored(tables: JournalTables): number {
  return [...tables.state.getRange()].reduce((sum, { value }) => sum + JSON.parse(value.toString("utf8")).length, 0);
}

async function check(t: TestContext, steps: readonly Step[], before: number): Promise<void> {
  const tables = openTables(openEnvironment(tempDir(t)));
  try {
    let state = new StageState(tables, "storm");
    const model = new Map<string, JsonValue>();
    const other = new StageState(tables, "another");
    commit(tables, other, new Map([["w1", "its own"]]));
    // One key that stays at the front, and so much that is stale behind it that rows are cleared away all the time.
    commit(tables, state, new Map([["stays", 1]]));
    model.set("stays", 1);
    for (let n = 0; n < before; n++) commit(tables, state, new Map([["w0", n]]));
    if (before > 0) model.set("w0", before - 1);
    for (const one of steps) {
      if (one.kind === "reopen") state = new StageState(tables, "storm");
      else if (one.kind === "fail") fail(tables, state, one.change);
      else {
        commit(tables, state, one.change);
        for (const [key, value] of one.change) value === null ? model.delete(key) : model.set(key, value);
      }
      assert.deepEqual(sorted(state.entries()), sorted(model));
    }
    assert.deepEqual(sorted(new StageState(tables, "storm").entries()), sorted(model), "after a restart");
    assert.deepEqual([...other.entries()], [["w1", "its own"]]);
    assert.ok(stored(tables) <= 2 * model.size + 1024 + 400, `${stored(tables)} entries for ${model.size} keys`);
  } finally {
    await tables.environment.close();
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
  const tables = openTables(openEnvironment(tempDir(t)));
  t.after(() => tables.environment.close());
  tables.environment.transact(() => {
    tables.state.putSync(["storm", 4], Buffer.from(JSON.stringify(["wa", { count: 1 }])));
    tables.state.putSync(["storm", 9], Buffer.from(JSON.stringify(["sb", 2])));
  });
  const state = new StageState(tables, "storm");
  assert.deepEqual(sorted(state.entries()), [
    ["sb", 2],
    ["wa", { count: 1 }],
  ]);
  commit(
    tables,
    state,
    new Map<string, JsonValue | null>([
      ["wa", null],
      ["sb", 3],
    ]),
  );
  assert.deepEqual([...new StageState(tables, "storm").entries()], [["sb", 3]]);
});
