import type { Commit, DeadLetter } from "../contract/journal.ts";
import type { Finding } from "../model/finding.ts";
import { addDeadLetters, type DeadLetterBounds, roomForLetters } from "./dead-letter.ts";
import { ROOM_OF_REMOVAL, ROOM_OF_STATE } from "./file-room.ts";
import { roomForFindings } from "./finding-cache.ts";
import { advance, cursorOf, liveBytes, readAfter, streamMeta, trim } from "./journal-streams.ts";
import type { JournalTables } from "./journal-tables.ts";

/** A reader of the journal. `required`: a full journal waits for it rather than spill its entries. Stages always are. */
export interface JournalReader {
  readonly name: string;
  readonly stream: "raw" | "out";
  readonly required: boolean;
}

/** What a sink lost to its dead letter because the journal was full. */
export interface Spill {
  readonly sink: string;
  readonly count: number;
}

/** Bytes of the file that a commit may take. */
export function roomForCommit({
  findings,
  deadLetters,
  confirmed,
}: Pick<Commit, "findings" | "deadLetters" | "confirmed">): number {
  return roomForFindings(findings) + roomForLetters(deadLetters) + confirmed.length * ROOM_OF_REMOVAL;
}

/** Bytes of the file that a stage's output and so many rows of its state may take. */
export function roomForStaged(out: readonly Finding[], rows: number): number {
  return roomForFindings(out) + rows * ROOM_OF_STATE;
}

/** Whether `makeRoom` could free anything or need not: looked at without writing, so that waiting costs nothing. */
export function mayHaveRoom(
  tables: JournalTables,
  readers: readonly JournalReader[],
  wanted: number,
  maxBytes: number,
): boolean {
  return fits(tables, wanted, maxBytes) || spillable(tables, readers) !== undefined;
}

/** A batch larger than the whole journal goes in when the journal is empty: it could never go in otherwise. */
function fits(tables: JournalTables, wanted: number, maxBytes: number): boolean {
  const live = liveBytes(tables, "raw") + liveBytes(tables, "out");
  return live === 0 || live + wanted <= maxBytes;
}

const SPILL = { limit: 256, maxBytes: 4 * 2 ** 20 };

/**
 * Within a transaction: makes room for `wanted` bytes under `maxBytes`. While the slowest reader is not required, its oldest
 * entries go to its dead letter; when a required one is the slowest, nothing can be freed and `room` is false.
 */
export function makeRoom(
  tables: JournalTables,
  readers: readonly JournalReader[],
  wanted: number,
  limits: { readonly maxBytes: number; readonly deadLetters: DeadLetterBounds },
  time: number,
): { readonly room: boolean; readonly spills: readonly Spill[]; readonly dropped: number } {
  const spilled = new Map<string, number>();
  let dropped = 0;
  const done = (room: boolean) => ({ room, spills: [...spilled].map(([sink, count]) => ({ sink, count })), dropped });
  while (!fits(tables, wanted, limits.maxBytes)) {
    const victim = spillable(tables, readers);
    if (victim === undefined) return done(false);
    const entries = readAfter(tables, "out", victim.name, victim.cursor, SPILL).filter(({ seq }) => seq <= victim.upTo);
    const letters = entries.map(
      ({ finding }): DeadLetter => ({
        kind: "finding",
        component: victim.name,
        time,
        reason: "the journal was full and this sink is not required",
        finding,
      }),
    );
    dropped += addDeadLetters(tables, letters, limits.deadLetters);
    advance(tables, "out", victim.name, entries.at(-1)?.seq ?? victim.upTo);
    const names = readers.filter(({ stream }) => stream === "out").map(({ name }) => name);
    trim(tables, "out", names);
    if (letters.length > 0) spilled.set(victim.name, (spilled.get(victim.name) ?? 0) + letters.length);
  }
  return done(true);
}

/** The slowest sink, when it is not required and stands behind every required one; `upTo`: where a required one stands. */
function spillable(tables: JournalTables, readers: readonly JournalReader[]) {
  const sinks = readers
    .filter(({ stream }) => stream === "out")
    .map(({ name, required }) => ({ name, required, cursor: cursorOf(tables, "out", name) }));
  const [slowest] = sinks.filter(({ required }) => !required).sort((a, b) => a.cursor - b.cursor);
  if (slowest === undefined) return undefined;
  const held = sinks.filter(({ required }) => required).map(({ cursor }) => cursor);
  const upTo = Math.min(streamMeta(tables, "out").next - 1, ...held);
  return slowest.cursor < upTo ? { ...slowest, upTo } : undefined;
}
