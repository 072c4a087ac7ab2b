import { hash, timingSafeEqual } from "node:crypto";
import { hmacSha256 } from "../lib/hmac.ts";
import type { Mode } from "../model/finding.ts";

/** What a finding's id is made of. `indicator` only for retro: one alert can then have several findings. */
export interface FindingIdParts {
  readonly node: string;
  readonly rawHash: string;
  readonly mode: Mode;
  readonly indicator?: string;
}

const DIGEST_HEX = 24;
const MAC_HEX = 16;

/** 24 hex digits that name the finding and 16 that prove the key: equal parts give equal ids, and nobody else can make one. */
export function findingId(key: Buffer, { node, rawHash, mode, indicator }: FindingIdParts): string {
  return derivedId(key, ["alert", node, rawHash, mode, ...(indicator === undefined ? [] : [indicator])]);
}

/** The id of a finding that is made from others (repeats, spread): from its kind and the ids it stems from. */
export function derivedId(key: Buffer, parts: readonly string[]): string {
  // The length keeps ("ab","c") and ("a","bc") apart.
  const text = parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join("");
  const digest = hash("sha256", text, "hex").slice(0, DIGEST_HEX);
  return digest + macOf(key, digest);
}

/** Whether an id was made with this key; needs nothing but the id, and its time tells nothing about the key. */
export function isOurs(key: Buffer, id: string): boolean {
  if (!/^[0-9a-f]{40}$/.test(id)) return false;
  const given = Buffer.from(id.slice(DIGEST_HEX), "latin1");
  return timingSafeEqual(given, Buffer.from(macOf(key, id.slice(0, DIGEST_HEX)), "latin1"));
}

function macOf(key: Buffer, digest: string): string {
  return hmacSha256(key, `tipline finding ${digest}`).slice(0, MAC_HEX);
}
