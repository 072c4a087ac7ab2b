import { asError } from "../lib/errors.ts";
import { type Check, skip } from "./checks.ts";

/** One hop of the chain. */
export interface Hop {
  /** What is printed, and what other hops name as their need. */
  readonly name: string;
  /** Hops (or `part:` of hops) without which looking at this one would only repeat their fault. */
  readonly needs: readonly string[];
  /** Gives one check or several; they are reported under the hop's name where they have no other. */
  look(seen: Seen, signal: AbortSignal): Promise<readonly Check[]> | readonly Check[];
}

/** What was found before. */
export interface Seen {
  /** One of the hops failed, or rests on one that failed. What only could not be seen explains nothing. */
  broken(...names: readonly string[]): boolean;
}

/** Why a hop and what rests on it are not looked at. */
interface Cause {
  readonly hop: string;
  readonly failed: boolean;
}

/** A check with the hop that it belongs to. */
export interface HopCheck extends Check {
  readonly hop: string;
}

/**
 * Looks at hops in their order, and at none whose needs failed: so a fault is named where it is, and not again at everything that
 * rests on it; faults that do not rest on each other are all named. A need that is no hop of the chain holds.
 */
export async function* walkChain(hops: readonly Hop[], signal: AbortSignal): AsyncGenerator<HopCheck> {
  const broken = new Map<string, Cause>();
  const seen: Seen = { broken: (...names) => names.some((name) => broken.get(name)?.failed === true) };
  for (const hop of hops) {
    if (signal.aborted) return;
    const need = hop.needs.find((name) => broken.has(name));
    if (need !== undefined) {
      // The first cause, so that a long chain of skipped hops points at what is to be mended.
      const cause = broken.get(need) ?? { hop: need, failed: true };
      broken.set(hop.name, cause);
      const wanted = cause.failed ? "mended" : "seen";
      yield { ...skip(hop.name, `not looked at before "${cause.hop}" is ${wanted}`), hop: hop.name };
      continue;
    }
    for (const check of await looked(hop, seen, signal)) {
      const failed = check.status === "fail";
      if (failed || (check.status === "unseen" && !broken.has(hop.name)))
        broken.set(hop.name, { hop: hop.name, failed });
      yield { ...check, hop: hop.name };
    }
  }
}

async function looked(hop: Hop, seen: Seen, signal: AbortSignal): Promise<readonly Check[]> {
  try {
    return await hop.look(seen, signal);
  } catch (thrown) {
    // A doctor that falls ill at one hop still has the others to look at.
    return [
      {
        name: hop.name,
        status: "unseen",
        found: `the look itself failed: ${asError(thrown).message}`,
        advice: "report this to Tipline's makers with `tipline --version` and the output of `tipline doctor -v`",
      },
    ];
  }
}

/** Computes once, at first use. */
export function once<T>(compute: () => T): () => T {
  let value: { readonly it: T } | undefined;
  return () => {
    value ??= { it: compute() };
    return value.it;
  };
}
