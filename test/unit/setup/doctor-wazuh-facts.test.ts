import assert from "node:assert/strict";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readAnalysisState } from "../../../src/clients/wazuh-state.ts";
import { rise } from "../../../src/setup/doctor-wazuh-facts.ts";
import { tempDir } from "../../support/temp.ts";

const NEWER = "# State file for wazuh-analysisd\n# THIS FILE WILL BE DEPRECATED IN FUTURE VERSIONS\n";
const OLDER = "# State file for wazuh-analysisd\nsyscheck_events_decoded='0'\nsyscheck_edps='0'\n";

/** How much was dropped between two looks, the file rewritten in between or not. */
async function dropped(t: TestContext, head: string, [before, after]: readonly [number, number], rewritten = true) {
  const path = join(tempDir(t), "wazuh-analysisd.state");
  const sample = async (count: number, writtenAt: number) => {
    writeFileSync(path, `${head}events_dropped='${count}'\nevents_received='9'\n`);
    utimesSync(path, writtenAt, writtenAt);
    return { state: await readAnalysisState(path), log: undefined };
  };
  return rise([await sample(before, 1), await sample(after, rewritten ? 6 : 1)], "events_dropped");
}

test("counters since the start: what they rose by, all of it where the daemon was restarted", async (t) => {
  assert.equal(await dropped(t, NEWER, [100, 107]), 7);
  assert.equal(await dropped(t, NEWER, [100, 100]), 0);
  assert.equal(await dropped(t, NEWER, [100, 3]), 3);
});

test("counters of one interval, before 4.4: what stands there", async (t) => {
  assert.equal(await dropped(t, OLDER, [5000, 5000]), 5000);
  assert.equal(await dropped(t, OLDER, [5000, 5001]), 5001);
  assert.equal(await dropped(t, OLDER, [5000, 0]), 0);
});

test("a file that was not written again says nothing new", async (t) => {
  assert.equal(await dropped(t, OLDER, [5000, 5000], false), 0);
});

test("where the kind cannot be told, drops are real", async (t) => {
  assert.equal(await dropped(t, "", [5000, 5000]), 5000);
  assert.equal(await dropped(t, "", [0, 0]), 0);
});
