import { parentPort, workerData } from "node:worker_threads";
import { openGate, referenceGate } from "../intel/gate.ts";
import { Layer } from "../intel/index/layer.ts";
import { openLayers } from "../intel/index/layers.ts";
import { silentLog } from "../lib/log.ts";
import { engine } from "./engine.ts";
import { EnrichScan } from "./enrich-scan.ts";
import type { EnrichReply, EnrichRequestMessage, EnrichSetup } from "./enrich-wire.ts";
import { judgingBy } from "./judging.ts";

/** The entry of a thread that enriches. */
const { key, generation, judging, tables, wanted } = workerData as EnrichSetup;
const index = openLayers(generation.layers.map(({ path, segment }) => new Layer(path, segment)));
const handed = { id: generation.id, createdAt: generation.createdAt, index };
const store = { current: () => handed, refresh: () => false, partialFeeds: () => [], feeds: () => [] };
const live = judgingBy(store, judging, silentLog);
const gate = tables === undefined ? referenceGate(index) : openGate(tables, index);
const context = { ...engine(Buffer.from(key)), source: "enrich", mode: "live" as const, generation: live.current() };
const scan = new EnrichScan(context, gate, wanted);
const reply = (message: EnrichReply, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer);

parentPort?.on("message", ({ id, job }: EnrichRequestMessage) => {
  const result = scan.run(job);
  reply({ kind: "done", id, result }, [result.ndjson.buffer]);
});
reply({ kind: "ready" });
