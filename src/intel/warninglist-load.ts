import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { createWarninglists, type SkippedEntries } from "./warninglist-set.ts";
import { WARNINGLIST_TYPES, type Warninglist, type WarninglistSet, type WarninglistType } from "./warninglists.ts";

const MOST_BYTES = 256 * 1024 * 1024;
const MOST_LISTS = 5_000;
const MOST_ATTRIBUTES = 1_000;

/**
 * Loads a folder in the layout of MISP's warninglists: `<dir>/<name>/list.json`, or the same below `<dir>/lists`. A list that
 * cannot be used is skipped with a warning that says why; a folder that cannot be read or holds no list is an error.
 */
export function loadWarninglists(dir: string, log: Log): WarninglistSet {
  return createWarninglists(readWarninglists(dir, log), tellSkipped(log));
}

/** For `createWarninglists`: one warning for each reason and list. */
export function tellSkipped(log: Log): (entries: SkippedEntries) => void {
  return ({ list, reason, count }) => log.warn("entries of a warninglist skipped", { list, reason, count });
}

/** The lists of such a folder, read one at a time. */
export function* readWarninglists(dir: string, log: Log): Generator<Warninglist> {
  const root = existsSync(join(dir, "lists")) ? join(dir, "lists") : dir;
  let read = 0;
  for (const slug of folders(root)) {
    const path = join(root, slug, "list.json");
    if (!existsSync(path)) continue;
    let list: Warninglist;
    try {
      list = readList(path, slug);
    } catch (thrown) {
      log.warn("warninglist skipped", { list: path, reason: asError(thrown).message });
      continue;
    }
    read++;
    yield list;
  }
  if (read === 0) {
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `${dir}: expected warninglists as <name>/list.json (the layout of github.com/MISP/misp-warninglists), found none`,
    );
  }
}

function folders(root: string): readonly string[] {
  try {
    return readdirSync(root).sort().slice(0, MOST_LISTS);
  } catch (thrown) {
    throw new TiplineError("TIP_CONFIG_INVALID", `${root}: cannot read the warninglists: ${asError(thrown).message}`, {
      cause: thrown,
    });
  }
}

function readList(path: string, slug: string): Warninglist {
  const { size } = statSync(path);
  if (size > MOST_BYTES) throw new Error(`expected at most ${MOST_BYTES} bytes, found ${size}`);
  return parseWarninglist(JSON.parse(readFileSync(path, "utf8")), slug);
}

/** Checks a list as MISP publishes it (file) or serves it (`WarninglistEntry` and `WarninglistType` instead). */
export function parseWarninglist(value: unknown, slug: string): Warninglist {
  const list = asRecord(value, "a JSON object");
  const name = list["name"];
  const type = list["type"];
  if (typeof name !== "string" || name === "" || name.length > 500)
    throw new Error("expected a name of 1 to 500 characters");
  if (!WARNINGLIST_TYPES.includes(type as WarninglistType)) {
    throw new Error(`expected type ${WARNINGLIST_TYPES.join(", ")}, found ${JSON.stringify(type)}`);
  }
  return {
    slug,
    name,
    type: type as WarninglistType,
    matchingAttributes: strings(list["matching_attributes"] ?? list["WarninglistType"] ?? [], "type").slice(
      0,
      MOST_ATTRIBUTES,
    ),
    entries: strings(list["list"] ?? list["WarninglistEntry"], "value"),
  };
}

function asRecord(value: unknown, expected: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`expected ${expected}`);
  return value as Record<string, unknown>;
}

/** An array of strings, or of objects that hold them; a map of strings (PHP writes sparse arrays so) counts, too. */
function strings(value: unknown, member: string): readonly string[] {
  if (typeof value !== "object" || value === null) throw new Error("expected a list of entries");
  const found: string[] = [];
  for (const item of Object.values(value) as unknown[]) {
    const word: unknown = typeof item === "object" && item !== null ? (item as Record<string, unknown>)[member] : item;
    if (typeof word === "string") found.push(word);
  }
  return found;
}
