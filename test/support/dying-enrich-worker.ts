import { parentPort } from "node:worker_threads";
import type { EnrichReply } from "../../src/app/enrich-wire.ts";

/** A thread that is ready and dies over its first alerts. */
parentPort?.on("message", () => {
  throw new Error("a fault in the thread");
});
parentPort?.postMessage({ kind: "ready" } satisfies EnrichReply);
