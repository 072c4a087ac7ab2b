import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { Secret } from "../lib/secret.ts";
import { createHttp, shownUrl } from "./http.ts";

export interface GelfHttpOptions {
  readonly url: string;
  readonly header: { readonly name: string; readonly value: Secret } | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly certKeyFile?: string | undefined;
  readonly insecure: boolean;
  readonly proxy?: string | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * What came of one message. 202 comes before Graylog decodes it: `sent` is "the input has the bytes". `too-large`: the input, or a proxy
 * before it, takes smaller bodies only. `perhapsIt`: this message may be refused for what is in it, and others not.
 */
export type GelfHttpOutcome =
  | { readonly status: "sent" }
  | { readonly status: "too-large" }
  | { readonly status: "failed"; readonly cause: Error; readonly afterMs?: number; readonly perhapsIt?: boolean };

export interface GelfHttp {
  /** One message in one request: without bulk receiving Graylog loses all but the first. */
  post(json: string, signal: AbortSignal): Promise<GelfHttpOutcome>;
  close(): Promise<void>;
}

/** Nothing changes here before somebody changes the input, its header or the URL. */
const WRONG_SETTING_MS = 60_000;

export function createGelfHttp(options: GelfHttpOptions): GelfHttp {
  const { url, header } = options;
  const http = createHttp({ ...options, retries: 0, connections: 1 });
  const headers = {
    "content-type": "application/json",
    ...(header === undefined ? {} : { [header.name]: header.value.reveal() }),
  };
  return {
    async post(json, signal) {
      try {
        const response = await http.send({ url, method: "POST", headers, body: json, maxBytes: 65_536 }, signal);
        for await (const _ of response.body);
        return outcome(response.status, shownUrl(url));
      } catch (thrown) {
        const cause = asError(thrown);
        const wish = cause instanceof RemoteError ? cause.retryAfterMs : undefined;
        return { status: "failed", cause, ...(wish === undefined ? {} : { afterMs: wish }) };
      }
    },
    close: () => http.close(),
  };
}

const ADVICE: Readonly<Record<number, string>> = {
  400: "it does not take the request: is this a GELF HTTP input?",
  401: "it wants an authorization header: give token_file (and token_header) as the input's settings say",
  403: "something before the input refuses the request",
  404: "a GELF HTTP input takes POST /gelf only: check the path of url",
  405: "a GELF HTTP input takes POST /gelf only: check the path of url",
};

/** What firewalls for web applications answer. */
const REFUSES_ONE: ReadonlySet<number> = new Set([400, 403, 406, 422]);

function outcome(status: number, where: string): GelfHttpOutcome {
  if (status >= 200 && status < 300) return { status: "sent" };
  if (status === 413) return { status: "too-large" };
  const advice = ADVICE[status] ?? "expected 202 from a GELF HTTP input";
  const cause = new Error(`${where} answered ${status}: ${advice}`);
  return { status: "failed", cause, afterMs: WRONG_SETTING_MS, perhapsIt: REFUSES_ONE.has(status) };
}
