import { parentPort, workerData } from "node:worker_threads";
import { openGate, referenceGate } from "../intel/gate.ts";
import { silentLog } from "../lib/log.ts";
import { engine } from "./engine.ts";
import { EnrichScan } from "./enrich-scan.ts";
import type { EnrichReply, EnrichRequestMessage, EnrichSetup } from "./enrich-wire.ts";
import { handedGeneration } from "./judging.ts";

/** The entry of a thread that enriches. */
const { key, generation: handed, judging, tables, wanted } = workerData as EnrichSetup;
const generation = handedGeneration(handed, judging, silentLog).current();
const gate = tables === undefined ? referenceGate(generation.index) : openGate(tables, generation.index);
const context = { ...engine(Buffer.from(key)), source: "enrich", mode: "live" as const, generation };
const scan = new EnrichScan(context, gate, wanted);
const reply = (message: EnrichReply, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer);

parentPort?.on("message", ({ id, job }: EnrichRequestMessage) => {
  const result = scan.run(job);
  reply({ kind: "done", id, result }, [result.ndjson.buffer]);
});
reply({ kind: "ready" });
