import { HEAD_LIMIT, LINE_LIMIT, type Line } from "./lines.ts";

/** A line on its way to the pipeline. */
export interface LineRecord {
  readonly bytes: Buffer;
  /** `path:offset` */
  readonly origin: string;
}

/** A line, or what is left of one, that is not handed on whole. */
export interface RejectedLine {
  readonly head: Buffer;
  readonly length: number;
  readonly origin: string;
  readonly reason: string;
}

class FileLine implements LineRecord {
  readonly bytes: Buffer;
  readonly #path: string;
  readonly #offset: number;
  constructor(path: string, line: Line) {
    this.bytes = line.bytes;
    this.#path = path;
    this.#offset = line.start;
  }
  /** Made when asked for: almost no record's origin ever is. */
  get origin(): string {
    return `${this.#path}:${this.#offset}`;
  }
}

export interface SortedLines {
  readonly records: LineRecord[];
  readonly rejected: RejectedLine[];
}

/** Lines as records; a line over the limit is a reject with its head. */
export function sortLines(path: string, lines: readonly Line[]): SortedLines {
  const records: LineRecord[] = [];
  const rejected: RejectedLine[] = [];
  for (const line of lines) {
    if (line.length <= LINE_LIMIT) records.push(new FileLine(path, line));
    else rejected.push(reject(path, line, `expected a line of at most ${LINE_LIMIT} bytes, found ${line.length}`));
  }
  return { records, rejected };
}

/**
 * The bytes after the last line end of a file that is over. They count as a line when they are whole JSON: some writers
 * leave the last line end out. Otherwise the writer died within the line.
 */
export function sortRest(path: string, line: Line): SortedLines {
  if (line.length > LINE_LIMIT || isJson(line.bytes)) return sortLines(path, [line]);
  const reason = `expected a line end, found the end of the file after ${line.length} bytes of a line that is no whole JSON`;
  return { records: [], rejected: [reject(path, line, reason)] };
}

function reject(path: string, line: Line, reason: string): RejectedLine {
  const head = Buffer.from(line.bytes.subarray(0, HEAD_LIMIT));
  return { head, length: line.length, origin: `${path}:${line.start}`, reason };
}

/** A note for a file that could not be read on: the line it broke off in, if any, and why. */
export function brokenOff(path: string, offset: number, rest: Line | undefined, reason: string): SortedLines {
  const head = Buffer.from(rest?.bytes.subarray(0, HEAD_LIMIT) ?? "");
  return { records: [], rejected: [{ head, length: rest?.length ?? 0, origin: `${path}:${offset}`, reason }] };
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
