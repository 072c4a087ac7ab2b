import { setFlagsFromString } from "node:v8";

/**
 * For a command that goes on for ever and that others wait for: V8 collects old objects when there are four times as many bytes as were
 * live, instead of two to three. While it does, its helpers take the processors from matching and delivering, for a tenth of a second
 * on two. For all threads that are started later, too.
 */
export function collectRarely(): void {
  setFlagsFromString("--heap-growing-percent=300");
}
