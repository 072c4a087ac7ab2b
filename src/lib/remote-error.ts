import { TiplineError } from "./errors.ts";

/** What a peer did, for callers that retry or split their requests. */
export type RemoteKind =
  | "unreachable"
  | "tls"
  | "timeout"
  | "auth"
  | "forbidden"
  | "refused"
  | "not-found"
  | "rate-limited"
  | "server"
  | "unexpected"
  | "too-large"
  | "cut-short"
  | "paused"
  | "aborted";

const TRANSIENT: ReadonlySet<RemoteKind> = new Set([
  "unreachable",
  "timeout",
  "rate-limited",
  "server",
  "cut-short",
  "paused",
]);

/** What a peer finds wrong in what it was sent: its words by field (`value`, `Event.info`). */
export type FieldErrors = ReadonlyMap<string, readonly string[]>;

const NO_FIELDS: FieldErrors = new Map();

/**
 * A TiplineError about a peer. The message says what to do; `kind` is for code. `refused`: the peer understood and said no to
 * what was in the request (see `fields`); sending it again is pointless. `paused`: it was not asked, because it failed too often.
 */
export class RemoteError extends TiplineError {
  readonly kind: RemoteKind;
  readonly status: number | undefined;
  /** The peer's own wish: not before so many milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** `refused` only; empty when the peer named no field. */
  readonly fields: FieldErrors;

  constructor(
    kind: RemoteKind,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly status?: number;
      readonly retryAfterMs?: number;
      readonly fields?: FieldErrors;
    } = {},
  ) {
    const wrong = kind === "unexpected" || kind === "refused" || kind === "too-large" || kind === "not-found";
    super(wrong ? "TIP_FEED_INVALID" : "TIP_FEED_UNREACHABLE", message, options);
    this.kind = kind;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.fields = options.fields ?? NO_FIELDS;
  }

  /** Worth another attempt without anybody doing anything. */
  get transient(): boolean {
    return TRANSIENT.has(this.kind);
  }
}
