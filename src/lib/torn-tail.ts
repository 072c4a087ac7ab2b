import type { FileHandle } from "node:fs/promises";

/** A file's last line that has no line end. */
export interface TornTail {
  /** Offset of its first byte. */
  readonly start: number;
  /** It is not the beginning of something that we would write again: end it rather than cut it off. */
  readonly complete: boolean;
}

const NEWLINE = 10;
/** Longest last line that is looked for: far above any line that is written. */
const WINDOW = 8 << 20;

/** What a crash left at the end of a file of JSON lines, or undefined when it ends as it should. */
export async function tornTail(file: FileHandle): Promise<TornTail | undefined> {
  const { size } = await file.stat();
  if (size === 0) return undefined;
  const from = Math.max(0, size - WINDOW);
  const last = await readAt(file, size - 1, size);
  if (last[0] === NEWLINE) return undefined;
  const window = await readAt(file, from, size);
  const newline = window.lastIndexOf(NEWLINE);
  if (newline < 0 && from > 0) return { start: from, complete: true };
  return { start: from + newline + 1, complete: !isTorn(window.subarray(newline + 1)) };
}

/** The head of a JSON object, or the zeros that a power cut leaves. Anything else is not ours to delete. */
function isTorn(line: Buffer): boolean {
  if (line[0] === 0) return true;
  if (line[0] !== 0x7b) return false;
  try {
    JSON.parse(line.toString());
    return false;
  } catch {
    return true;
  }
}

async function readAt(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc(to - from);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
  return bytes.subarray(0, bytesRead);
}
