import { setFlagsFromString } from "node:v8";

/**
 * For a command that runs for seconds in several threads, each of which compiles by itself: V8 then optimises what is really hot, after
 * several times as much work as it takes by default, and not the hundreds of functions that a few thousand findings pass through.
 * Optimising these took a quarter of all processor time for a gigabyte of alerts. For all threads. Only V8 of Node 20 has that knob:
 * later ones complain on stderr, and have a cheaper compiler in between.
 */
export function compileLate(): void {
  if (process.versions.v8.startsWith("11.")) setFlagsFromString("--interrupt-budget=500000");
}
