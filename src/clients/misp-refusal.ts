import { type FieldErrors, RemoteError } from "../lib/remote-error.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";

/** Fields and messages that are kept of what MISP says is wrong. */
const MOST_FIELDS = 50;
const MOST_TEXT = 200;

/** An answer as far as it explains itself. */
export interface Answered {
  readonly base: string;
  readonly path: string;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** The start of the body, without the key. */
  readonly head: string;
}

/** What an answer other than 200 with JSON means, and what to do. */
export function refusal(answered: Answered): RemoteError {
  const { base, path, status, headers, head } = answered;
  const body = parsed(head);
  const said = messageOf(body);
  const words = said === undefined ? "" : ` (it said: ${said})`;
  const isHtml = /html/i.test(headers.get("content-type") ?? "") || /^\s{0,20}<(?:!doctype|html)/i.test(head);
  // MISP answers 403 to what fails validation as well as to what is not allowed.
  if (status === 403 && body !== undefined && (get(body, "saved") === false || isJsonObject(get(body, "errors"))))
    return refused(`${base}${path}`, body, status);
  if (status === 401 || (status === 403 && /authentication failed|auth key|api key|authkey/i.test(said ?? head)))
    return new RemoteError(
      "auth",
      /from your ip/i.test(said ?? "")
        ? `${base} refuses the key from this address: allow this host's address in the key's settings`
        : `${base} refuses the key (${status}): give the 40 characters of a valid, unexpired authentication key, without Bearer`,
      { status },
    );
  if (status >= 300 && status < 400)
    return new RemoteError(
      "unexpected",
      `${base}${path} redirects (${status}) instead of answering: check the URL (scheme, host, folder); MISP redirects to its login page when it sees no API request`,
      { status },
    );
  if (status === 403)
    return new RemoteError("forbidden", `${base}${path} is forbidden for this key's role${words}`, { status });
  if (status === 400 && /ssl certificate/i.test(head))
    return new RemoteError(
      "tls",
      `${base} wants a client certificate, or another one: give cert_file and cert_key_file`,
      {
        status,
      },
    );
  if (isHtml)
    return new RemoteError(
      "unexpected",
      `${base}${path} answered ${status} with a web page, not MISP's API: check the URL and any proxy before it`,
      { status },
    );
  if (status === 404)
    return new RemoteError(
      "not-found",
      `${base}${path} is not there (404)${said === undefined ? "" : `: ${said}`}; check the URL's folder`,
      { status },
    );
  return new RemoteError("unexpected", `expected 200 with JSON from ${base}${path}, got ${status}${words}`, { status });
}

/** A 200 that says no: `{saved: false, errors}` or only `{message: "Could not …"}`. Undefined when it says yes. */
export function refusedInside(where: string, body: JsonObject): RemoteError | undefined {
  const saved = get(body, "saved");
  const couldNot = saved === undefined && /^could not /i.test(text(body, "message") ?? "");
  return saved === false || couldNot ? refused(where, body, 200) : undefined;
}

function refused(where: string, body: JsonObject, status: number): RemoteError {
  const fields = fieldErrors(get(body, "errors"));
  const list = [...fields].map(([field, messages]) => `${field === "" ? "" : `${field}: `}${messages.join(" ")}`);
  const said = messageOf(body);
  const why = [said, ...list].filter((one) => one !== undefined).join("; ");
  return new RemoteError("refused", `${where} did not take it${why === "" ? "" : `: ${why.slice(0, 500)}`}`, {
    status,
    fields,
  });
}

/** `errors` is a text, an object of lists, or such objects by model or row; a text stands under the empty name. */
function fieldErrors(errors: JsonValue | undefined): FieldErrors {
  const found = new Map<string, readonly string[]>();
  const visit = (value: JsonValue | undefined, name: string, depth: number): void => {
    if (found.size >= MOST_FIELDS || depth > 3) return;
    if (typeof value === "string") found.set(name, [value.slice(0, MOST_TEXT)]);
    else if (Array.isArray(value)) {
      const texts = value.filter((one) => typeof one === "string").slice(0, 10);
      if (texts.length > 0)
        found.set(
          name,
          texts.map((one) => one.slice(0, MOST_TEXT)),
        );
    } else if (isJsonObject(value))
      for (const [key, inner] of Object.entries(value))
        visit(inner, `${name === "" ? "" : `${name}.`}${key.slice(0, 60)}`, depth + 1);
  };
  visit(errors, "", 0);
  return found;
}

function messageOf(body: JsonObject | undefined): string | undefined {
  return (text(body, "message") ?? text(body, "name") ?? text(body, "errors"))?.slice(0, MOST_TEXT);
}

function parsed(head: string): JsonObject | undefined {
  try {
    const body: unknown = JSON.parse(head);
    return isJsonObject(body) ? body : undefined;
  } catch {
    return undefined;
  }
}
