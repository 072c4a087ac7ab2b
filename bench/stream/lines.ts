import { closeSync, openSync, readSync, statSync } from "node:fs";

/** Bytes of a file, whole lines. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Bytes of one read, for every way alike. */
export const READ_BYTES = 1024 * 1024;

/**
 * Reads a range into `buffer`, again and again, and hands over how many of its bytes are whole lines. The range ends with a line feed,
 * and no line is longer than the buffer.
 */
export function streamLines(fd: number, { from, to }: Range, buffer: Uint8Array, take: (end: number) => void): void {
  let held = 0;
  for (let at = from; at < to; ) {
    const read = readSync(fd, buffer, held, Math.min(buffer.length - held, to - at), at);
    at += read;
    const filled = held + read;
    const end = buffer.lastIndexOf(10, filled - 1) + 1;
    if (end > 0) take(end);
    buffer.copyWithin(0, end, filled);
    held = filled - end;
    if (read === 0 || held === buffer.length) throw new Error("a line is longer than the buffer, or the file was cut");
  }
}

/** Cuts a file into ranges of about the same size at line feeds. */
export function rangesOf(path: string, count: number): readonly Range[] {
  const size = statSync(path).size;
  const fd = openSync(path, "r");
  const buffer = Buffer.alloc(READ_BYTES);
  const ends = Array.from({ length: count }, (_, part) => {
    const near = Math.floor((size * (part + 1)) / count);
    if (part === count - 1) return size;
    return near + buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, near)).indexOf(10) + 1;
  });
  closeSync(fd);
  return ends.map((to, part) => ({ from: ends[part - 1] ?? 0, to }));
}
