export interface SimResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const JSON_TYPE = { "Content-Type": "application/json; charset=UTF-8" };

/** What most controllers answer: indented by four. */
export function pretty(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): SimResponse {
  return { status, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(value, null, 4) };
}

/** Without indentation. */
export function compact(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): SimResponse {
  return { status, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(value) };
}

/** An exception as MISP prints it: one line, slashes escaped. `url` is path and query of the request. */
export function failure(
  status: number,
  message: string,
  url: string,
  extra: Record<string, unknown> = {},
): SimResponse {
  const body = JSON.stringify({ name: message, message, url, ...extra }).replaceAll("/", "\\/");
  return { status, headers: JSON_TYPE, body };
}

/** To another page of the same server. */
export function redirect({ host }: { readonly host: string }, path: string): SimResponse {
  return { status: 302, headers: { ...JSON_TYPE, Location: `http://${host}${path}` }, body: "" };
}

export const NO_PERMISSION = "You do not have permission to use this functionality.";

/** Thrown by a route to answer with an exception of MISP. */
export class MispException extends Error {
  readonly status: number;
  readonly extra: Record<string, unknown>;

  constructor(status: number, message: string, extra: Record<string, unknown> = {}) {
    super(message);
    this.status = status;
    this.extra = extra;
  }
}

export function internalError(): MispException {
  return new MispException(500, "An Internal Error Has Occurred.");
}
