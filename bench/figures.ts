import type { DesignLine } from "./targets.ts";

/** A figure, what it must hold, and whether it did. */
export interface Row {
  readonly name: string;
  readonly value: string;
  readonly target: string;
  /** Undefined: told, not judged. */
  readonly held: boolean | undefined;
  /** The line of the first table that this figure answers. */
  readonly design?: DesignLine;
}

/** What a part of the bench found out. */
export interface Section {
  /** How it was measured, in a sentence or two. */
  readonly how: string;
  readonly rows: readonly Row[];
  /** Markdown behind the table. */
  readonly more?: string;
  /** An SVG document. */
  readonly chart?: string;
  /** In place of the machine, versions and commit of this run. */
  readonly made?: string;
  /** Programs measured beside, with their versions. */
  readonly tools?: readonly string[];
}

/** A figure that is told only. */
export function told(name: string, value: string): Row {
  return { name, value, target: "", held: undefined };
}

/** A ratio that must be at least, or at most, so much. */
export function judged(
  name: string,
  ratio: number,
  bound: { readonly least: number } | { readonly most: number },
  design?: DesignLine | undefined,
): Row {
  const least = "least" in bound;
  const limit = least ? bound.least : bound.most;
  return {
    name,
    value: times(ratio),
    target: `${least ? "≥" : "≤"} ${limit} ×`,
    held: least ? ratio >= limit : ratio <= limit,
    ...(design === undefined ? {} : { design }),
  };
}

export const times = (ratio: number): string => `${ratio.toFixed(2)} ×`;
export const whole = (value: number): string => Math.round(value).toLocaleString("en");
export const percent = (share: number): string => `${(share * 100).toFixed(2)}%`;
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
export const verdict = (held: boolean | undefined): string => (held === undefined ? "" : held ? "held" : "**missed**");

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(half)] as number)
    : ((sorted[half - 1] ?? Number.NaN) + (sorted[half] ?? Number.NaN)) / 2;
}
