import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { isLoopback } from "./http-front-listen.ts";
import type { Secret } from "./secret.ts";

/** Why a request is not let in; for people, names no secret. */
export type Refusal = "no token" | "wrong token" | "sent by a web page" | "asked for by a foreign name";

/**
 * Undefined: let in. With a token: `Authorization: Bearer TOKEN`, or Basic with the token as password, which is what Graylog's
 * and Fluent Bit's own settings can send. Without one (loopback only) whatever a browser was made to send is kept out: pages from
 * anywhere can post to loopback, and a name of somebody's own can be bent to it.
 */
export function refusalOf(request: IncomingMessage, token: Secret | undefined): Refusal | undefined {
  if (token !== undefined) {
    const given = givenToken(request.headers.authorization);
    if (given === undefined) return "no token";
    return sameText(given, token.reveal()) ? undefined : "wrong token";
  }
  const { origin, host } = request.headers;
  if (origin !== undefined || (request.headers["sec-fetch-site"] ?? "none") !== "none") return "sent by a web page";
  return isOwnName(host) ? undefined : "asked for by a foreign name";
}

function givenToken(authorization: string | undefined): string | undefined {
  const [scheme = "", value = ""] = (authorization ?? "").trim().split(/\s+/, 2);
  if (value === "") return undefined;
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return undefined;
  const decoded = Buffer.from(value, "base64").toString("utf8");
  return decoded.slice(decoded.indexOf(":") + 1);
}

/** In a time that tells nothing about either, their lengths included. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(a), digest(b));
}

function isOwnName(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host
    .replace(/:\d{1,5}$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  return isLoopback(name) || isIP(name) !== 0;
}
