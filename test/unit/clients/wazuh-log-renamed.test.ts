import assert from "node:assert/strict";
import { utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { listRenamed } from "../../../src/clients/wazuh-log-tree.ts";
import { tempDir } from "../../support/temp.ts";

const AT = new Date("2026-11-21T10:00:00Z");

for (const [title, names] of [
  [
    "logrotate's counts, whatever their length",
    ["alerts.json.11.gz", "alerts.json.10.gz", "alerts.json.2", "alerts.json.1"],
  ],
  ["logrotate's dates", ["alerts.json-20261119.gz", "alerts.json-20261120", "alerts.json-20261121"]],
] as const) {
  test(`rotated files of one clock tick are in order by ${title}`, async (t) => {
    const folder = tempDir(t);
    for (const name of names.toReversed()) {
      const path = join(folder, name);
      writeFileSync(path, name.endsWith(".gz") ? gzipSync('{"n":1}\n') : '{"n":1}\n');
      utimesSync(path, AT, AT);
    }
    const listed = await listRenamed(join(folder, "alerts.json"));
    assert.deepEqual(
      listed.map(({ path }) => basename(path)),
      names,
    );
  });
}

test("the time of the first alert goes before any name", async (t) => {
  const folder = tempDir(t);
  const line = (hour: string) => `{"timestamp":"2026-11-21T${hour}:00:00.000+0000","n":1}\n`;
  writeFileSync(join(folder, "alerts.json.2"), line("11"));
  writeFileSync(join(folder, "alerts.json.1"), line("10"));
  const listed = await listRenamed(join(folder, "alerts.json"));
  assert.deepEqual(
    listed.map(({ path }) => basename(path)),
    ["alerts.json.1", "alerts.json.2"],
  );
});
