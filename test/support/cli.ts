import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../../src/lib/package-root.ts";
import { cacheHome } from "./temp.ts";

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line as a child process would start it: built code beside built tests, sources under a loader. */
export function cliCommand(): readonly string[] {
  const built = import.meta.url.endsWith(".js");
  const main = fileURLToPath(new URL(`../../src/cli/main.${built ? "js" : "ts"}`, import.meta.url));
  return [process.execPath, ...(built ? [] : process.execArgv.filter((flag) => !flag.startsWith("--test"))), main];
}

/** Runs `tipline ARGS` to its end. */
export function cli(
  args: readonly string[],
  options: {
    readonly input?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly cwd?: string;
    readonly interruptWhen?: (stdout: string) => boolean;
  } = {},
): Promise<CliResult> {
  const [command = "", ...before] = cliCommand();
  const child = spawn(command, [...before, ...args], {
    cwd: options.cwd ?? packageRoot(),
    // The test runner's own variable would make the child report to it.
    env: { ...process.env, XDG_CACHE_HOME: cacheHome(), NODE_TEST_CONTEXT: "", NO_COLOR: "1", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let interrupted = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (!interrupted && options.interruptWhen?.(stdout)) {
      interrupted = true;
      child.kill("SIGINT");
    }
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Path below the package. */
export function fromRoot(...parts: readonly string[]): string {
  return join(packageRoot(), ...parts);
}
