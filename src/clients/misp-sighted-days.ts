/** Sets of days that are kept at most, and attributes in all of them; a busy day has a few thousand. */
const MOST_DAYS = 128;
const MOST_ATTRIBUTES = 200_000;

/** Which attributes were sighted already, by UTC day: what MISP said once, and what was told it since. */
export interface SightedDays {
  /** Asks for the days that are not known yet. They stay known until the next call. Throws what `list` throws. */
  ensure(days: ReadonlySet<number>, signal: AbortSignal): Promise<void>;
  has(day: number, attributeUuid: string): boolean;
  note(day: number, attributeUuid: string): void;
  /** Nothing is certain any more: ask again. */
  forget(): void;
}

export function createSightedDays(
  list: (day: number, limit: number, signal: AbortSignal) => Promise<Set<string>>,
): SightedDays {
  /** Least lately used first. */
  const days = new Map<number, Set<string>>();

  function makeRoom(wanted: ReadonlySet<number>): void {
    let attributes = 0;
    for (const known of days.values()) attributes += known.size;
    for (const [day, known] of days) {
      if (days.size <= MOST_DAYS && attributes <= MOST_ATTRIBUTES) return;
      if (wanted.has(day)) continue;
      days.delete(day);
      attributes -= known.size;
    }
  }

  return {
    async ensure(wanted, signal) {
      for (const day of wanted) {
        const known = days.get(day) ?? (await list(day, MOST_ATTRIBUTES, signal));
        days.delete(day);
        days.set(day, known);
      }
      makeRoom(wanted);
    },
    has: (day, attributeUuid) => days.get(day)?.has(attributeUuid) ?? false,
    note: (day, attributeUuid) => void days.get(day)?.add(attributeUuid),
    forget: () => days.clear(),
  };
}
