import type { CanonicalValue, ObservableType } from "../model/observable.ts";
import { canonicalEmail, canonicalHost } from "./canonical-host.ts";
import { canonicalCidr, canonicalIp, splitPort } from "./canonical-ip.ts";
import { baseName, canonicalFilename, canonicalPath, canonicalRegkey } from "./canonical-path.ts";
import { canonicalUrl } from "./canonical-url.ts";
import { refang } from "./refang.ts";

export {
  baseName,
  canonicalCidr,
  canonicalEmail,
  canonicalHost,
  canonicalIp,
  canonicalPath,
  canonicalRegkey,
  canonicalUrl,
};

/** Rises whenever the canonical spelling of any value changes: indexes built with another version are pulled and built again. */
export const CANONICAL_VERSION = 2;

/** Hex digits of each hash type that has exactly one length. */
const HASH_LENGTH: Readonly<Partial<Record<ObservableType, number>>> = {
  md5: 32,
  imphash: 32,
  ja3: 32,
  sha1: 40,
  sha224: 56,
  sha256: 64,
  sha384: 96,
  sha512: 128,
};

/**
 * The one spelling of a value of a type, or undefined when the text is not one. Indicators and observables go through here
 * alike, so a disguised value on either side (`hxxp://`, `1.2.3[.]4`) becomes the same. Idempotent; total; linear.
 */
export function canonicalize(type: ObservableType, raw: string): CanonicalValue | undefined {
  switch (type) {
    case "ip":
      return ip(raw);
    case "domain":
      return canonicalHost(raw);
    case "url":
      return canonicalUrl(raw);
    case "email":
      return canonicalEmail(raw);
    case "x509":
      return fingerprint(raw);
    case "filename":
      return canonicalFilename(raw);
    case "path":
      return canonicalPath(raw);
    case "regkey":
      return canonicalRegkey(raw);
    case "mutex":
      return trimmed(raw, 512);
    case "user-agent":
      return trimmed(userAgent(raw), 2_048);
    case "asn":
      return asn(raw);
    case "cve":
      return cve(raw);
    default:
      return hash(raw, HASH_LENGTH[type] ?? 0);
  }
}

function ip(raw: string): CanonicalValue | undefined {
  if (raw.length > 128) return undefined;
  const direct = canonicalIp(raw);
  if (direct !== undefined) return direct;
  return canonicalIp(splitPort(refang(raw)).host);
}

/** Lower-case hex of exactly `length` digits; all zeros and all `f` stand for "none" and are refused. */
function hash(raw: string, length: number): CanonicalValue | undefined {
  if (raw.length < length || raw.length > length + 16) return undefined;
  const text = raw.trim().toLowerCase();
  if (text.length !== length || !isHex(text) || /^(?:0+|f+)$/.test(text)) return undefined;
  return text as CanonicalValue;
}

function isHex(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (!((c >= 48 && c <= 57) || (c >= 97 && c <= 102))) return false;
  }
  return true;
}

/** A certificate's MD5, SHA-1 or SHA-256, with or without colons or ASCII blanks inside; scanners of alerts know no others. */
function fingerprint(raw: string): CanonicalValue | undefined {
  if (raw.length > 128) return undefined;
  const text = raw.trim().replace(/[: \t-\r]/g, "");
  return text.length === 32 || text.length === 40 || text.length === 64 ? hash(text, text.length) : undefined;
}

/** IIS writes `+` for a blank (`Mozilla/5.0+(Windows+NT+10.0)`) and for a plus, so the latter is read where two stand together. */
const JOINED_WORDS = /[^+]\+{1,2}[^+]/;

function userAgent(raw: string): string {
  const text = raw.length > 2_048 ? raw : raw.trim();
  return text.includes("+") && !/\s/.test(text) && JOINED_WORDS.test(text) ? text.replace(/\+(\+?)/g, " $1") : text;
}

function trimmed(raw: string, limit: number): CanonicalValue | undefined {
  const text = raw.trim();
  if (text === "" || text === "-" || text.length > limit) return undefined;
  return text as CanonicalValue;
}

/** With one hyphen at most: `as--64500` is a token of its own for the scanners of alerts. */
function asn(raw: string): CanonicalValue | undefined {
  const digits = /^\s{0,4}(?:asn?)?(?!--)[ :-]{0,2}(\d{1,10})(?:\s|$)/i.exec(raw)?.[1];
  if (digits === undefined) return undefined;
  const number = Number(digits);
  return number > 0 && number < 4_294_967_296 ? (String(number) as CanonicalValue) : undefined;
}

function cve(raw: string): CanonicalValue | undefined {
  const text = raw.trim();
  return /^cve-(?:19|20)\d{2}-\d{4,7}$/i.test(text) ? (text.toUpperCase() as CanonicalValue) : undefined;
}
