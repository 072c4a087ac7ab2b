import { createInterface } from "node:readline/promises";
import { TiplineError } from "../lib/errors.ts";

/** Asks on the terminal; anything but yes is no. Without a terminal it is a usage error: a script must say --yes. */
export async function confirm(question: string): Promise<boolean> {
  if (process.stdin.isTTY !== true)
    throw new TiplineError("TIP_USAGE_INVALID", "expected a terminal to ask on, or --yes (--dry-run only shows)");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
