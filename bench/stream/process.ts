import { Worker } from "node:worker_threads";
import { Layer } from "../../src/intel/index/layer.ts";
import { openLayers } from "../../src/intel/index/layers.ts";
import { rangesOf } from "./lines.ts";
import { inline, type Run, type StreamJob } from "./run.ts";
import { type Counts, placed, type WayName } from "./ways.ts";

/** Command line of the process, as JSON. */
export interface StreamSetup {
  readonly way: WayName;
  /** Segment of the indicators, without its ending; `known` of them. */
  readonly path: string;
  readonly known: number;
  /** 1: in the main thread. More: over ranges of their own, with the tables and the index in shared memory. */
  readonly threads: number;
}

export interface StreamResult extends Counts {
  readonly ms: number;
}

/** A way over alerts as a process of its own: answers `ready`, then every job by its time and counts. Ends when told nothing more. */
async function main(): Promise<void> {
  const setup = JSON.parse(process.argv[2] ?? "") as StreamSetup;
  const run = setup.threads === 1 ? inline(setup) : await threaded(setup);
  process.on("message", async (job: StreamJob) => {
    const ranges = rangesOf(job.file, setup.threads);
    const from = process.hrtime.bigint();
    const counts = await run(ranges.map((range) => ({ ...job, range })));
    process.send?.({ ...counts, ms: Number(process.hrtime.bigint() - from) / 1e6 } satisfies StreamResult);
  });
  process.on("disconnect", () => process.exit());
  process.send?.("ready");
}

async function threaded({ way, path, known, threads }: StreamSetup): Promise<Run> {
  const layer = new Layer(path);
  const tables = placed(openLayers([layer]));
  const setup = { way, path, known, tables, segment: layer.segment };
  const entry = new URL("./thread.js", import.meta.url);
  const workers = Array.from({ length: threads }, () => new Worker(entry, { workerData: setup }));
  await Promise.all(workers.map((worker) => answer(worker)));
  return async (jobs) => {
    const answers = workers.map((worker) => answer<Counts>(worker));
    for (const [at, worker] of workers.entries()) worker.postMessage(jobs[at]);
    const total = { lines: 0, flagged: 0, matched: 0 };
    for (const counts of await Promise.all(answers)) {
      total.lines += counts.lines;
      total.flagged += counts.flagged;
      total.matched += counts.matched;
    }
    return total;
  };
}

function answer<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
}

await main();
