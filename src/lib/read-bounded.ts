import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { systemCode, TiplineError } from "./errors.ts";
import { isZip, unzip } from "./unzip.ts";

const gunzipAsync = promisify(gunzip);

/**
 * A whole regular file, unpacked when it is gzip or zip; more than `maxBytes` (packed or unpacked) is TIP_FEED_INVALID. `entry`:
 * the one to take of a zip archive.
 */
export async function readBounded(path: string, maxBytes: number, entry?: string): Promise<Buffer> {
  let packed: Buffer;
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new TiplineError("TIP_FEED_INVALID", `${path} cannot be opened (${systemCode(cause) ?? "unknown"})`, {
      cause,
    });
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile())
      throw new TiplineError("TIP_FEED_INVALID", `expected a regular file, found something else at ${path}`);
    if (stat.size > maxBytes) throw tooLarge(path, maxBytes);
    packed = await file.readFile();
  } finally {
    await file.close();
  }
  return unpacked(packed, path, maxBytes, entry);
}

/** The bytes themselves, or what they unpack to when they are gzip or (one entry of) a zip archive: by content, not by name. */
export async function unpacked(bytes: Buffer, name: string, maxBytes: number, entry?: string): Promise<Buffer> {
  if (bytes.length > maxBytes) throw tooLarge(name, maxBytes);
  if (isZip(bytes)) return unzip(bytes, name, maxBytes, entry);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await gunzipAsync(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    if (systemCode(cause) === "ERR_BUFFER_TOO_LARGE") throw tooLarge(name, maxBytes);
    throw new TiplineError("TIP_FEED_INVALID", `${name} is not a whole gzip file`, { cause });
  }
}

function tooLarge(name: string, maxBytes: number): TiplineError {
  return new TiplineError("TIP_FEED_INVALID", `${name} is larger than the limit of ${maxBytes} bytes`);
}
