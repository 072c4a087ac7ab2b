import { workerData } from "node:worker_threads";
import { openGate } from "../intel/gate.ts";
import { HuntedKeys } from "../intel/sketch.ts";
import { silentLog } from "../lib/log.ts";
import type { JudgedStep } from "../pipeline/hunt-hits.ts";
import { createLook } from "../pipeline/hunt-look.ts";
import { Sketches } from "../store/sketch.ts";
import { engine } from "./engine.ts";
import type { HuntPoolSetup } from "./hunt-pool.ts";
import { type FileToRead, isNewSince, judging, readingHere } from "./hunt-reading.ts";
import { serveScans, warningLog } from "./hunt-serve.ts";
import { handedGeneration } from "./judging.ts";

/** Entry of a thread that reads files for `tipline hunt`. */
const { key, generation: handed, judging: judgedBy, tables, keys, newSince, ...setup } = workerData as HuntPoolSetup;
const own = Buffer.from(key);
const { window, hits, sketching } = setup;
const generation = handedGeneration(handed, judgedBy, silentLog).current();
const { index } = generation;
const log = warningLog();
const gate = tables && openGate(tables, index, log);
const opened = setup.sketches && Sketches.open({ ...setup.sketches, log });
// Keys are of one seed: under another one they would rule out what matches.
const sketches = opened?.seed.a === keys?.seed.a && opened?.seed.b === keys?.seed.b ? opened : undefined;
const parts = {
  look: createLook({
    index: { nominates: (event) => index.nominates(event) },
    extract: engine(own).extract,
    ...(gate && { gate }),
  }),
  keys: keys && HuntedKeys.from(keys),
  judge: judging({
    generation,
    wanted: newSince === undefined ? undefined : (indicator) => isNewSince(indicator, newSince),
    key: own,
    window,
    hits,
  }),
  window,
  sketches,
  sketching,
};

serveScans<FileToRead, JudgedStep>((file, signal) => readingHere(parts, signal).open(file));
