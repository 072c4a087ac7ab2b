import { createHash } from "node:crypto";

/** How many bytes of the file's start, and of the last line read, are remembered. */
export const MARK_BYTES = 4_096;

/** What stood at a stretch of the file: `[at, length, hash]`. */
export type Mark = readonly [at: number, length: number, hash: string];

/**
 * A place in a file by what is around it, so that it is found again in a renamed or a packed copy: the offset in the
 * content, the file's first bytes and the last line before the offset. An offset of 0 has no marks and fits every file.
 */
export interface Place {
  readonly offset: number;
  readonly marks: readonly Mark[];
}

export const FILE_START: Place = { offset: 0, marks: [] };

/** 128 bits of SHA-256, in base64url. */
export function contentHash(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
}

/** A place as it comes back from a checkpoint; undefined when it is none. */
export function parsePlace(offset: unknown, marks: unknown): Place | undefined {
  if (!isCount(offset) || !Array.isArray(marks) || marks.length > 2) return undefined;
  const isMark = (mark: unknown): mark is Mark =>
    Array.isArray(mark) &&
    isCount(mark[0]) &&
    isCount(mark[1]) &&
    typeof mark[2] === "string" &&
    mark[1] <= MARK_BYTES &&
    mark[0] + mark[1] <= offset;
  return marks.every(isMark) ? { offset, marks } : undefined;
}

export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
