import { EXIT, note } from "./output.ts";

/** Aborts on Ctrl-C or SIGTERM, once; a second one ends the process at once. */
export function untilInterrupted(onFirst?: () => void): AbortSignal {
  const abort = new AbortController();
  const stop = () => {
    if (abort.signal.aborted) {
      note("tipline: stopped at once; nothing is lost, the journal has it");
      process.exit(EXIT.failed);
    }
    onFirst?.();
    abort.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return abort.signal;
}
