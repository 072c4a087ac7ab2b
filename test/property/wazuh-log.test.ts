import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { LogFollower } from "../../src/clients/wazuh-log-follower.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { JsonValue } from "../../src/model/json.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { SourceRun } from "../support/source-run.ts";
import { tempDir } from "../support/temp.ts";
import { WazuhFiles } from "../support/wazuh-files.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 60);

type Action =
  | { readonly do: "append"; readonly lines: number; readonly pad: number }
  | { readonly do: "torn" | "late" | "midnight" | "size" | "compress" | "half-compress" | "truncate" }
  | { readonly do: "settle" | "stop" | "start" | "minute" }
  | { readonly do: "crash"; readonly uncommitted: number };

const plainAction = (...names: readonly string[]) => fc.constantFrom(...names.map((name) => ({ do: name }) as Action));

const actions = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("append" as const),
        lines: fc.integer({ min: 1, max: 30 }),
        pad: fc.constantFrom(0, 5_000),
      }),
    },
    { weight: 8, arbitrary: plainAction("torn", "late", "midnight", "size", "compress", "half-compress") },
    { weight: 5, arbitrary: plainAction("settle", "stop", "start", "minute", "truncate") },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("crash" as const), uncommitted: fc.integer({ min: 1, max: 3 }) }),
    },
  ),
  { minLength: 3, maxLength: 40 },
);

/** A manager and a follower in step; knows which lines must have come. */
class World {
  readonly files: WazuhFiles;
  readonly clock = new ManualClock();
  readonly expected: string[] = [];
  readonly got: string[] = [];
  readonly ranges = new Set<string>();
  crashed = false;
  #run: SourceRun | undefined;
  #checkpoint: JsonValue | undefined;
  #half: { readonly rest: string; readonly line: string } | undefined;
  #lateOpen = false;
  /** Deliveries of this run that a crash cannot undo: their lines are nowhere else any more. */
  #certain = 0;
  #endedDays: string[] = [];

  constructor(root: string) {
    this.files = new WazuhFiles(root);
  }

  #line(pad: number): string {
    const line = JSON.stringify({
      timestamp: "2026-11-20T12:00:00.000+0000",
      n: this.expected.length,
      pad: "x".repeat(pad),
    });
    this.expected.push(line);
    return line;
  }

  start(): void {
    const follower = new LogFollower({
      path: this.files.path,
      tag: "alerts",
      start: "beginning",
      clock: this.clock,
      log: silentLog,
      pollMs: 10,
    });
    this.#run ??= new SourceRun(follower, this.#checkpoint);
  }

  async stop(uncommitted = 0): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    await run.stop();
    this.#run = undefined;
    const kept = Math.max(this.#certain, run.deliveries.length - uncommitted);
    this.#certain = 0;
    for (const delivery of run.deliveries.slice(0, kept)) {
      assert.ok(!this.ranges.has(delivery.range), `range ${delivery.range} came twice`);
      this.ranges.add(delivery.range);
      assert.deepEqual(delivery.rejected, []);
      for (const record of delivery.records) this.got.push(record.bytes.toString());
    }
    if (kept > 0) this.#checkpoint = run.checkpoint(run.deliveries.length - kept);
  }

  async settle(): Promise<void> {
    this.#finishHalf();
    this.start();
    const run = this.#run!;
    const missing = this.expected.length - this.got.length;
    await run.until(`${missing} lines`, () => run.lines.length >= missing);
  }

  #finishHalf(): void {
    if (this.#half !== undefined) this.files.appendTorn(`${this.#half.rest}\n`);
    this.#half = undefined;
  }

  async act(action: Action): Promise<void> {
    if (action.do !== "torn" && action.do !== "stop" && action.do !== "start" && action.do !== "minute")
      this.#finishHalf();
    if (action.do === "append") for (let n = 0; n < action.lines; n += 1) this.files.appendLine(this.#line(action.pad));
    else if (action.do === "torn") this.#torn();
    else if (action.do === "late" && this.#lateOpen) this.files.appendLate(this.#line(0));
    else if (action.do === "midnight") this.#midnight();
    else if (action.do === "size") {
      this.files.rotateSize();
      this.#lateOpen = true;
    } else if (action.do === "compress" || action.do === "half-compress")
      await this.#compress(action.do === "compress");
    else if (action.do === "truncate") {
      await this.settle();
      this.files.truncate();
      this.#certain = this.#run?.deliveries.length ?? 0;
    } else if (action.do === "settle") await this.settle();
    else if (action.do === "start") this.start();
    else if (action.do === "stop") await this.stop();
    else if (action.do === "minute") this.clock.advance(61_000);
    else if (action.do === "crash") {
      await this.stop(action.uncommitted);
      this.crashed = true;
    }
  }

  #torn(): void {
    if (this.#half !== undefined) return;
    const line = this.#line(10);
    const cut = 1 + (line.length >> 1);
    this.files.appendTorn(line.slice(0, cut));
    this.#half = { rest: line.slice(cut), line };
  }

  #midnight(): void {
    this.#endedDays.push(this.files.day);
    this.files.rotateMidnight(1 + (this.expected.length % 3));
    this.#lateOpen = true;
  }

  async #compress(whole: boolean): Promise<void> {
    const day = whole ? this.#endedDays.shift() : this.#endedDays[0];
    if (day === undefined) return;
    this.files.compressDay(day, { stopBeforeUnlink: !whole });
    if (this.#endedDays.length === 0) this.#lateOpen = false;
  }
}

test("every line is delivered exactly once through rotation, compression, emptying and restarts", async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (schedule) => {
      const root = mkdtempSync(join(tmpdir(), "tip-"));
      const world = new World(join(root, "logs"));
      try {
        for (const action of schedule) await world.act(action);
        await world.settle();
        await world.stop();
        if (world.crashed) assert.deepEqual(new Set(world.got), new Set(world.expected));
        else assert.deepEqual([...world.got].sort(), [...world.expected].sort());
      } finally {
        await world.stop().catch(() => undefined);
        world.files.close();
        rmSync(root, { recursive: true, force: true });
      }
    }),
    { numRuns },
  );
});

test("no descriptor stays open over many days", async (t) => {
  if (!existsSync("/proc/self/fd")) return t.skip("no /proc here");
  const world = new World(join(tempDir(t), "logs"));
  const openFiles = () => readdirSync("/proc/self/fd").length;
  world.start();
  await world.act({ do: "append", lines: 1, pad: 0 });
  await world.settle();
  const before = openFiles();
  for (let day = 0; day < 40; day += 1) {
    await world.act({ do: "midnight" });
    await world.act({ do: "append", lines: 2, pad: 0 });
    await world.settle();
    await world.act({ do: "compress" });
    await world.act({ do: "minute" });
    await world.settle();
  }
  await world.act({ do: "minute" });
  assert.ok(openFiles() <= before + 6, `${openFiles()} descriptors, ${before} before`);
  await world.stop();
  assert.equal(new Set(world.got).size, world.expected.length);
});
