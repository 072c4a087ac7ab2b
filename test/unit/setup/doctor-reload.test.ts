import assert from "node:assert/strict";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { lastReload } from "../../../src/setup/doctor-wazuh-reload.ts";
import { tempDir } from "../../support/temp.ts";

const AT = new Date(2026, 10, 22, 10, 0, 0).getTime();

/** A log whose lines are a second apart, the last of them written when the file was. */
function log(t: TestContext, lines: readonly string[], offsetMs = 0): string {
  const path = join(tempDir(t), "ossec.log");
  writeFileSync(path, lines.map((line, n) => `2026/11/22 10:00:0${n} ${line}\n`).join(""));
  const written = (AT + (lines.length - 1) * 1000 + offsetMs) / 1000;
  utimesSync(path, written, written);
  return path;
}

const RELOADING = "wazuh-analysisd: INFO: Reloading ruleset";
const DONE = "wazuh-analysisd[812] analysisd.c:2510 at w_hotreload_reload(): INFO: Ruleset reloaded successfully";
const OTHER = "wazuh-remoted: INFO: (1410): Reading authentication keys file.";

test("the last of analysisd's reloads counts, whoever wrote since", (t) => {
  assert.equal(lastReload(log(t, [RELOADING, OTHER])), AT);
  assert.equal(lastReload(log(t, [RELOADING, DONE, OTHER, "no line at all"])), AT + 1000);
});

test("without one, or with an error of analysisd after it, nothing is known", (t) => {
  assert.equal(lastReload(log(t, [OTHER])), undefined);
  assert.equal(lastReload(log(t, [RELOADING, "wazuh-analysisd: ERROR: (1220): Error loading the rules"])), undefined);
  assert.equal(lastReload(log(t, [`wazuh-remoted: INFO: says "${RELOADING}"`])), undefined);
  assert.equal(lastReload(join(tempDir(t), "absent")), undefined);
});

test("a manager in another time zone is told by when its last line was written", (t) => {
  const hours = 5.5 * 3_600_000;
  assert.equal(lastReload(log(t, [RELOADING, OTHER], hours)), AT + hours);
  assert.equal(lastReload(log(t, [RELOADING, OTHER], -hours)), AT - hours);
});
