import type { Clock } from "../lib/clock.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { Secret } from "../lib/secret.ts";
import { get, text } from "../model/json.ts";

export interface Login {
  readonly user: string;
  readonly password: Secret;
}

/** The `Authorization` header of a login. */
export function basic({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${password.reveal()}`, "utf8").toString("base64")}`;
}

/** A token of the server, good until `renewAt` by our own clock. */
export interface Token {
  readonly bearer: string;
  readonly renewAt: number;
}

/** What a token without a readable time is good for: the server's default is 900 s. */
const DEFAULT_LIFE_MS = 900_000;
const MOST_LIFE_MS = 86_400_000;
const MOST_TOKEN = 8_192;

/**
 * The token of a login's answer. It is renewed after nine tenths of its life, which is measured by the server's own clock and
 * counted by ours, so that two clocks that differ do no harm.
 */
export function tokenFrom(answer: unknown, clock: Clock): Token {
  const token = text(get(answer as never, "data"), "token");
  if (
    token === undefined ||
    token.length > MOST_TOKEN ||
    !/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/.test(token)
  )
    throw new RemoteError(
      "unexpected",
      "the Wazuh server API answered a login without a token: check that url is the API of a manager (port 55000)",
    );
  return { bearer: token, renewAt: clock.now() + lifeOf(token) * 0.9 };
}

function lifeOf(token: string): number {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const { nbf, iat, exp } = claims as { readonly nbf?: unknown; readonly iat?: unknown; readonly exp?: unknown };
    const life = (Number(exp) - Number(nbf ?? iat)) * 1000;
    return life > 0 && life <= MOST_LIFE_MS ? life : DEFAULT_LIFE_MS;
  } catch {
    return DEFAULT_LIFE_MS;
  }
}
