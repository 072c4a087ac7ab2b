import { parentPort, workerData } from "node:worker_threads";
import { inline, type ThreadJob } from "./run.ts";

/** The entry of one of several threads of a streaming process. */
const run = inline(workerData as Parameters<typeof inline>[0]);
parentPort?.on("message", (job: ThreadJob) => parentPort?.postMessage(run([job])));
parentPort?.postMessage("ready");
