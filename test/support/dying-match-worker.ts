import { parentPort } from "node:worker_threads";
import type { MatchRequest } from "../../src/app/match-wire.ts";

/** A matching thread that takes every generation and dies over the first alerts. */
parentPort?.on("message", ({ kind }: MatchRequest) => {
  if (kind === "generation") parentPort?.postMessage({ kind: "ready" });
  else throw new Error("a fault in the thread");
});
