import { domainToASCII } from "node:url";
import type { CanonicalValue } from "../model/observable.ts";
import { refang } from "./refang.ts";

const canonical = (value: string): CanonicalValue => value as CanonicalValue;

/**
 * A dotted host name: lower case, no trailing dot, IDNA; at most 253 characters, labels of at most 63 letters, digits,
 * hyphens and underscores. An address, a name that ends in a number and a name without a dot are refused.
 */
export function canonicalHost(raw: string): CanonicalValue | undefined {
  const name = hostName(raw);
  return name?.includes(".") ? canonical(name) : undefined;
}

/**
 * Like {@link canonicalHost}, but a single label (`localhost`) passes: the host of a URL may be one. It must be of ASCII as it stands
 * there, for scanners of alerts look at letters beyond ASCII in dotted names only.
 */
export function hostName(raw: string): string | undefined {
  if (raw.length > 1_024) return undefined;
  let text = raw.trim();
  const ascii = isAscii(text);
  if (!ascii) {
    text = domainToASCII(refang(text));
  } else if (text.includes("[") || text.includes("(") || text.includes("{") || text.includes("\\")) text = refang(text);
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 46) end--;
  text = text.slice(0, end);
  if (!ascii && !text.includes(".")) return undefined;
  if (text.length === 0 || text.length > 253 || !isHostAscii(text)) return undefined;
  return text.toLowerCase();
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

function isHostAscii(text: string): boolean {
  let labelStart = 0;
  let digitsOnly = true;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
      if (i === labelStart || i - labelStart > 63) return false;
      labelStart = i + 1;
      digitsOnly = true;
    } else if (c < 48 || c > 57) {
      if (!((c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 45 || c === 95)) return false;
      digitsOnly = false;
    }
  }
  // A name that ends in a number is an address or nothing (WHATWG URL, "ends in a number").
  return text.length > labelStart && text.length - labelStart <= 63 && !digitsOnly;
}

const LOCAL_PART = /^[a-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\uffff-]{1,64}$/;

/** An e-mail address in lower case; `mailto:`, angle brackets and quotes around it are dropped. */
export function canonicalEmail(raw: string): CanonicalValue | undefined {
  if (raw.length > 512) return undefined;
  let text = unwrapped(refang(raw).toLowerCase());
  if (text.startsWith("mailto:")) text = unwrapped(text.slice(7));
  const at = text.lastIndexOf("@");
  if (at < 1) return undefined;
  const local = text.slice(0, at);
  const host = canonicalHost(text.slice(at + 1));
  return host !== undefined && LOCAL_PART.test(local) ? canonical(`${local}@${host}`) : undefined;
}

function unwrapped(text: string): string {
  return text.replace(/^[<"'\s]+/, "").replace(/(?<![>"'\s])[>"'\s]+$/, "");
}
