import { RemoteError } from "../lib/remote-error.ts";

/** What a doctor found about one thing. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail";
  /** What is, in a few words; never a secret. */
  readonly found: string;
  /** What to do; empty when nothing is to be done. */
  readonly advice: string;
}

export const ok = (name: string, found: string): Check => ({ name, status: "ok", found, advice: "" });
export const warn = (name: string, found: string, advice: string): Check => ({ name, status: "warn", found, advice });
export const fail = (name: string, found: string, advice: string): Check => ({ name, status: "fail", found, advice });

/** A peer's refusal as a failed check: what went wrong is before the colon, what to do after it. Anything else is thrown. */
export function failedBy(name: string, thrown: unknown, advice = ""): Check {
  if (!(thrown instanceof RemoteError) || thrown.kind === "aborted") throw thrown;
  return fail(name, thrown.message, advice);
}
