import { type Dirent, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { systemCode, TiplineError } from "./errors.ts";

/** A pattern that names more than this many files is a mistake. */
const MAX_FILES = 100_000;
const MAX_DEPTH = 64;

export function isGlob(path: string): boolean {
  return path.includes("*") || path.includes("?");
}

/**
 * Files that a pattern names, in the order of their paths. `*` and `?` stand for characters within one name (a leading dot
 * must be written out), `**` as a whole segment for any number of folders; nothing else is special. Links to folders are
 * not followed by `**`, so there is no way round in a circle.
 */
export function expandGlob(pattern: string): string[] {
  const segments = pattern.split("/");
  const found = new Set<string>();
  const base = segments[0] === "" ? "/" : ".";
  const wanted = segments.filter((segment) => segment !== "" && segment !== ".");
  walk(base, wanted, { pattern, found }, 0);
  return [...found].sort();
}

interface Search {
  readonly pattern: string;
  readonly found: Set<string>;
}

function walk(folder: string, segments: readonly string[], search: Search, depth: number): void {
  const [segment, ...rest] = segments;
  if (segment === undefined || depth > MAX_DEPTH) return;
  if (segment === "**") {
    walk(folder, rest.length === 0 ? ["*"] : rest, search, depth);
    for (const entry of entriesOf(folder)) {
      if (entry.isDirectory() && !entry.name.startsWith("."))
        walk(join(folder, entry.name), segments, search, depth + 1);
    }
    return;
  }
  const names = isGlob(segment)
    ? entriesOf(folder)
        .map((entry) => entry.name)
        .filter((name) => matchesName(name, segment))
    : [segment];
  for (const name of names) {
    const path = join(folder, name);
    if (rest.length > 0) walk(path, rest, search, depth + 1);
    else if (isFile(path)) add(path, search);
  }
}

function add(path: string, { found, pattern }: Search): void {
  found.add(path);
  if (found.size > MAX_FILES) {
    throw new TiplineError("TIP_INPUT_INVALID", `expected at most ${MAX_FILES} files, found more for ${pattern}`);
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

/** Anything that can be read as a file: a link to one, a named pipe. */
function isFile(path: string): boolean {
  try {
    return !statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Greedy match with one way back: linear in the name for each `*`, never exponential. */
export function matchesName(name: string, pattern: string): boolean {
  if (name.startsWith(".") && !pattern.startsWith(".")) return false;
  let at = 0;
  let star = -1;
  let retry = 0;
  let turn = 0;
  while (turn < name.length) {
    const wanted = pattern[at];
    if (wanted === "*") {
      star = at;
      retry = turn;
      at += 1;
    } else if (wanted === "?" || wanted === name[turn]) {
      at += 1;
      turn += 1;
    } else if (star >= 0) {
      at = star + 1;
      retry += 1;
      turn = retry;
    } else return false;
  }
  while (pattern[at] === "*") at += 1;
  return at === pattern.length;
}
