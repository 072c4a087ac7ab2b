import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../src/lib/log.ts";
import ndjson from "../../src/sinks/ndjson.ts";
import { fastClock } from "../support/fake-clocks.ts";
import { tempDir } from "../support/temp.ts";
import { testSink } from "./sink.contract.ts";

testSink(
  "ndjson",
  async (t) => {
    const folder = tempDir(t);
    const [here, away] = [join(folder, "out"), join(folder, "away")];
    mkdirSync(here);
    const path = join(here, "findings.ndjson");
    const context = { name: "file", log: silentLog, clock: fastClock(1), cacheDir: folder };
    const sink = await ndjson.create(ndjson.config.parse({ path }), context);
    t.after(() => sink.close?.());
    return {
      sink,
      async received() {
        if (!existsSync(path)) return [];
        const lines = readFileSync(path, "utf8").split("\n");
        if (lines.pop() !== "") throw new Error("the file ends within a line");
        return lines.map((line) => JSON.parse(line).data.misp.finding_id);
      },
      async down() {
        if (existsSync(here)) renameSync(here, away);
      },
      async up() {
        if (existsSync(away)) renameSync(away, here);
      },
    };
  },
  { stalls: false },
);
