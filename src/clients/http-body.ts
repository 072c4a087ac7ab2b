import { pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { RemoteError } from "../lib/remote-error.ts";
import { networkError, type Route } from "./http-errors.ts";

/**
 * The decoded body, at most `maxBytes` of it: a small answer that unpacks into gigabytes stops at the bound. Breaking off,
 * a bad encoding and too much are RemoteErrors.
 */
export async function* boundedBody(
  raw: Readable,
  headers: ReadonlyMap<string, string>,
  { maxBytes, ...route }: Route & { readonly maxBytes: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stream = decoded(raw, headers.get("content-encoding"));
  let size = 0;
  try {
    for await (const piece of stream) {
      size += (piece as Buffer).length;
      if (size > maxBytes)
        throw new RemoteError(
          "too-large",
          `an answer is larger than ${maxBytes} bytes; raise the limit if that is right`,
        );
      yield piece as Buffer;
    }
  } catch (cause) {
    if (cause instanceof RemoteError) throw cause;
    if (signal.aborted) throw new RemoteError("aborted", "stopped while the answer was read", { cause: signal.reason });
    throw networkError(route, cause, true);
  } finally {
    raw.on("error", () => undefined);
    raw.destroy();
  }
}

function decoded(raw: Readable, encoding: string | undefined): Readable {
  const decoder = decoderOf(encoding?.trim().toLowerCase());
  // pipeline() hands errors on to the decoder, where the reading loop sees them.
  return decoder === undefined ? raw : pipeline(raw, decoder, () => undefined);
}

function decoderOf(encoding: string | undefined) {
  if (encoding === "gzip" || encoding === "x-gzip") return createGunzip();
  if (encoding === "deflate") return createInflate();
  return encoding === "br" ? createBrotliDecompress() : undefined;
}
