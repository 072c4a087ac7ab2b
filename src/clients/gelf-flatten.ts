import { createHash } from "node:crypto";
import { get, isJsonObject, type JsonObject, type JsonValue } from "../model/json.ts";
import { ALERT_FIELDS, alertName } from "./gelf-fields.ts";

/** A member of the alert that becomes a field. */
export interface Leaf {
  readonly name: string;
  readonly path: readonly string[];
  readonly value: JsonValue;
}

/** Deeper objects become their JSON text. */
const MAX_DEPTH = 16;
/** More leaves than this are not even named. */
const MAX_LEAVES = 20_000;
/** Longer names are useless to people, and Lucene's limit is not far. */
const MAX_NAME = 256;

/** Names that belong to one path alone, because their type is not text or because rules and dashboards know them. */
const RESERVED: ReadonlyMap<string, string> = new Map(ALERT_FIELDS.map(({ name, path }) => [name, pathText(path)]));

/** Members of the alert at these paths, as far as they are there. */
export function pickLeaves(alert: JsonObject, paths: readonly (readonly string[])[]): readonly Leaf[] {
  const found = new Map<string, Unnamed>();
  for (const path of paths) {
    const value = get(alert, ...path);
    if (value !== undefined) found.set(pathText(path), { path, value });
  }
  return named([...found.values()]);
}

/** Every leaf of the alert, but for what stands at `data.misp`: searches for ours must not find what only looks like it. */
export function flattenAlert(alert: JsonObject): readonly Leaf[] {
  const found: Unnamed[] = [];
  const walk = (owner: JsonObject, path: readonly string[]): void => {
    for (const [key, value] of Object.entries(owner)) {
      if (found.length >= MAX_LEAVES) return;
      const at = [...path, key];
      if (at.length === 2 && at[0] === "data" && key === "misp") continue;
      if (isJsonObject(value) && at.length < MAX_DEPTH) walk(value, at);
      else found.push({ path: at, value });
    }
  };
  walk(alert, []);
  return named(found);
}

type Unnamed = Omit<Leaf, "name">;

/**
 * Two paths may come to one name (`a.b` nested, `a.b` and `a_b` as written): the path that sorts first keeps it, unless the name
 * belongs to another, and the others get a mark made of their path. So it does not depend on the order in the alert.
 */
function named(found: readonly Unnamed[]): readonly Leaf[] {
  const byName = new Map<string, Unnamed[]>();
  for (const leaf of found) {
    const name = alertName(leaf.path).slice(0, MAX_NAME);
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [leaf]);
    else same.push(leaf);
  }
  return [...byName].flatMap(([name, same]) => {
    const sorted = same.length === 1 ? same : same.toSorted((a, b) => compare(pathText(a.path), pathText(b.path)));
    const owner = RESERVED.get(name) ?? pathText(sorted[0]?.path ?? []);
    return sorted.map((leaf) => ({
      name: pathText(leaf.path) === owner ? name : `${name}_${mark(leaf.path)}`,
      ...leaf,
    }));
  });
}

function pathText(path: readonly string[]): string {
  return JSON.stringify(path);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** 64 bits: two paths of one alert do not come to the same one by chance. */
const mark = (path: readonly string[]): string =>
  createHash("sha256").update(pathText(path)).digest("hex").slice(0, 16);

/**
 * The alert with every number that would not come out as it is written (`1.0`, more than 15 digits) as a string, or undefined when
 * the text is no JSON object.
 */
export function readAlert(raw: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(quoteNumbers(raw));
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** One pass over the text; what is no JSON stays none. */
function quoteNumbers(raw: string): string {
  if (!/[:[,\s]-?\d+(?:[.eE]|\d{15})/.test(raw)) return raw;
  let out = "";
  let done = 0;
  for (let at = 0; at < raw.length; ) {
    const char = raw.charCodeAt(at);
    if (char === 0x22) {
      at = stringEnd(raw, at);
    } else if (char === 0x2d || (char >= 0x30 && char <= 0x39)) {
      let end = at + 1;
      while (end < raw.length && /[\d.eE+-]/.test(raw.charAt(end))) end += 1;
      const number = raw.slice(at, end);
      if (!/^-?\d{1,15}$/.test(number) && Number.isFinite(Number(number))) {
        out += `${raw.slice(done, at)}"${number}"`;
        done = end;
      }
      at = end;
    } else at += 1;
  }
  return out + raw.slice(done);
}

/** Position after the string that starts at `from`. */
function stringEnd(raw: string, from: number): number {
  let at = from + 1;
  while (at < raw.length && raw.charCodeAt(at) !== 0x22) at += raw.charCodeAt(at) === 0x5c ? 2 : 1;
  return at + 1;
}
