import { setFlagsFromString } from "node:v8";

/**
 * For a command that runs for seconds in several threads, each of which compiles by itself: V8 then optimises what is really hot, after
 * several times as much work as it takes by default, and not the hundreds of functions that a few thousand findings pass through.
 * Optimising these took a quarter of all processor time for a gigabyte of alerts. For all threads; unknown to V8 it does nothing.
 */
export function compileLate(): void {
  setFlagsFromString("--interrupt-budget=500000");
}
