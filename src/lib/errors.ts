/** Every code Tipline throws with. Codes are API: scripts and docs refer to them. */
export type ErrorCode =
  | "TIP_CONFIG_INVALID"
  | "TIP_USAGE_INVALID"
  | "TIP_STATE_LOCKED"
  | "TIP_STATE_CORRUPT"
  | "TIP_SEGMENT_CORRUPT"
  | "TIP_FEED_INVALID"
  | "TIP_FEED_UNREACHABLE"
  | "TIP_SOURCE_FAILED"
  | "TIP_SINK_FAILED"
  | "TIP_JOURNAL_FULL"
  | "TIP_INPUT_INVALID"
  | "TIP_INTERNAL";

/**
 * The only error class Tipline throws on purpose. The message says what was expected, what was found and where;
 * it never carries a secret. A caller branches on `code`, never on the text.
 */
export class TiplineError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "TiplineError";
    this.code = code;
  }
}

/** Whatever was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The `code` of a system error (`ENOENT`, `EACCES` …), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}
