import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../src/lib/package-root.ts";
import { median } from "./figures.ts";

/** A program that is measured as a whole. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

export interface CommandRun {
  readonly ms: number;
  /** Highest resident memory that was seen, in bytes. */
  readonly memory: number;
}

const SAMPLE_MS = 50;

/** Node on a module that the build made. */
export function nodeOn(module: string, ...args: readonly string[]): Command {
  return { program: process.execPath, args: [join(packageRoot(), module), ...args] };
}

/** Runs a command to its end, its output thrown away; throws when it fails. */
export async function runCommand({ program, args }: Command): Promise<CommandRun> {
  const from = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let memory = 0;
  let said = "";
  child.stderr.on("data", (piece: Buffer) => {
    said = `${said}${piece}`.slice(-2_000);
  });
  const sampling = setInterval(() => {
    memory = Math.max(memory, residentPeak(child.pid));
  }, SAMPLE_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  clearInterval(sampling);
  const ms = performance.now() - from;
  if (code !== 0) throw new Error(`${[program, ...args].join(" ")} ended with ${code}: ${said}`);
  return { ms, memory };
}

/** Highest resident memory of a process so far; 0 when it is gone. */
function residentPeak(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Runs commands in turns; of each the median time, and the highest memory. */
export async function commandsInTurns(commands: readonly Command[], rounds: number): Promise<readonly CommandRun[]> {
  const runs = commands.map((): CommandRun[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [at, command] of commands.entries()) runs[at]?.push(await runCommand(command));
  }
  return runs.map((all) => ({
    ms: median(all.map(({ ms }) => ms)),
    memory: Math.max(...all.map(({ memory }) => memory)),
  }));
}
