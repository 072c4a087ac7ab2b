import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Line, LineSplitter } from "../../src/lib/lines.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 500);

function split(pieces: readonly Buffer[], limit: number, head: number): { lines: Line[]; rest: Line | undefined } {
  const splitter = new LineSplitter(0, limit, head);
  const lines: Line[] = [];
  for (const piece of pieces) {
    splitter.feed(piece);
    for (let line = splitter.next(); line !== undefined; line = splitter.next()) lines.push(line);
  }
  return { lines, rest: splitter.rest() };
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length]!;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** Independent of the splitter: cut at LF, drop one CR, keep the head of what is too long. */
function oracle(bytes: Buffer, limit: number, head: number) {
  const parts = bytes.toString("latin1").split("\n");
  const rest = parts.pop()!;
  let start = 0;
  const lines = parts.map((part) => {
    const text = part.endsWith("\r") ? part.slice(0, -1) : part;
    const line = {
      start,
      end: start + part.length + 1,
      length: text.length,
      text: text.length > limit ? text.slice(0, head) : text,
    };
    start = line.end;
    return line;
  });
  return { lines, rest };
}

const content = fc
  .array(
    fc.oneof(
      fc.constantFrom("\n", "\r\n", "\r", "\n\n", '{"a":1}', "\u00e9", "\r\r\n"),
      fc.string({ maxLength: 20 }),
      fc.integer({ min: 6, max: 12 }).map((n) => "x".repeat(n)),
    ),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.from(parts.join("")));

test("lines are the same however the bytes are cut, and equal the oracle's", () => {
  fc.assert(
    fc.property(
      content,
      fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 12 }),
      (bytes, sizes, limit) => {
        const head = Math.min(4, limit);
        const expected = oracle(bytes, limit, head);
        const found = split(cut(bytes, sizes), limit, head);
        assert.deepEqual(
          found.lines.map((line) => ({
            start: line.start,
            end: line.end,
            length: line.length,
            text: line.bytes.toString("latin1"),
          })),
          expected.lines,
        );
        assert.equal(found.rest?.length ?? 0, expected.rest.length);
        if (expected.rest.length <= limit) assert.equal(found.rest?.bytes.toString("latin1") ?? "", expected.rest);
      },
    ),
    { numRuns },
  );
});

test("what is held of an endless line is bounded", () => {
  const splitter = new LineSplitter(0, 100, 10);
  for (let turn = 0; turn < 1000; turn += 1) {
    splitter.feed(Buffer.alloc(64, 97));
    assert.equal(splitter.next(), undefined);
  }
  assert.equal(splitter.fed, 64_000);
  splitter.feed(Buffer.from("\nok\n"));
  assert.deepEqual(
    [splitter.next(), splitter.next()].map((line) => [line?.bytes.length, line?.length, line?.start, line?.end]),
    [
      [10, 64_000, 0, 64_001],
      [2, 2, 64_001, 64_004],
    ],
  );
});
