import { existsSync, statSync } from "node:fs";
import { TiplineError } from "./errors.ts";
import { expandGlob, isGlob } from "./glob.ts";

/** Names standard input where a file is expected. */
export const STDIN = "-";

/**
 * Files that paths, patterns and `-` name, each once, in the order given. Throws TIP_INPUT_INVALID for a pattern that names none, for what
 * is not there and for a folder.
 */
export function expandInputs(paths: readonly string[]): string[] {
  const files = new Set<string>();
  for (const path of paths) {
    const found = path === STDIN || !isGlob(path) || existsSync(path) ? [path] : expandGlob(path);
    if (found.length === 0)
      throw new TiplineError("TIP_INPUT_INVALID", `expected files that match ${path}, found none`);
    for (const file of found) {
      assertFile(file);
      files.add(file);
    }
  }
  return [...files];
}

function assertFile(path: string): void {
  if (path === STDIN) return;
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    throw new TiplineError("TIP_INPUT_INVALID", `expected a file at ${path}, found nothing there`);
  if (!found.isDirectory()) return;
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    `expected a file at ${path}, found a folder (for all files in it: ${path}/**)`,
  );
}

/** Bytes on disk: of a packed file less than its content; 0 for standard input and what is gone. */
export function sizeOf(path: string): number {
  return path === STDIN ? 0 : (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
}
