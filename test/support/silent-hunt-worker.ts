import { parentPort } from "node:worker_threads";

/** A thread that answers nothing, and lives. */
parentPort?.on("message", () => undefined);
