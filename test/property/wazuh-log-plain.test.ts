import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { LogFollower } from "../../src/clients/wazuh-log-follower.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { JsonValue } from "../../src/model/json.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { SourceRun } from "../support/source-run.ts";
import { WazuhFiles } from "../support/wazuh-files.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 60);
const NAMES = [
  "append",
  "append",
  "torn",
  "rename",
  "pack",
  "copytruncate",
  "truncate",
  "settle",
  "stop",
  "start",
] as const;

/** One file without daily files: rotated by renaming (running or not), compressed later, or copied and emptied. */
class PlainWorld {
  readonly files: WazuhFiles;
  readonly expected: string[] = [];
  readonly got: string[] = [];
  readonly clock = new ManualClock();
  #run: SourceRun | undefined;
  #checkpoint: JsonValue | undefined;
  #rest = "";
  #old: string[] = [];
  #copies = 0;

  constructor(root: string) {
    this.files = new WazuhFiles(root, { plain: true });
  }

  #line(): string {
    const timestamp = new Date().toISOString().replace("Z", "+0000");
    const line = JSON.stringify({ timestamp, n: this.expected.length });
    this.expected.push(line);
    return line;
  }

  async act(name: (typeof NAMES)[number]): Promise<void> {
    if (["append", "rename", "copytruncate", "truncate", "settle"].includes(name)) this.#finishTorn();
    if (name === "append") for (let n = 0; n < 5; n += 1) this.files.appendLine(this.#line());
    else if (name === "torn" && this.#rest === "") {
      const line = this.#line();
      this.files.appendTorn(line.slice(0, 9));
      this.#rest = `${line.slice(9)}\n`;
    } else if (name === "rename") await this.#rename();
    else if (name === "pack") this.#pack();
    else if (name === "copytruncate") await this.#copyTruncate();
    else if (name === "truncate") {
      await this.settle();
      this.files.truncate();
    } else if (name === "settle") await this.settle();
    else if (name === "stop") await this.stop();
    else if (name === "start") this.start();
  }

  start(): void {
    const options = { path: this.files.path, tag: "alerts", start: "beginning", pollMs: 10, log: silentLog } as const;
    this.#run ??= new SourceRun(new LogFollower({ ...options, clock: this.clock }), this.#checkpoint);
  }

  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    await run?.stop();
    assert.deepEqual(run?.rejected ?? [], []);
    this.got.push(...(run?.lines ?? []));
    this.#checkpoint = run?.checkpoint() ?? this.#checkpoint;
  }

  async settle(): Promise<void> {
    this.#finishTorn();
    this.start();
    const run = this.#run!;
    const missing = this.expected.length - this.got.length;
    await run.until(`${missing} lines`, () => run.lines.length >= missing);
  }

  #finishTorn(): void {
    this.files.appendTorn(this.#rest);
    this.#rest = "";
  }

  /** Files without a line are put in order by their own times, which a kernel keeps to some ten milliseconds. */
  async #rename(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 15));
    this.#old.push(this.files.rotateByRename());
    await new Promise((resolve) => setTimeout(resolve, 15));
  }

  #pack(): void {
    const old = this.#old.shift();
    if (old === undefined) return;
    writeFileSync(`${old}.gz`, gzipSync(readFileSync(old)));
    unlinkSync(old);
  }

  /** A copy is recognised by what was read of the file before, so something must have been. */
  async #copyTruncate(): Promise<void> {
    this.files.appendLine(this.#line());
    await this.settle();
    for (let n = 0; n < 3; n += 1) this.files.appendLine(this.#line());
    this.#copies += 1;
    copyFileSync(this.files.path, `${this.files.path}-2026${String(this.#copies).padStart(4, "0")}`);
    this.files.truncate();
  }
}

test("a plain log: every line is delivered exactly once through renames, packing, copytruncate and restarts", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...NAMES), { minLength: 3, maxLength: 30 }), async (schedule) => {
      const root = mkdtempSync(join(tmpdir(), "tip-"));
      const world = new PlainWorld(root);
      try {
        world.start();
        for (const name of schedule) await world.act(name);
        await world.settle();
        await world.stop();
        assert.deepEqual([...world.got].sort(), [...world.expected].sort());
      } finally {
        await world.stop().catch(() => undefined);
        world.files.close();
        rmSync(root, { recursive: true, force: true });
      }
    }),
    { numRuns },
  );
});
