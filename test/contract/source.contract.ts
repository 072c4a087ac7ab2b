import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Delivery, Source } from "../../src/contract/source.ts";
import type { JsonValue } from "../../src/model/json.ts";
import { SourceRun } from "../support/source-run.ts";

/** A place that alerts are written to, and sources that read it. */
export interface SourceHarness {
  /** A new source, as after a restart; it begins with the oldest line. */
  source(): Source | Promise<Source>;
  /** Writes bytes as they are. */
  write(bytes: string): void;
  /** What may happen to the place between two writes (a rotation, the next file). */
  turn(): void;
}

export type OpenSource = (t: TestContext) => SourceHarness | Promise<SourceHarness>;

export interface SourceTraits {
  /** It waits for more at the end, instead of ending. */
  readonly follows: boolean;
  /** False: its peer keeps nothing to read again, so that what was read is handed on even after a stop. */
  readonly replays?: boolean;
  /** False: what it reads is no stream of lines. */
  readonly lines?: boolean;
}

/** What every source must do. */
export function testSource(name: string, open: OpenSource, traits: SourceTraits): void {
  const { follows, replays = true, lines = true } = traits;
  const run = (title: string, body: (harness: SourceHarness) => Promise<void>) =>
    test(`${name}: ${title}`, async (t) => body(await open(t)));

  run("delivers every line once, in order, in bounded batches", async (harness) => {
    const lines = fill(harness, 2_500);
    const deliveries = await readAll(harness, follows, lines.length);
    assert.deepEqual(linesOf(deliveries), lines);
    for (const { records } of deliveries) {
      assert.ok(records.length <= 1_000, `${records.length} records in one delivery`);
      assert.ok(records.reduce((sum, { bytes }) => sum + bytes.length, 0) <= 4 * 1024 * 1024);
    }
  });

  const runReplay = (...test: Parameters<typeof run>) => (replays ? run(...test) : undefined);
  const runLines = (...test: Parameters<typeof run>) => (lines ? run(...test) : undefined);

  runReplay("goes on from any checkpoint with exactly the rest", async (harness) => {
    const lines = fill(harness, 3_200);
    const deliveries = await readAll(harness, follows, lines.length);
    let before = 0;
    for (const { records, checkpoint } of deliveries) {
      before += records.length;
      const stored = JSON.stringify(checkpoint);
      assert.ok(stored.length <= 65_536, `a checkpoint of ${stored.length} bytes`);
      const rest = await readAll(harness, follows, lines.length - before, JSON.parse(stored));
      assert.deepEqual(linesOf(rest), lines.slice(before));
    }
  });

  runReplay("names the same bytes the same in every run, and no two deliveries alike", async (harness) => {
    const count = fill(harness, 2_500).length;
    const ranges = async () => (await readAll(harness, follows, count)).map(({ range }) => range);
    const first = await ranges();
    assert.deepEqual(await ranges(), first);
    assert.equal(new Set(first).size, first.length);
  });

  runLines("rejects a line over 1 MiB with its head and goes on", async (harness) => {
    harness.write(`{"n":1}\n${"x".repeat(1024 * 1024 + 1)}\n{"n":2}\n`);
    const deliveries = await readAll(harness, follows, 2);
    assert.deepEqual(linesOf(deliveries), ['{"n":1}', '{"n":2}']);
    const rejected = deliveries.flatMap((delivery) => delivery.rejected);
    assert.deepEqual(
      rejected.map(({ length, head }) => [length, head.length]),
      [[1024 * 1024 + 1, 65_536]],
    );
    assert.match(rejected[0]!.reason, /expected .* found 1048577/);
  });

  runLines("takes lines of exactly 1 MiB, blank lines and CRLF", async (harness) => {
    const long = "y".repeat(1024 * 1024);
    harness.write(`{"n":1}\r\n\n\r\n${long}\n${long}\n${long}\n${long}\n{"n":2}\n`);
    assert.deepEqual(linesOf(await readAll(harness, follows, 6)), ['{"n":1}', long, long, long, long, '{"n":2}']);
  });

  run("ends without a throw when it is aborted, before, while and between reading", async (harness) => {
    fill(harness, 2_500);
    const none = harness.source();
    for await (const _ of (await none).read(undefined, AbortSignal.abort())) assert.fail("a delivery after the abort");
    const abort = new AbortController();
    let deliveries = 0;
    for await (const _ of (await harness.source()).read(undefined, abort.signal)) {
      deliveries += 1;
      abort.abort();
    }
    if (replays) assert.equal(deliveries, 1);
  });

  if (!follows) return;

  runLines("waits for the end of a torn line", async (harness) => {
    harness.write('{"n":1}\n{"n":');
    const reading = new SourceRun(await harness.source());
    await reading.until("the first line", () => reading.lines.length === 1);
    harness.write("2}");
    harness.write("\n");
    await reading.until("the second line", () => reading.lines.length === 2);
    await reading.stop();
    assert.deepEqual(reading.lines, ['{"n":1}', '{"n":2}']);
  });

  run("holds nothing back while it waits, and says how far behind it is", async (harness) => {
    const source = await harness.source();
    const reading = new SourceRun(source);
    for (let n = 0; n < 5; n += 1) {
      harness.write(`{"n":${n}}\n`);
      await reading.until(`line ${n}`, () => reading.lines.length === n + 1);
    }
    await reading.until("no lag", () => source.lag?.().bytes === 0);
    assert.equal(source.lag?.().trouble, undefined);
    await reading.stop();
  });
}

/** Numbered lines of different lengths, with a few turns between them. */
function fill(harness: SourceHarness, count: number): string[] {
  const lines = Array.from({ length: count }, (_, n) => JSON.stringify({ n, pad: "p".repeat((n * 7919) % 400) }));
  const part = Math.ceil(count / 4);
  for (let at = 0; at < count; at += part) {
    if (at > 0) harness.turn();
    harness.write(`${lines.slice(at, at + part).join("\n")}\n`);
  }
  return lines;
}

async function readAll(harness: SourceHarness, follows: boolean, expected: number, checkpoint?: JsonValue) {
  const reading = new SourceRun(await harness.source(), checkpoint);
  if (follows) {
    await reading.until(`${expected} lines`, () => reading.lines.length >= expected);
    await reading.stop();
  } else await reading.end();
  return reading.deliveries;
}

const linesOf = (deliveries: readonly Delivery[]) =>
  deliveries.flatMap(({ records }) => records.map(({ bytes }) => bytes.toString()));
