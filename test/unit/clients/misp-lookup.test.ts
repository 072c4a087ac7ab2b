import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createMisp, type Misp } from "../../../src/clients/misp.ts";
import { literalProblem, searchValues, type ValueQuestion } from "../../../src/clients/misp-lookup.ts";
import { RemoteError } from "../../../src/lib/remote-error.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { KEY } from "../../support/fake-misp.ts";
import { json, serve } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const NEVER = new AbortController().signal;

interface Asked {
  readonly value: readonly string[];
  readonly type: readonly string[];
  readonly limit: number;
  readonly page: number;
  readonly [key: string]: unknown;
}

async function rig(t: TestContext, answer: (asked: Asked) => readonly string[] | number) {
  const asked: Asked[] = [];
  const url = await serve(t, ({ body }, response) => {
    const question = JSON.parse(body) as Asked;
    asked.push(question);
    const values = answer(question);
    if (typeof values === "number") return json(response, values, { message: "An Internal Error Has Occurred." });
    return json(response, 200, { response: { Attribute: values.map((value) => ({ value })) } });
  });
  const misp: Misp = createMisp({
    url,
    key: new Secret(KEY),
    clock: new ManualClock(),
    timeoutMs: 30_000,
    retries: 0,
    maxBytes: 100_000_000,
  });
  t.after(() => misp.close());
  return { asked, misp };
}

const question = (...values: string[]): ValueQuestion => ({
  values,
  types: ["domain"],
  toIdsOnly: true,
  publishedOnly: true,
});

async function found(misp: Misp, values: ValueQuestion) {
  const rows = new Set<unknown>();
  const cut = await searchValues(misp, values, (row) => rows.add(row["value"]), NEVER);
  return { rows, cut };
}

test("what restSearch takes for something else is named with its reason", () => {
  const wrong: [string, RegExp][] = [
    ["", /empty/],
    ["  \t", /empty/],
    ["!8.8.8.8", /NOT/],
    ["%evil", /anything/],
    ["evil%", /anything/],
    ["%", /anything/],
    [" evil.example", /blank/],
    ["evil.example ", /blank/],
    ["a\u0000b", /control/],
    ["a\nb", /control/],
    ["a\u0085b", /control/],
    ["a\ud800", /broken Unicode/],
    ["🦊.example", /does not compare/],
    ["\u200b", /no letter or digit/],
    ["\u0301", /no letter or digit/],
    ["\u3164", /no letter or digit/],
    ["\u02b0", /no letter or digit/],
    ["---", /no letter or digit/],
    ["a".repeat(9000), /longer than/],
  ];
  for (const [value, says] of wrong) assert.match(literalProblem(value) ?? "literal", says, JSON.stringify(value));
  for (const value of [
    "8.8.8.8",
    "a||b&&c",
    "100% legal.exe",
    "under_score",
    "a!b",
    "файл",
    "文件.exe",
    "x'; --",
    '{"OR":1}',
  ])
    assert.equal(literalProblem(value), undefined, value);
});

test("values go as a list, with flags that MISP does not ignore, and never without a limit", async (t) => {
  const { asked, misp } = await rig(t, () => ["evil.example"]);
  await found(misp, question("evil.example", "a||b"));
  assert.deepEqual(asked, [
    {
      value: ["evil.example", "a||b"],
      type: ["domain"],
      to_ids: 1,
      published: 1,
      includeContext: 1,
      limit: 2000,
      page: 1,
      order: "Attribute.id asc",
    },
  ]);
  await found(misp, { ...question("evil.example"), toIdsOnly: false, publishedOnly: false });
  assert.ok(!("to_ids" in (asked[1] ?? {})) && !("published" in (asked[1] ?? {})));
});

test("a value that is not literal never leaves", async (t) => {
  const { asked, misp } = await rig(t, () => []);
  for (const values of [[], [""], ["good.example", "!bad"], ["%"]])
    await assert.rejects(found(misp, question(...values)), RemoteError);
  assert.equal(asked.length, 0);
});

test("pages go on while they are full", async (t) => {
  const all = Array.from({ length: 4100 }, (_, n) => `evil.example|10.0.${n >> 8}.${n & 255}`);
  const { asked, misp } = await rig(t, ({ page, limit }) => all.slice((page - 1) * limit, page * limit));
  const { rows, cut } = await found(misp, question("evil.example"));
  assert.equal(rows.size, 4100);
  assert.deepEqual(cut, []);
  assert.deepEqual(
    asked.map(({ page }) => page),
    [1, 2, 3],
  );
});

test("what is too much at once is asked for in halves; of a single value only a part is taken, and that is said", async (t) => {
  const { misp } = await rig(t, ({ value, limit }) => {
    if (value.length > 2) return 500;
    return value.includes("huge.example")
      ? Array.from({ length: limit }, () => "huge.example")
      : value.map((each) => each);
  });
  const { rows, cut } = await found(misp, question("a.example", "b.example", "c.example", "huge.example", "d.example"));
  assert.deepEqual([...rows].sort(), ["a.example", "b.example", "c.example", "d.example", "huge.example"]);
  assert.deepEqual(cut, ["huge.example"]);
});

test("a server that loses the filter is found out", async (t) => {
  const { asked, misp } = await rig(t, ({ limit }) => Array.from({ length: limit }, (_, n) => `n${n}.example`));
  await assert.rejects(found(misp, question("evil.example")), /nobody asked for.*lost the filter/);
  assert.equal(asked.length, 1);
});

test("one value that MISP cannot answer is an error", async (t) => {
  const { misp } = await rig(t, () => 500);
  await assert.rejects(found(misp, question("a.example")), { kind: "server" });
});
