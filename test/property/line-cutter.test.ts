import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Cut, LineCutter } from "../../src/lib/line-cutter.ts";
import { LineSplitter } from "../../src/lib/lines.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 500);
const LIMIT = 20;

interface Seen {
  readonly start: number;
  readonly length: number;
  readonly text: string;
}

function split(bytes: Buffer, at: number): Seen[] {
  const splitter = new LineSplitter(at, LIMIT, LIMIT);
  const seen: Seen[] = [];
  const add = (line = splitter.next()) => {
    if (line !== undefined) seen.push({ start: line.start, length: line.length, text: line.bytes.toString("latin1") });
    return line;
  };
  splitter.feed(bytes);
  while (add() !== undefined);
  add(splitter.rest());
  return seen;
}

/** Fills in pieces of these sizes; every stretch of whole lines is split by itself. */
function cut(bytes: Buffer, at: number, sizes: readonly number[], capacity: number): Seen[] {
  const cutter = new LineCutter(at, Buffer.alloc(capacity), LIMIT);
  const seen: Seen[] = [];
  const add = (found: Cut | undefined) => {
    if (found?.kind === "lines") seen.push(...split(found.bytes, found.at));
    else if (found) seen.push({ start: found.at, length: found.length, text: found.head.toString("latin1") });
    return found;
  };
  for (let done = 0, turn = 0; done < bytes.length; turn++) {
    const room = cutter.room();
    assert.ok(room.length > 0);
    const taken = bytes.copy(room, 0, done, done + (sizes[turn % sizes.length] as number));
    cutter.filled(taken);
    done += taken;
    assert.equal(cutter.filledTo, at + done);
    while (add(cutter.next()) !== undefined);
    const last = seen.at(-1);
    if (last !== undefined) assert.ok(cutter.offset > last.start);
  }
  add(cutter.rest());
  return seen;
}

test("whole lines come out the same however the bytes are filled in, and lines that are too long as their heads", () => {
  const character = fc.constantFrom("a", "b", "\n", "\r", "x");
  const piece = fc.oneof(
    fc.string({ unit: character, maxLength: 12 }),
    fc.integer({ min: 15, max: 60 }).map((n) => "y".repeat(n)),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
      fc.nat(1000),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: LIMIT + 2, max: 90 }),
      (text, at, sizes, capacity) => {
        const bytes = Buffer.from(text, "latin1");
        assert.deepEqual(cut(bytes, at, sizes, capacity), split(bytes, at));
      },
    ),
    { numRuns },
  );
});
