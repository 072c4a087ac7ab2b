import { createInterface } from "node:readline";
import { TiplineError } from "../lib/errors.ts";

export interface Asking {
  /** Ends the question with no. */
  readonly signal?: AbortSignal;
  /** What may be given instead of an answer, for the message where there is no terminal; default `--yes or --dry-run`. */
  readonly instead?: string;
  readonly input?: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output?: NodeJS.WritableStream;
}

/** TIP_USAGE_INVALID without a terminal: a script must say what it wants. */
export function expectTerminal({ input = process.stdin, instead = "--yes or --dry-run" }: Asking = {}): void {
  if (input.isTTY !== true)
    throw new TiplineError("TIP_USAGE_INVALID", `expected ${instead} where there is no terminal to ask on`);
}

/** Asks on the terminal; anything but yes is no, the end of input and an interrupt too. Throws as `expectTerminal` does. */
export async function confirm(question: string, asking: Asking = {}): Promise<boolean> {
  expectTerminal(asking);
  const { signal, input = process.stdin, output = process.stderr } = asking;
  if (signal?.aborted) return false;
  const lines = createInterface({ input, output });
  const end = () => lines.close();
  signal?.addEventListener("abort", end, { once: true });
  try {
    const answer = await new Promise<string>((resolve) => {
      lines.once("close", () => resolve(""));
      lines.once("SIGINT", end);
      lines.question(`${question} [y/N] `, resolve);
    });
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    signal?.removeEventListener("abort", end);
    lines.close();
  }
}
