import { setImmediate as nextTurn } from "node:timers/promises";
import type { DigestSummary, Entry } from "./outbox-tables.ts";

const TOP = 10;
const SLICE = 5000;

/** What a digest says of its findings, by what people call their groups. Gives way to others now and then: there may be very many. */
export async function summarise(entries: readonly Entry[]): Promise<DigestSummary> {
  const groups = new Map<string, { label: string; count: number; score: number }>();
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const [n, { label, score, time }] of entries.entries()) {
    const group = groups.get(label);
    if (group === undefined) groups.set(label, { label, count: 1, score });
    else {
      group.count += 1;
      group.score = Math.max(group.score, score);
    }
    from = Math.min(from, time);
    to = Math.max(to, time);
    if (n % SLICE === SLICE - 1) await nextTurn();
  }
  const top = [...groups.values()].sort((a, b) => b.score - a.score || b.count - a.count).slice(0, TOP);
  return { groups: groups.size, top, from, to };
}
