import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../src/lib/package-root.ts";
import type { JsonObject } from "../../src/model/json.ts";
import { cli } from "../support/cli.ts";
import { tempDir } from "../support/temp.ts";

const FOLDER = join(packageRoot(), "test/golden/alerts");

interface Labelled {
  readonly alert: JsonObject;
  readonly observables: readonly { readonly type: string; readonly value: string }[];
}

/** Values of these types stand in the labels as an indicator would have them. */
const TYPES = new Set(["ip", "md5", "sha1", "sha256"]);
const OUTSIDE =
  /^(?!10\.|127\.|0\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|255\.|22[4-9]\.|23\d\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|fe80|f[cd]|::|2001:db8)/i;

test("hunting every hash and address that people labelled finds each in as many alerts as they labelled it in", async (t) => {
  const dir = tempDir(t);
  const labelled = readdirSync(FOLDER).flatMap((name) =>
    readFileSync(join(FOLDER, name), "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => JSON.parse(line) as Labelled),
  );
  const expected = new Map<string, number>();
  for (const { observables } of labelled) {
    const values = observables.filter(({ type, value }) => TYPES.has(type) && OUTSIDE.test(value));
    for (const value of new Set(values.map(({ value }) => value.toLowerCase())))
      expected.set(value, (expected.get(value) ?? 0) + 1);
  }
  assert.ok(expected.size > 100, `${expected.size} values`);
  writeFileSync(join(dir, "feed.txt"), `${[...expected.keys()].join("\n")}\n`);
  writeFileSync(join(dir, "alerts.json"), labelled.map(({ alert }) => `${JSON.stringify(alert)}\n`).join(""));
  const { code, stdout, stderr } = await cli(
    ["hunt", "--feed", join(dir, "feed.txt"), "--json", join(dir, "alerts.json")],
    {
      env: { XDG_CACHE_HOME: join(dir, "cache") },
    },
  );
  assert.equal(code, 0, stderr);
  const { indicators, lines } = JSON.parse(stdout) as {
    readonly lines: number;
    readonly indicators: readonly { readonly value: string; readonly alerts: number }[];
  };
  assert.equal(lines, labelled.length);
  const found = new Map(indicators.map(({ value, alerts }) => [value, alerts]));
  const wrong = [...expected].filter(([value, count]) => found.get(value) !== count);
  t.diagnostic(`${expected.size} values, ${wrong.length} counted otherwise`);
  assert.ok(
    wrong.length <= expected.size * 0.03,
    wrong.map(([value, count]) => `${value}: ${count}/${found.get(value)}`).join("\n"),
  );
});
