import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderHook } from "../../src/setup/wazuh/hook.ts";

/** One way of the hook against `/bin/true`, both started by the same shell loop, one after the other as integratord does. */
export interface HookFigure {
  /** `link`: alert and spool on one file system, as in a stock installation. `copy`: on two. */
  readonly way: "link" | "copy";
  /** Runs a second: those of the hook over those of `/bin/true`, median over the turns. */
  readonly ratio: number;
  /** Milliseconds a run, median over the turns. */
  readonly hookMs: number;
  readonly trueMs: number;
  /** Runs whose alert was not in the spool afterwards. */
  readonly missing: number;
}

export interface HookBenchOptions {
  readonly turns?: number;
  /** Runs of each program in a turn. */
  readonly runs?: number;
  /** Bytes of the alert; the median of recorded ones is 1.9 KB. */
  readonly alertBytes?: number;
}

const LOOP = `i=0; while [ $i -lt "$RUNS" ]; do "$0" "$@" || exit 1; i=$((i+1)); done`;

/** Measures hook and `/bin/true` in turns, so that what else the machine does meets both. */
export function benchHook({
  turns = 15,
  runs = 100,
  alertBytes = 1_900,
}: HookBenchOptions = {}): readonly HookFigure[] {
  return (["link", "copy"] as const).map((way) => {
    const dir = mkdtempSync(join(tmpdir(), "tipline-hook-"));
    try {
      return measure(dir, way, turns, runs, alertBytes);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
}

function measure(dir: string, way: HookFigure["way"], turns: number, runs: number, alertBytes: number): HookFigure {
  const spool = join(dir, "spool");
  const hook = join(dir, "custom-tipline");
  const alert = join(dir, "custom-tipline-1795297550--104729.alert");
  mkdirSync(spool);
  writeFileSync(hook, renderHook({ spool, log: join(dir, "integrations.log") }));
  chmodSync(hook, 0o750);
  writeFileSync(alert, `${JSON.stringify({ rule: { level: 5 }, full_log: "x".repeat(alertBytes - 40) })}\n`);
  const hookMs: number[] = [];
  const trueMs: number[] = [];
  let missing = 0;
  for (let turn = -1; turn < turns; turn += 1) {
    rmSync(spool, { recursive: true });
    mkdirSync(spool);
    // What the hook itself leaves where links cannot be made.
    if (way === "copy") writeFileSync(join(spool, ".copy"), "");
    const ofTrue = timed(["/bin/true"], alert, runs);
    const ofHook = timed([hook], alert, runs);
    missing += runs - readdirSync(spool).filter((name) => !name.startsWith(".")).length;
    // The first turn warms the caches.
    if (turn < 0) continue;
    trueMs.push(ofTrue);
    hookMs.push(ofHook);
  }
  const ratio = median(hookMs.map((ms, turn) => (trueMs[turn] ?? 0) / ms));
  return { way, ratio, hookMs: median(hookMs), trueMs: median(trueMs), missing };
}

/** Milliseconds a run. The environment is that of a daemon: a path and nothing else. */
function timed(program: readonly string[], alert: string, runs: number): number {
  const args = [...program, alert, "", "", "", "", "10", "3", "> /dev/null 2>&1"];
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", RUNS: String(runs) };
  const from = process.hrtime.bigint();
  const { status } = spawnSync("/bin/sh", ["-c", LOOP, ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  if (status !== 0) throw new Error(`${program.join(" ")} failed`);
  return Number(process.hrtime.bigint() - from) / 1e6 / runs;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
