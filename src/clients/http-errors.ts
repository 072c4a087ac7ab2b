import { systemCode } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";

const TLS_ADVICE: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed: give it as ca_file",
  SELF_SIGNED_CERT_IN_CHAIN:
    "its certificate comes from a private authority: give that authority's certificate as ca_file",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate's issuer is unknown: give the authority's certificate as ca_file",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate's issuer is unknown: give the authority's certificate as ca_file",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate chain is incomplete: have the server send the intermediate certificates",
  CERT_HAS_EXPIRED: "its certificate has expired: renew it",
  CERT_NOT_YET_VALID: "its certificate is not valid yet: check both clocks",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name: use the name in the certificate",
  EPROTO: "it does not speak TLS there: check scheme and port",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS there: check scheme and port",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it wants a client certificate: give cert_file and cert_key_file",
};

const NETWORK_ADVICE: Readonly<Record<string, string>> = {
  ENOTFOUND: "its name does not resolve: check the URL and DNS",
  EAI_AGAIN: "name resolution failed: check DNS",
  ECONNREFUSED: "nothing listens there: check host and port, and that it runs",
  EHOSTUNREACH: "no route to it: check network and firewall",
  ENETUNREACH: "no route to it: check network and firewall",
  ECONNRESET: "it closed the connection",
  UND_ERR_SOCKET: "it closed the connection",
};

const TIMEOUTS: ReadonlySet<string> = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT",
]);

/** Where a request goes, as far as an error may say. */
export interface Route {
  readonly url: string;
  /** Without credentials. */
  readonly proxy?: string | undefined;
}

/** What went wrong before or while an answer came, with what to do. Never carries a header, a query or a key. */
export function networkError({ url, proxy }: Route, cause: unknown, whileReading = false): RemoteError {
  const where = `${originOf(url)}${proxy === undefined ? "" : ` (through the proxy ${proxy})`}`;
  const code = codeOf(cause);
  const refusedBy = proxy === undefined ? undefined : /Proxy response \((\d{3})\)/.exec(messagesOf(cause))?.[1];
  if (refusedBy !== undefined)
    return new RemoteError("unreachable", `${where} cannot be reached: the proxy answered ${proxyAdvice(refusedBy)}`, {
      cause,
      status: Number(refusedBy),
    });
  if (TIMEOUTS.has(code) || isTimeout(cause))
    return new RemoteError(
      "timeout",
      `${where} did not answer in time: raise timeout_seconds, or ask for less at once`,
      {
        cause,
      },
    );
  const tls = Object.hasOwn(TLS_ADVICE, code) ? TLS_ADVICE[code] : undefined;
  if (tls !== undefined || /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_)/.test(code))
    return new RemoteError("tls", `no trusted connection to ${where}: ${tls ?? code}`, { cause });
  const known = Object.hasOwn(NETWORK_ADVICE, code) ? NETWORK_ADVICE[code] : undefined;
  // With TLS 1.3 a missing client certificate often shows as nothing but the end of the connection.
  const closed = known === NETWORK_ADVICE["ECONNRESET"] && url.startsWith("https:") && !whileReading;
  const advice = closed ? `${known}; if it wants a client certificate, give cert_file and cert_key_file` : known;
  return new RemoteError(
    whileReading ? "cut-short" : "unreachable",
    `${where} ${whileReading ? "broke off its answer" : "cannot be reached"}: ${advice ?? (code || "unknown network error")}${proxy !== undefined && !whileReading ? "; check the proxy as well" : ""}`,
    { cause },
  );
}

/** How long the peer asks to wait: Retry-After (seconds or date), else MISP's X-Rate-Limit-Reset (seconds) when it limits. */
export function retryAfterMs(headers: ReadonlyMap<string, string>, limited: boolean): number | undefined {
  const after = headers.get("retry-after")?.trim();
  if (after !== undefined) {
    if (/^\d{1,6}$/.test(after)) return Number(after) * 1000;
    const at = Date.parse(after);
    if (Number.isFinite(at)) return Math.max(0, at - Date.now());
  }
  const reset = limited ? headers.get("x-rate-limit-reset")?.trim() : undefined;
  return reset !== undefined && /^\d{1,6}$/.test(reset) ? Number(reset) * 1000 : undefined;
}

function proxyAdvice(status: string): string {
  if (status === "407") return "407: give user name and password in the proxy's URL";
  if (status === "403") return "403: it does not allow this host or port";
  return `${status}: it cannot reach the server`;
}

/** The end of the time for a whole answer. */
function isTimeout(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "TimeoutError";
}

function messagesOf(thrown: unknown): string {
  const texts: string[] = [];
  for (let at = thrown, depth = 0; depth < 4 && at instanceof Error; depth++, at = at.cause) texts.push(at.message);
  return texts.join(" ");
}

/** A duration for people: `40 s`, `15 min`, `3 h`. */
export function inWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;
}

function codeOf(thrown: unknown): string {
  let at = thrown;
  for (let depth = 0; depth < 4 && at; depth++) {
    const code = systemCode(at);
    const inner = (at as { cause?: unknown; errors?: unknown[] }).cause ?? (at as { errors?: unknown[] }).errors?.[0];
    if (code !== undefined && !(inner && code === "UND_ERR")) return code;
    at = inner;
  }
  return "";
}

function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    return "the peer";
  }
}
