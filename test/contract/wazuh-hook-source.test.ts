import { mkdirSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import wazuhHook from "../../src/sources/wazuh-hook.ts";
import { tempDir } from "../support/temp.ts";
import { type OpenSource, testSource } from "./source.contract.ts";

/** Each line is a file of its own, as the hook makes them; `turn` lets time pass between two alerts, or not. */
const spool =
  (tick: (n: number) => Date): OpenSource =>
  (t) => {
    const path = join(tempDir(t), "spool");
    mkdirSync(path);
    const context = { name: "hook", log: silentLog, clock: systemClock, cacheDir: path };
    let torn = "";
    let number = 0;
    return {
      source: () => wazuhHook.create(wazuhHook.config.parse({ path }), context),
      write(bytes) {
        const lines = `${torn}${bytes}`.split("\n");
        torn = lines.pop() ?? "";
        for (const line of lines) {
          number += 1;
          const name = `custom-tipline-1795297550-${number % 2 === 0 ? "-" : ""}${(number * 7919) % 10_007}.alert.${number}`;
          const part = join(path, `.${name}`);
          writeFileSync(part, `${line}\n`);
          utimesSync(part, tick(number), tick(number));
          renameSync(part, join(path, name));
        }
      },
      turn: () => undefined,
    };
  };

testSource(
  "wazuh-hook",
  spool((n) => new Date(1_795_297_550_000 + n * 10)),
  { follows: true },
);
testSource(
  "wazuh-hook, all in one tick of the clock",
  spool(() => new Date(1_795_297_550_000)),
  { follows: true },
);
