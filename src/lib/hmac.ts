import { hash } from "node:crypto";

const BLOCK_BYTES = 64;
const INNER = 0x36;
const OUTER = 0x5c;

interface Pads {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

/** By key; a key's bytes never change. */
const PADS = new WeakMap<Uint8Array, Pads>();

/**
 * HMAC-SHA-256 (RFC 2104) of a text in UTF-8, as hex. Node's own `createHmac` makes a stream each time, which costs three times the
 * hashing of what is a line long, and some are made for every finding.
 */
export function hmacSha256(key: Uint8Array, text: string): string {
  const { inner, outer } = padsOf(key);
  const digest = hash("sha256", Buffer.concat([inner, Buffer.from(text)]), "buffer");
  return hash("sha256", Buffer.concat([outer, digest]), "hex");
}

function padsOf(key: Uint8Array): Pads {
  const known = PADS.get(key);
  if (known !== undefined) return known;
  const block = key.length > BLOCK_BYTES ? hash("sha256", key, "buffer") : key;
  const padded = (pad: number) => Buffer.alloc(BLOCK_BYTES, pad).map((byte, at) => byte ^ (block[at] ?? 0));
  const pads = { inner: Buffer.from(padded(INNER)), outer: Buffer.from(padded(OUTER)) };
  PADS.set(key, pads);
  return pads;
}
