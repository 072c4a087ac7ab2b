import { RemoteError, type RemoteKind } from "../lib/remote-error.ts";
import { type JsonValue, text } from "../model/json.ts";

export interface Refusal {
  readonly status: number;
  /** Method and address. */
  readonly what: string;
  /** The body of the answer. */
  readonly said: string;
  /** In no message. */
  readonly secrets: readonly string[];
}

/** An answer that is no success, with what to do about it. */
export function graylogRefusal({ status, what, said, secrets }: Refusal): RemoteError {
  const words = wordsOf(said, secrets);
  const where = `${what} answered ${status}${words === "" ? "" : ` (${words})`}`;
  const [kind, advice] = meaning(status, words);
  return new RemoteError(kind, advice === "" ? where : `${where}: ${advice}`, { status });
}

function meaning(status: number, words: string): readonly [RemoteKind, string] {
  if (status === 401) return ["auth", "check the token; System → Users and Teams → a user → Edit tokens makes one"];
  if (status === 403)
    return [
      "forbidden",
      "the token's user may not do this: content packs, inputs and the URL allowlist want the role Admin",
    ];
  if (status === 404) return ["not-found", "expected the REST API of Graylog 6.0 or newer there: check the address"];
  if (status >= 300 && status < 400) return ["unexpected", "it redirects: give the address that it redirects to"];
  if (status === 400 && /X-Requested-By|CSRF/i.test(words))
    return [
      "refused",
      "a proxy on the way takes the header X-Requested-By away, without which Graylog accepts no change",
    ];
  return [status === 400 || status === 422 ? "refused" : "unexpected", ""];
}

/** Graylog's own words when it fails (5xx), without what nobody may read. */
export function serverTrouble(error: RemoteError, secrets: readonly string[]): RemoteError {
  if (error.kind !== "server") return error;
  const options = error.status === undefined ? {} : { status: error.status };
  return new RemoteError("server", masked(error.message, secrets), options);
}

function wordsOf(said: string, secrets: readonly string[]): string {
  let words: string | undefined;
  try {
    words = text(JSON.parse(said) as JsonValue, "message");
  } catch {
    // A proxy's page, or nothing.
  }
  const plain = (words ?? said.replace(/<[^>]{0,200}>/g, " ")).replace(/\s+/g, " ").trim();
  return masked(plain, secrets).slice(0, 300);
}

function masked(said: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => (secret === "" ? shown : shown.replaceAll(secret, "[secret]")), said);
}
