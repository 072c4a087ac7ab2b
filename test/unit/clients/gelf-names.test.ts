import assert from "node:assert/strict";
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createNameBudget } from "../../../src/clients/gelf-names.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { tempDir } from "../../support/temp.ts";

test("the first names are admitted for good, over a restart as well", (t) => {
  const folder = join(tempDir(t), "keep");
  const first = createNameBudget(2, folder, silentLog);
  assert.deepEqual(["wazuh_a", "wazuh_b", "wazuh_c", "wazuh_a"].map(first.admits), [true, true, false, true]);
  first.save();
  const second = createNameBudget(2, folder, silentLog);
  assert.deepEqual(["wazuh_c", "wazuh_b"].map(second.admits), [false, true]);
});

test("nothing is written while nothing is new, and a broken file does no harm", (t) => {
  const folder = tempDir(t);
  const path = join(folder, "field-names.txt");
  createNameBudget(2, folder, silentLog).save();
  assert.equal(existsSync(path), false);
  appendFileSync(path, "wazuh_a\n\0\0garbage\nwazuh_torn");
  assert.equal(createNameBudget(2, folder, silentLog).admits("wazuh_z"), false);
});

test("a folder that cannot be written costs nothing but the memory of it", (t) => {
  const file = join(tempDir(t), "file");
  appendFileSync(file, "");
  const names = createNameBudget(2, file, silentLog);
  assert.equal(names.admits("wazuh_a"), true);
  assert.doesNotThrow(() => names.save());
});
