import type { Writable } from "node:stream";

/** The first error of a stream: it stays broken after that. */
const broken = new WeakMap<Writable, Error>();
const watched = new WeakSet<Writable>();

/**
 * Writes and waits until the stream has handed the text on, so that a slow reader slows the writer. Never throws: undefined, or
 * the error, which for a reader that went away has the code `EPIPE`. Aborting stops the waiting; what is written then may
 * still arrive.
 */
export function writeAll(
  stream: Writable,
  text: string | Uint8Array,
  signal?: AbortSignal,
): Promise<Error | undefined> {
  watch(stream);
  const before = broken.get(stream);
  if (before !== undefined) return Promise.resolve(before);
  return new Promise((resolve) => {
    const done = (error?: Error | null) => {
      signal?.removeEventListener("abort", stop);
      resolve(error ? (broken.get(stream) ?? error) : undefined);
    };
    const stop = () => resolve(new Error("stopped while writing"));
    if (signal?.aborted) return stop();
    signal?.addEventListener("abort", stop, { once: true });
    stream.write(text, done);
  });
}

/** Without a listener a broken pipe would end the process with a stack trace. */
function watch(stream: Writable): void {
  if (watched.has(stream)) return;
  watched.add(stream);
  stream.on("error", (error) => {
    if (!broken.has(stream)) broken.set(stream, error);
  });
}
