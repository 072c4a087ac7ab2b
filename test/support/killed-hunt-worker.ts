import { parentPort } from "node:worker_threads";

/** The product's thread, which dies when it is asked for its thirteenth step. */
await import(`../../src/app/hunt-pool-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`);

const FATAL = 13;
let asked = 0;
parentPort?.on("message", ({ kind }: { readonly kind: string }) => {
  if (kind === "next" && ++asked === FATAL) throw new Error("killed");
});
