import type { CatalogRule } from "./rule-catalog.ts";

/** A name of a `<group>` filter that no alert can carry, and why. */
export interface DeadGroup {
  readonly group: string;
  /** `unknown`: no loaded rule has it; `silent`: only rules of level 0, which raise no alert; `spaced`: a blank belongs to it. */
  readonly kind: "unknown" | "silent" | "spaced";
  /** Ids of the silent rules, at most three. */
  readonly rules: readonly number[];
  /** Names of groups that alerts do carry, nearest first, at most three. */
  readonly nearest: readonly string[];
}

const MOST_NEAREST = 3;

/** Looks at each name of a `<group>` filter as integratord does: cut at commas, compared exactly with the groups of the alert's rule. */
export function deadGroups(filter: string, rules: readonly CatalogRule[]): readonly DeadGroup[] {
  const loud = new Set<string>();
  const silent = new Map<string, number[]>();
  for (const { id, level, noAlert, groups } of rules) {
    for (const group of groups) {
      if (level > 0 && !noAlert) loud.add(group);
      else silent.set(group, [...(silent.get(group) ?? []), id]);
    }
  }
  return filter
    .split(",")
    .filter((group) => group !== "" && !loud.has(group))
    .map((group): DeadGroup => {
      const name = group.trim();
      if (name !== group && loud.has(name)) return { group, kind: "spaced", rules: [], nearest: [name] };
      const ids = silent.get(name) ?? [];
      return {
        group,
        kind: ids.length > 0 ? "silent" : "unknown",
        rules: ids.slice(0, MOST_NEAREST),
        nearest: nearestTo(name, loud),
      };
    });
}

/** Names with the same numbers and the same beginning first (`sysmon_event_22`: `sysmon_eid22_detections`), else near misses. */
function nearestTo(name: string, groups: ReadonlySet<string>): readonly string[] {
  const own = numbersOf(name);
  const scored: { readonly group: string; readonly score: number }[] = [];
  for (const group of groups) {
    if (group.length > 100) continue;
    const common = commonStart(plain(name), plain(group));
    const distance = editDistance(plain(name), plain(group));
    const related = own !== "" && own === numbersOf(group) && common >= 5;
    if (related) scored.push({ group, score: distance - 100 });
    else if (distance <= Math.max(1, Math.floor(name.length / 5))) scored.push({ group, score: distance });
  }
  scored.sort((a, b) => a.score - b.score || (a.group < b.group ? -1 : 1));
  return scored.slice(0, MOST_NEAREST).map(({ group }) => group);
}

const plain = (name: string): string =>
  name
    .slice(0, 100)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");

const numbersOf = (name: string): string => (name.slice(0, 100).match(/\d+/g) ?? []).map(Number).join(",");

function commonStart(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}

/** Single-character insertions, deletions and replacements. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
