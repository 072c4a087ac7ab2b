import { isIPv6 } from "node:net";
import type { CanonicalValue } from "../model/observable.ts";

const canonical = (value: string): CanonicalValue => value as CanonicalValue;

/**
 * Dotted IPv4 (no leading zeros, exactly four octets) or compressed lower-case IPv6 (RFC 5952); IPv4 mapped into IPv6 gives
 * the IPv4 address. Brackets and a zone (`%eth0`) are dropped. Decimal, octal, hex and dashed spellings are refused.
 */
export function canonicalIp(raw: string): CanonicalValue | undefined {
  if (raw.length < 2 || raw.length > 64) return undefined;
  let text = raw.trim();
  if (isDotted(text)) return canonical(text);
  if (text.startsWith("[") && text.endsWith("]")) text = text.slice(1, -1);
  const zone = text.indexOf("%");
  if (zone > 0) text = text.slice(0, zone);
  if (!text.includes(":") || !isIPv6(text)) return undefined;
  const groups = parseIpv6(text);
  return canonical(mappedIpv4(groups) ?? formatIpv6(groups));
}

/** Exactly four octets without leading zeros. */
function isDotted(text: string): boolean {
  if (text.length < 7 || text.length > 15) return false;
  let octets = 1;
  let octet = -1;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
      if (octet < 0) return false;
      octet = -1;
      octets++;
    } else {
      if (c < 48 || c > 57 || octet === 0) return false;
      octet = octet < 0 ? c - 48 : octet * 10 + c - 48;
      if (octet > 255) return false;
    }
  }
  return octets === 4 && octet >= 0;
}

/** The eight groups of a valid IPv6 address without zone. */
export function parseIpv6(text: string): number[] {
  const gap = text.indexOf("::");
  if (gap < 0) return groupsOf(text);
  const head = groupsOf(text.slice(0, gap));
  const tail = groupsOf(text.slice(gap + 2));
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function groupsOf(part: string): number[] {
  const groups: number[] = [];
  if (part === "") return groups;
  for (const piece of part.split(":")) {
    if (piece.includes(".")) {
      const octets = piece.split(".").map(Number);
      groups.push((octets[0]! << 8) | octets[1]!, (octets[2]! << 8) | octets[3]!);
    } else groups.push(Number.parseInt(piece, 16));
  }
  return groups;
}

function mappedIpv4(groups: readonly number[]): string | undefined {
  for (let i = 0; i < 5; i++) if (groups[i] !== 0) return undefined;
  if (groups[5] !== 0xffff) return undefined;
  const high = groups[6]!;
  const low = groups[7]!;
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** RFC 5952: the first longest run of two or more zero groups becomes `::`. */
function formatIpv6(groups: readonly number[]): string {
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    if (end > i) i = end;
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** A network as `address/prefix` with host bits zeroed; `/32` (IPv6 `/128`) and a bare address give the plain address. */
export function canonicalCidr(raw: string): CanonicalValue | undefined {
  const text = raw.trim();
  const slash = text.indexOf("/");
  if (slash < 0) return canonicalIp(text);
  const bits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(bits)) return undefined;
  const written = text.slice(0, slash);
  const address = canonicalIp(written);
  if (address === undefined) return undefined;
  const v6 = address.includes(":");
  let prefix = Number(bits);
  if (!v6 && written.includes(":")) prefix -= 96;
  const width = v6 ? 128 : 32;
  if (prefix < 0 || prefix > width) return undefined;
  if (prefix === width) return address;
  return canonical(`${v6 ? maskIpv6(address, prefix) : maskIpv4(address, prefix)}/${prefix}`);
}

function maskIpv4(address: string, prefix: number): string {
  const octets = address.split(".").map(Number);
  return octets.map((octet, i) => octet & maskOf(prefix - i * 8, 8)).join(".");
}

function maskIpv6(address: string, prefix: number): string {
  return formatIpv6(parseIpv6(address).map((group, i) => group & maskOf(prefix - i * 16, 16)));
}

function maskOf(bits: number, width: number): number {
  if (bits <= 0) return 0;
  const full = 2 ** width - 1;
  return bits >= width ? full : full & ~(2 ** (width - bits) - 1);
}

/** An address as written beside a port: `1.2.3.4:443`, `[2001:db8::1]:80`, `1.2.3.4/443` is not one. */
export function splitPort(raw: string): { readonly host: string; readonly port?: number } {
  const text = raw.trim();
  const colon = text.lastIndexOf(":");
  if (colon <= 0) return { host: text };
  const bracketed = text.startsWith("[");
  if (bracketed ? text.charCodeAt(colon - 1) !== 93 : text.indexOf(":") !== colon) return { host: text };
  const port = portOf(text.slice(colon + 1));
  return port === undefined ? { host: text } : { host: text.slice(0, colon), port };
}

/** A port number from its digits, or undefined. */
export function portOf(digits: string): number | undefined {
  if (!/^\d{1,5}$/.test(digits)) return undefined;
  const port = Number(digits);
  return port > 0 && port < 65_536 ? port : undefined;
}
