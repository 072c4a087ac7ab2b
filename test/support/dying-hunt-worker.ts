import { parentPort } from "node:worker_threads";

/** A thread that dies when it is asked for the first step. */
parentPort?.on("message", ({ kind }: { readonly kind: string }) => {
  if (kind === "next") throw new Error("a fault in the thread");
});
