import { open, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { type ByteReader, PackedReader, PlainReader, StreamReader } from "./byte-reader.ts";

/** Opens a file, packed or not (told by its first bytes, not by its name), or a named pipe. */
export async function openFile(path: string): Promise<ByteReader> {
  if (!(await stat(path)).isFile()) {
    const handle = await open(path, "r");
    return await openStream(handle.createReadStream());
  }
  const reader = await PlainReader.open(path);
  const start = await reader.peek({ at: 0, length: 2 });
  if (start === undefined || !isGzip(start)) return reader;
  await reader.close();
  return await PackedReader.open(path);
}

/** Reads a stream, packed or not. */
export async function openStream(input: Readable): Promise<ByteReader> {
  const start = await firstBytes(input);
  return start !== undefined && isGzip(start) ? new PackedReader(input) : new StreamReader(input);
}

/** JSON never begins with 0x1f, so one byte is enough where only one has come. */
function isGzip(start: Buffer): boolean {
  return start[0] === 0x1f && (start.length < 2 || start[1] === 0x8b);
}

/** The first bytes of a stream, put back; undefined when it ends or fails before any. */
async function firstBytes(input: Readable): Promise<Buffer | undefined> {
  for (;;) {
    const chunk: Buffer | null = input.read();
    if (chunk !== null) {
      input.unshift(chunk);
      return chunk;
    }
    if (input.readableEnded || input.destroyed || !(await readable(input))) return undefined;
  }
}

function readable(input: Readable): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (more: boolean) => {
      input.off("readable", onReadable).off("end", onOver).off("error", onOver).off("close", onOver);
      resolve(more);
    };
    const onReadable = () => done(true);
    const onOver = () => done(false);
    input.once("readable", onReadable).once("end", onOver).once("error", onOver).once("close", onOver);
  });
}
