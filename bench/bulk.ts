import { closeSync, fsyncSync, openSync, readFileSync, statfsSync, writeSync } from "node:fs";

/** Where the number of seconds in an alert's id begins: ten digits. */
const ID = Buffer.from('"id":"1795255872.');
const DIGITS_AT = '"id":"'.length;
const FIRST_SECOND = 1_795_255_872;

/** Left free on the disk, whatever is written. */
const SPARE_BYTES = 3e9;

/** Bytes that may be written to a folder, at most as many as wanted. */
export function affordable(dir: string, wanted: number): number {
  const { bavail, bsize } = statfsSync(dir);
  return Math.min(wanted, Math.max(0, bavail * bsize - SPARE_BYTES));
}

/**
 * Writes the lines of `block` again and again, each time with other ids, until there are at least so many bytes (whole blocks). On
 * the disk when it returns, so that writing back does not disturb who reads.
 */
export function writeBulk(block: string, path: string, bytes: number): number {
  const text = readFileSync(block);
  const places: number[] = [];
  for (let at = text.indexOf(ID); at >= 0; at = text.indexOf(ID, at + ID.length)) places.push(at + DIGITS_AT);
  const fd = openSync(path, "w");
  let written = 0;
  for (let time = 0; written === 0 || written < bytes; time++) {
    const second = String(FIRST_SECOND + time);
    for (const place of places) text.write(second, place, "latin1");
    for (let at = 0; at < text.length; ) at += writeSync(fd, text, at);
    written += text.length;
  }
  fsyncSync(fd);
  closeSync(fd);
  return written;
}
