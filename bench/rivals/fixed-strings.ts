import { spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";
import { indicatorValue } from "../generate.ts";
import { version } from "../machine.ts";
import type { RivalFigure } from "./python.ts";

/** A program that looks for fixed strings from a file. */
interface Searcher {
  readonly program: string;
  /** Memory for a pattern, as it was seen. */
  readonly bytesPerPattern: number;
}

export const SEARCHERS: readonly Searcher[] = [
  { program: "rg", bytesPerPattern: 14_000 },
  { program: "grep", bytesPerPattern: 3_000 },
];

/** Longest run of one of them; with a million patterns reading these alone takes half a minute. */
const LIMIT_MS = 120_000;
/** Share of the free memory that a run may take. */
const MEMORY_SHARE = 0.3;
const MOST_LINES = 10_000;
const LEAST_PATTERNS = 1_000;
/** A run must last so many times as long as reading the patterns alone, or the difference is noise. */
const LEAST_TIMES = 1.2;
/** How often the alerts are given: the first number that makes the run long enough; a long start leaves no time to try. */
const REPEATS = [1, 4, 16, 64, 256];
const LONG_START_MS = 5_000;

/**
 * Lines a second of `rg -F -f` or `grep -F -f` with as many of the indicators as fit into memory, the reading of the patterns (measured
 * on an empty file) not counted.
 */
export async function benchSearcher(
  { program, bytesPerPattern }: Searcher,
  lines: readonly string[],
  known: number,
  dir: string,
): Promise<RivalFigure & { readonly tool?: string }> {
  const tool = version(program);
  if (tool === undefined) return { skipped: `${program} is not installed` };
  const fitting = 10 ** Math.floor(Math.log10((freemem() * MEMORY_SHARE) / bytesPerPattern));
  const patterns = Math.min(known, fitting);
  if (patterns < LEAST_PATTERNS) return { skipped: `not enough free memory for ${LEAST_PATTERNS} patterns` };
  const [patternFile, alerts, nothing] = ["patterns", "alerts", "nothing"].map((name) =>
    join(dir, `${program}-${name}`),
  );
  writePatterns(patternFile as string, patterns);
  writeFileSync(alerts as string, `${lines.slice(0, MOST_LINES).join("\n")}\n`);
  writeFileSync(nothing as string, "");
  const of = `${patterns.toLocaleString("en")} patterns`;
  const search = (times: number, file: string) =>
    run(program, ["-c", "-F", "-f", patternFile as string, ...Array.from({ length: times }, () => file)]);
  const start = await search(1, nothing as string);
  if (start === undefined) return { skipped: `${of} not read after ${LIMIT_MS / 1_000} s`, tool };
  for (const times of start > LONG_START_MS ? REPEATS.slice(1) : REPEATS) {
    const all = await search(times, alerts as string);
    if (all === undefined) return { skipped: `with ${of} not done after ${LIMIT_MS / 1_000} s`, tool };
    if (all < start * LEAST_TIMES) continue;
    const linesPerSecond = (times * Math.min(MOST_LINES, lines.length) * 1_000) / (all - start);
    return {
      linesPerSecond,
      patterns,
      note: `${of}, whose reading took ${(start / 1_000).toFixed(1)} s and is not counted`,
      tool,
    };
  }
  return { skipped: `with ${of} not to be told from the reading of these`, tool };
}

function writePatterns(path: string, count: number): void {
  const fd = openSync(path, "w");
  const batch = 10_000;
  for (let from = 0; from < count; from += batch) {
    const size = Math.min(batch, count - from);
    writeSync(fd, Array.from({ length: size }, (_, at) => `${indicatorValue(from + at).value}\n`).join(""));
  }
  closeSync(fd);
}

/** Milliseconds of a run that counts lines (without output `grep` would stop at the first), or undefined when it takes too long. */
function run(program: string, args: readonly string[]): Promise<number | undefined> {
  const from = performance.now();
  return new Promise((resolve, reject) => {
    // One thread, as all others have.
    spawn(program, program === "rg" ? ["-j1", ...args] : args, {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, LC_ALL: "C" },
      timeout: LIMIT_MS,
    })
      .once("error", reject)
      .once("close", (code, signal) => {
        if (signal !== null) resolve(undefined);
        // 1: no line matched.
        else if (code === 0 || code === 1) resolve(performance.now() - from);
        else reject(new Error(`${program} ended with ${code}`));
      });
  });
}
