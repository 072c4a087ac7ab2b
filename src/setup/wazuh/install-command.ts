import { spawn } from "node:child_process";
import { asError, TiplineError } from "../../lib/errors.ts";

/** What a command left behind. `code` undefined: it could not be started, or did not end in time; `error` says so. */
export interface CommandResult {
  readonly code: number | undefined;
  /** Standard output and standard error, in the order of arrival. */
  readonly output: string;
  readonly error?: string;
}

/** Runs a program by its arguments, without a shell. Never throws. */
export type RunCommand = (argv: readonly string[], options?: RunOptions) => Promise<CommandResult>;

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

const MAX_OUTPUT = 1024 * 1024;
const TIMEOUT_MS = 120_000;

export const runCommand: RunCommand = (argv, { signal, timeoutMs = TIMEOUT_MS } = {}) =>
  new Promise((resolve) => {
    const [program = "", ...args] = argv;
    let output = "";
    const done = (code: number | undefined, error?: string) =>
      resolve({ code, output, ...(error !== undefined && { error }) });
    if (signal?.aborted) return done(undefined, "interrupted");
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: Ctrl-C in the terminal reaches Tipline, which ends what it started in order.
      detached: true,
      // Messages are read by this program.
      env: { ...process.env, LC_ALL: "C" },
    });
    const collect = (chunk: string) => {
      if (output.length < MAX_OUTPUT) output += chunk.slice(0, MAX_OUTPUT - output.length);
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    let why: string | undefined;
    const stop = (reason: string) => {
      why ??= reason;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
      } catch {
        // It is gone already.
      }
    };
    const interrupt = () => stop("interrupted");
    signal?.addEventListener("abort", interrupt);
    const timer = setTimeout(() => stop(`no end within ${timeoutMs / 1000} s`), timeoutMs);
    const end = (code: number | undefined, error?: string) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", interrupt);
      done(error === undefined ? code : undefined, error);
    };
    child.once("error", (thrown) => end(undefined, asError(thrown).message));
    // `exit`, not `close`: a daemon that it started may hold its output open for ever.
    child.once("exit", (code, killed) =>
      setImmediate(() => end(code ?? undefined, why ?? (code === null ? `ended by ${killed}` : undefined))),
    );
  });

/**
 * Splits a command such as `docker exec "my manager"` into its arguments: white space separates, quotes and backslashes keep it,
 * and nothing else has a meaning, because no shell will see it. Throws TIP_USAGE_INVALID for an open quote or what only a shell
 * could do.
 */
export function splitCommand(text: string): readonly string[] {
  const usage = (message: string) => new TiplineError("TIP_USAGE_INVALID", `--exec: ${message}`);
  if (text.length > 1000) throw usage("expected at most 1,000 characters");
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (quote !== undefined && char === quote) quote = undefined;
    else if (char === "\\" && quote !== "'" && at + 1 < text.length) word = (word ?? "") + text[++at];
    else if (quote !== undefined) word = (word ?? "") + char;
    else if (char === '"' || char === "'") {
      quote = char;
      word ??= "";
    } else if (/[;&|<>$`()\n]/.test(char))
      throw usage(
        `expected the words of one command, found "${char}", which only a shell understands; quote it if it is meant as it stands`,
      );
    else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== undefined) throw usage(`a ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  if (words.length === 0 || words[0] === "") throw usage("expected a command, found none");
  return words;
}
