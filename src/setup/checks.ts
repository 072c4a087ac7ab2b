import { RemoteError } from "../lib/remote-error.ts";

/** What a doctor found about one thing. */
export interface Check {
  readonly name: string;
  /**
   * `skip`: not looked at, because something that it depends on is broken (or is not in use); `unseen`: whoever asks may not look,
   * or there is no evidence, so it is neither well nor broken.
   */
  readonly status: "ok" | "warn" | "fail" | "skip" | "unseen";
  /** What is, in a few words; never a secret. */
  readonly found: string;
  /** What to do; empty when nothing is to be done. */
  readonly advice: string;
}

export const ok = (name: string, found: string): Check => ({ name, status: "ok", found, advice: "" });
export const warn = (name: string, found: string, advice: string): Check => ({ name, status: "warn", found, advice });
export const fail = (name: string, found: string, advice: string): Check => ({ name, status: "fail", found, advice });
export const skip = (name: string, found: string): Check => ({ name, status: "skip", found, advice: "" });
export const unseen = (name: string, found: string, advice: string): Check => ({
  name,
  status: "unseen",
  found,
  advice,
});

/** A peer's refusal as a failed check: what went wrong is before the colon, what to do after it. Anything else is thrown. */
export function failedBy(name: string, thrown: unknown, advice = ""): Check {
  if (!(thrown instanceof RemoteError) || thrown.kind === "aborted") throw thrown;
  return fail(name, thrown.message, advice);
}
