import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import file from "../../src/sources/file.ts";
import { tempDir } from "../support/temp.ts";
import { testSource } from "./source.contract.ts";

testSource(
  "file",
  (t) => {
    const folder = tempDir(t);
    const context = { name: "file", log: silentLog, clock: systemClock, cacheDir: folder };
    let number = 1;
    return {
      source: () => file.create(file.config.parse({ paths: [join(folder, "*.json")] }), context),
      write: (bytes) => appendFileSync(join(folder, `alerts-${number}.json`), bytes),
      turn() {
        number += 1;
      },
    };
  },
  { follows: false },
);
