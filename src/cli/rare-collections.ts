import { getHeapStatistics, setFlagsFromString } from "node:v8";

/** Of the main thread's heap: below it memory is cheaper than time, above it the other way round. */
const SMALL_BYTES = 160 * 2 ** 20;
const LOOK_MS = 1000;

/**
 * For a command that goes on for ever and that others wait for. By itself V8 collects old objects when there are two to three times as many
 * bytes as were live; while it does, its helpers take the processors from matching and delivering, for a tenth of a second on two. Here
 * a small heap may grow to five times what is live, and a large one to twice that, in all threads.
 */
export function collectRarely(): void {
  const look = () => growBy(getHeapStatistics().used_heap_size < SMALL_BYTES ? 400 : 100);
  setInterval(look, LOOK_MS).unref();
  look();
}

/** Read by V8 at the end of each collection. */
function growBy(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
