import { TiplineError } from "./errors.ts";

/** What a peer did, for callers that retry or split their requests. */
export type RemoteKind =
  | "unreachable"
  | "tls"
  | "timeout"
  | "auth"
  | "forbidden"
  | "not-found"
  | "rate-limited"
  | "server"
  | "unexpected"
  | "too-large"
  | "cut-short"
  | "aborted";

const TRANSIENT: ReadonlySet<RemoteKind> = new Set(["unreachable", "timeout", "rate-limited", "server", "cut-short"]);

/** A TiplineError about a peer. The message says what to do; `kind` is for code. */
export class RemoteError extends TiplineError {
  readonly kind: RemoteKind;
  readonly status: number | undefined;
  /** The peer's own wish: not before so many milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: RemoteKind,
    message: string,
    options: { readonly cause?: unknown; readonly status?: number; readonly retryAfterMs?: number } = {},
  ) {
    const wrong = kind === "unexpected" || kind === "too-large" || kind === "not-found";
    super(wrong ? "TIP_FEED_INVALID" : "TIP_FEED_UNREACHABLE", message, options);
    this.kind = kind;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Worth another attempt without anybody doing anything. */
  get transient(): boolean {
    return TRANSIENT.has(this.kind);
  }
}
