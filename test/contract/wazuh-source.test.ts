import { utimesSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import alerts from "../../src/sources/wazuh-alerts.ts";
import archives from "../../src/sources/wazuh-archives.ts";
import { tempDir } from "../support/temp.ts";
import { WazuhFiles, type WazuhFilesOptions } from "../support/wazuh-files.ts";
import { testSource } from "./source.contract.ts";

function open(
  t: TestContext,
  definition: typeof alerts,
  options: WazuhFilesOptions,
  turn: (files: WazuhFiles) => void,
) {
  const folder = tempDir(t);
  const files = new WazuhFiles(join(folder, "logs"), options);
  t.after(() => files.close());
  const context = { name: "wazuh", log: silentLog, clock: systemClock, cacheDir: folder };
  return {
    source: () => definition.create(definition.config.parse({ path: files.path, start: "beginning" }), context),
    write: (bytes: string) => files.appendTorn(bytes),
    turn: () => turn(files),
  };
}

const turns = [
  (files: WazuhFiles) => files.rotateSize(),
  (files: WazuhFiles) => files.rotateMidnight(),
  (files: WazuhFiles) => {
    const ended = files.day;
    files.rotateMidnight(3);
    files.compressDay(ended);
  },
];

/** Size rotation, midnight, then three days with compression. */
function turning() {
  let turn = 0;
  return (files: WazuhFiles) => turns[turn++ % turns.length]!(files);
}

testSource("wazuh-alerts", (t) => open(t, alerts, {}, turning()), { follows: true });
testSource("wazuh-archives", (t) => open(t, archives, { kind: "archives" }, turning()), { follows: true });
/** Lines without a time of their own, in files of one clock tick: only the names tell their order. */
function rotateWithinATick(files: WazuhFiles): void {
  const tick = new Date("2026-11-21T10:00:00Z");
  utimesSync(files.rotateByRename(), tick, tick);
}

testSource(
  "wazuh-alerts without daily files, rotated within a tick of the clock",
  (t) => open(t, alerts, { plain: true }, rotateWithinATick),
  { follows: true },
);
testSource(
  "wazuh-alerts without daily files",
  (t) => open(t, alerts, { plain: true }, (files) => void files.rotateByRename()),
  { follows: true },
);
