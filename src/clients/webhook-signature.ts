import { createHmac } from "node:crypto";
import { TiplineError } from "../lib/errors.ts";
import { Secret } from "../lib/secret.ts";

const PREFIX = "whsec_";
const LEAST_BYTES = 24;
const MOST_BYTES = 64;

/** A key of Standard Webhooks; its bytes are shown nowhere. */
export interface SigningKey {
  sign(content: string): string;
}

/** The key in `whsec_` and base64 of 24 to 64 bytes. Throws TiplineError; the text is in no message. */
export function signingKey(secret: Secret, where: string): SigningKey {
  const text = secret.reveal();
  const base64 = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : "";
  const bytes = Buffer.from(base64, "base64");
  // Node skips what is no base64, so a mistyped secret would sign with another key.
  const exact = bytes.toString("base64").replace(/=+$/, "") === base64.replace(/=+$/, "");
  if (base64 === "" || !exact || bytes.length < LEAST_BYTES || bytes.length > MOST_BYTES)
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `${where}: expected a signing secret, ${PREFIX} and base64 of ${LEAST_BYTES} to ${MOST_BYTES} bytes; make one with: echo "${PREFIX}$(openssl rand -base64 32)"`,
    );
  const key = new Secret(bytes.toString("base64"));
  return {
    sign: (content) =>
      createHmac("sha256", Buffer.from(key.reveal(), "base64")).update(content, "utf8").digest("base64"),
  };
}

/**
 * Headers of one attempt (Standard Webhooks 1.0): `id` is the same at every attempt and has no dot, `seconds` is the time of this
 * attempt. One signature for each key, so that a receiver may know the old or the new one.
 */
export function webhookHeaders(
  keys: readonly SigningKey[],
  id: string,
  seconds: number,
  body: string,
): Readonly<Record<string, string>> {
  const headers = { "webhook-id": id, "webhook-timestamp": String(seconds) };
  if (keys.length === 0) return headers;
  const content = `${id}.${seconds}.${body}`;
  return { ...headers, "webhook-signature": keys.map((key) => `v1,${key.sign(content)}`).join(" ") };
}
