import { join } from "node:path";
import { hunt } from "../../src/app/hunt.ts";
import { filesOfLogs } from "../../src/app/hunt-files.ts";
import { huntFolder, openSketches } from "../../src/app/hunt-place.ts";
import type { StoredHunt } from "../../src/app/hunt-progress.ts";
import { openIntelligence } from "../../src/app/intelligence.ts";
import { silentLog } from "../../src/lib/log.ts";
import { HuntJob } from "../../src/store/hunt-job.ts";

/**
 * A hunt in a process of its own that ends by `kill -9` after so many steps (0: it comes to its end) and then prints findings and
 * summary: LOGS FEED STEPS SKETCHES(yes|no) THREADS.
 */
const [logs = "", feed = "", steps = "0", sketching = "yes", threads = "0"] = process.argv.slice(2);
const intelligence = await openIntelligence({ feeds: [feed], log: silentLog });
const folder = huntFolder(undefined);
const { files } = await filesOfLogs([{ path: join(logs, "alerts/alerts.json"), tag: "alerts" }], {});
const job = HuntJob.open<StoredHunt>(join(folder, "interrupted"), "test", silentLog);
const shared = intelligence.live.shared();
const lines: string[] = [];
let step = 0;
const outcome = await hunt({
  files,
  generation: intelligence.live.current(),
  key: Buffer.alloc(32, 7),
  window: {},
  minScore: 0,
  benign: true,
  sketches: sketching === "yes" ? openSketches(folder, "test", silentLog) : undefined,
  sketching: true,
  job,
  checkpointMs: 0,
  ...(threads === "0" || shared === undefined
    ? {}
    : { threads: { count: Number(threads), generation: shared.generation, judging: intelligence.judging } }),
  startedAt: 0,
  version: "test",
  emit: (line) => void lines.push(line),
  onStep() {
    if (++step === Number(steps)) process.kill(process.pid, "SIGKILL");
  },
  log: silentLog,
  signal: new AbortController().signal,
});
job?.end(true);
await intelligence.close();
process.stdout.write(
  `${JSON.stringify({ step, findings: lines, rows: outcome.summary.rows(), lines: outcome.lines })}\n`,
);
