import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../../src/lib/package-root.ts";
import { median } from "../figures.ts";
import type { StreamResult, StreamSetup } from "./process.ts";
import type { StreamJob } from "./run.ts";

/** A streaming process with a name for the reader. */
export interface Runner {
  readonly name: string;
  run(job: StreamJob): Promise<StreamResult>;
  close(): void;
}

/** Median of the turns of one runner over one file. */
export interface Measured {
  readonly linesPerSecond: number;
  readonly lines: number;
  readonly flagged: number;
  readonly matched: number;
}

/** Starts a streaming process and waits until it has its indicators. */
export async function startRunner(name: string, setup: StreamSetup): Promise<Runner> {
  const child = fork(join(packageRoot(), ".build/bench/stream/process.js"), [JSON.stringify(setup)], {
    execArgv: ["--max-old-space-size=8192"],
  });
  await reply(child);
  return {
    name,
    async run(job) {
      child.send(job);
      return await reply<StreamResult>(child);
    },
    close: () => void child.kill(),
  };
}

function reply<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a measured process ended with ${code}`));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message as T);
    });
  });
}

/** A turn lasts about so long, in whole passes: shorter ones are at the mercy of the scheduler. */
const TURN_MS = 1_000;
const MOST_PASSES = 40;

/**
 * Lets all runners go over a file in turns, after two turns that warm them up, and gives the median of each: what else the machine does
 * meets all of them. `warm`: alerts that all match, gone over before; where one line in a hundred matches, the code for it would else
 * be compiled only after minutes.
 */
export async function inTurns(
  runners: readonly Runner[],
  file: string,
  { rounds, warm }: { readonly rounds: number; readonly warm: string },
): Promise<ReadonlyMap<string, Measured>> {
  const passes = new Map<Runner, number>();
  for (const runner of runners) {
    await runner.run({ file: warm, passes: 1 });
    await runner.run({ file, passes: 1 });
    const { ms } = await runner.run({ file, passes: 1 });
    passes.set(runner, Math.min(MOST_PASSES, Math.max(1, Math.ceil(TURN_MS / ms))));
  }
  const results = new Map<Runner, StreamResult[]>(runners.map((runner) => [runner, []]));
  for (let round = 0; round < rounds; round++) {
    for (const runner of runners) {
      const result = await runner.run({ file, passes: passes.get(runner) ?? 1 });
      results.get(runner)?.push(result);
    }
  }
  return new Map(
    runners.map((runner) => {
      const turns = results.get(runner) ?? [];
      const count = passes.get(runner) ?? 1;
      const [last] = turns;
      return [
        runner.name,
        {
          linesPerSecond: median(turns.map(({ lines, ms }) => (lines / ms) * 1_000)),
          lines: (last?.lines ?? 0) / count,
          flagged: (last?.flagged ?? 0) / count,
          matched: (last?.matched ?? 0) / count,
        },
      ];
    }),
  );
}
