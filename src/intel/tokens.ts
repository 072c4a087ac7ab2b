import type { IndicatorPattern, IndicatorType } from "../model/indicator.ts";
import { parseIpv6 } from "./canonical-ip.ts";
import { hashText, hashWords, type Seed } from "./index/hash.ts";
import { isPopularHost } from "./popular-hosts.ts";
import { hexValue } from "./token-disguise.ts";

/**
 * Gate keys: what of an indicator must show in an alert before it is worth extracting anything. One module for the builder of
 * the index and for the scanners of alerts, because both must cut tokens alike: a token is a run of ASCII letters, digits and
 * `._-`, lower-cased, without `._-` at its ends.
 */
export type GateKey =
  /** A token with a dot inside is probed with all its parents (`a.evil.example` and `evil.example`), any other as a whole. */
  | { readonly kind: "token"; readonly text: string }
  /** Eight groups of 16 bits, host bits zero; `prefix` 128 for a plain address. */
  | { readonly kind: "ip6"; readonly groups: readonly number[]; readonly prefix: number }
  | { readonly kind: "net4"; readonly address: number; readonly prefix: number };

const TOKEN = /[a-z0-9._-]{1,4096}/g;
const MOST_GATED = 4_096;

/** Parts of free text that are so common, or so often spelled otherwise, that gating by them would be useless or unsafe. */
const COMMON = new Set(
  (
    "windows system32 syswow64 program files x86 users public appdata local roaming temp programdata microsoft explorer " +
    "currentversion run runonce services policies wow6432node internet settings device harddiskvolume " +
    "global local sessions basenamedobjects mozilla applewebkit chrome safari gecko firefox khtml like compatible msie " +
    "linux android mobile version usr bin var tmp home etc opt root desktop downloads documents exe dll"
  ).split(" "),
);

/** A part of paths that `canonicalPath` may have put there itself, as `%system%`. */
const REWRITTEN_FOLDERS = new Set(["system32"]);

/** Parts of registry keys that `canonicalRegkey` may have put there itself. */
const REWRITTEN_KEYS = new Set(["software", "classes", "currentcontrolset", "system"]);

/** Keys of which at least one is in every alert that can yield a match. Empty: the indicator is too general to be gated. */
export function gateKeys(type: IndicatorType, pattern: IndicatorPattern, value: string): readonly GateKey[] {
  switch (type) {
    case "ip":
      return [pattern === "cidr" ? networkKey(value) : addressKey(value)];
    case "url":
      return keysOfUrl(value);
    case "email":
      return keysOfHost(value.slice(value.lastIndexOf("@") + 1));
    case "asn":
      return ["", "as", "asn", "as-", "asn-"].map((prefix) => ({ kind: "token", text: prefix + value }));
    case "domain": {
      // `x.-` would be left with a single label, and parents of one label are not probed.
      const keys = keysOfHost(value);
      return keys.every((key) => key.kind === "token" && key.text.includes(".")) ? keys : [];
    }
    case "path":
      return freeText(/^(?:%|[a-z]:)/.test(value) ? value.slice(value.indexOf("/") + 1) : value, REWRITTEN_FOLDERS);
    case "regkey":
      return freeText(value.slice(value.indexOf("\\") + 1), REWRITTEN_KEYS);
    case "filename":
    case "mutex":
    case "user-agent":
      return freeText(value);
    default:
      return keysOfHost(value);
  }
}

function addressKey(value: string): GateKey {
  if (!value.includes(":")) return { kind: "token", text: value };
  return { kind: "ip6", groups: parseIpv6(value), prefix: 128 };
}

function networkKey(value: string): GateKey {
  const slash = value.indexOf("/");
  const prefix = Number(value.slice(slash + 1));
  const address = value.slice(0, slash);
  if (address.includes(":")) return { kind: "ip6", groups: parseIpv6(address), prefix };
  return { kind: "net4", address: parseIpv4(address, 0, address.length), prefix };
}

function keysOfHost(host: string): readonly GateKey[] {
  if (host.includes(":")) return [addressKey(host)];
  const text = trimToken(host);
  return text === "" ? [] : [{ kind: "token", text }];
}

/** A URL's host; on a popular one a telling part of its path, which must show in the alert as well and does in few. */
function keysOfUrl(url: string): readonly GateKey[] {
  const host = hostOfUrl(url);
  const path = isPopularHost(host) ? tellingPart(url.slice(url.indexOf("/", url.indexOf("://") + 3))) : "";
  return path === "" ? keysOfHost(host) : [{ kind: "token", text: path }];
}

const LEAST_TELLING = 7;

/**
 * The longest token of a URL's path and query that is literal in every spelling of it. What stands beside `%` is not: an alert may
 * have the same character encoded or plain. Nor is what stands before `://`, which may be `hxxp` there, or the part behind `#`, which
 * canonical URLs have not, or what looks like any other.
 */
function tellingPart(path: string): string {
  let best = "";
  for (const { 0: run, index } of path.slice(0, MOST_GATED).toLowerCase().matchAll(TOKEN)) {
    const end = index + run.length;
    if (path[index - 1] === "%" || path[end] === "%" || path.startsWith("://", end)) continue;
    const text = trimToken(run);
    if (text.length <= best.length || text.length < LEAST_TELLING) continue;
    if (!COMMON.has(text) && !/^[\d.]+$/.test(text)) best = text;
  }
  return best;
}

/** Host of a canonical URL, brackets dropped. */
export function hostOfUrl(url: string): string {
  const from = url.indexOf("://") + 3;
  if (url[from] === "[") return url.slice(from + 1, url.indexOf("]", from));
  let to = from;
  while (to < url.length && !":/?#".includes(url[to] as string)) to++;
  return url.slice(from, to);
}

/** The longest token that is not common; inner ones are as good as outer ones, since the value must be there whole. */
function freeText(value: string, unsafe?: ReadonlySet<string>): readonly GateKey[] {
  let best = "";
  let bestRank = 0;
  for (const [run] of value.slice(0, MOST_GATED).toLowerCase().matchAll(TOKEN)) {
    const text = trimToken(run);
    if (text === "" || unsafe?.has(text)) continue;
    const rank = COMMON.has(text) || /^[\d.]+$/.test(text) ? Math.min(text.length, 30) : 1_000 + text.length;
    if (rank > bestRank) {
      best = text;
      bestRank = rank;
    }
  }
  return best === "" ? [] : [{ kind: "token", text: best }];
}

/** The token as both sides hash it: no `.`, `_`, `-` at its ends. */
export function trimToken(token: string): string {
  let from = 0;
  let to = token.length;
  while (from < to && isTrimmed(token.charCodeAt(from))) from++;
  while (to > from && isTrimmed(token.charCodeAt(to - 1))) to--;
  return token.slice(from, to);
}

/** `-`, `.` and `_`. */
export function isTrimmed(c: number): boolean {
  return c === 45 || c === 46 || c === 95;
}

/** Salts that keep the kinds of keys apart. */
const SALT_TOKEN = 0;
const SALT_IP6 = 0x600;
const SALT_NET4 = 0x400;

/** Of a token without a dot only so many characters, from its end, are hashed: 96 bits of a hash are plenty to nominate. */
export const PLAIN_HASHED = 24;

/** Leaves the key's hash in `lanes`. */
export function hashGateKey(seed: Seed, key: GateKey): void {
  if (key.kind === "token")
    hashText(seed, key.text.includes(".") ? key.text : key.text.slice(-PLAIN_HASHED), SALT_TOKEN);
  else if (key.kind === "ip6") hashIp6(seed, key.groups, key.prefix);
  else hashNet4(seed, key.address, key.prefix);
}

const words = new Uint32Array(8);

/** Leaves the hash of the first `prefix` bits of an IPv6 address in `lanes`. */
export function hashIp6(seed: Seed, groups: ArrayLike<number>, prefix: number): void {
  for (let i = 0; i < 8; i++) {
    const bits = Math.max(0, Math.min(16, prefix - i * 16));
    words[i] = (groups[i] as number) & (0xffff & (0xffff << (16 - bits)));
  }
  hashWords(seed, words, 8, SALT_IP6 + prefix);
}

/** Leaves the hash of the first `prefix` bits of an IPv4 address in `lanes`. */
export function hashNet4(seed: Seed, address: number, prefix: number): void {
  words[0] = prefix === 0 ? 0 : (address & (-1 << (32 - prefix))) >>> 0;
  hashWords(seed, words, 1, SALT_NET4 + prefix);
}

/** Dotted IPv4 in `text[from, to)` as an unsigned number, or -1: four octets, no leading zeros. */
export function parseIpv4(text: string, from: number, to: number): number {
  let address = 0;
  let octet = -1;
  let octets = 1;
  for (let at = from; at < to; at++) {
    const c = text.charCodeAt(at);
    if (c === 46) {
      if (octet < 0) return -1;
      address = address * 256 + octet;
      octet = -1;
      octets++;
    } else {
      if (c < 48 || c > 57 || octet === 0) return -1;
      octet = (octet < 0 ? 0 : octet * 10) + c - 48;
      if (octet > 255) return -1;
    }
  }
  return octet < 0 || octets !== 4 ? -1 : address * 256 + octet;
}

/** IPv6 without zone in `text[from, to)`, read into eight groups; false when it is none. */
export function parseIp6(text: string, from: number, to: number, groups: Uint16Array): boolean {
  let filled = 0;
  let gap = -1;
  let at = from;
  if (text.charCodeAt(at) === 58) {
    if (text.charCodeAt(at + 1) !== 58) return false;
    gap = 0;
    at += 2;
  }
  while (at < to) {
    if (filled === 8) return false;
    let value = 0;
    let end = at;
    for (; end < to && end - at < 5; end++) {
      const digit = hexValue(text.charCodeAt(end));
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (end === at || end - at > 4) return false;
    const next = end < to ? text.charCodeAt(end) : 0;
    if (next === 46) {
      const address = filled > 6 ? -1 : parseIpv4(text, at, to);
      if (address < 0) return false;
      groups[filled++] = address >>> 16;
      groups[filled++] = address & 0xffff;
      break;
    }
    groups[filled++] = value;
    if (end === to) break;
    if (next !== 58) return false;
    at = end + 1;
    if (at < to && text.charCodeAt(at) === 58) {
      if (gap >= 0) return false;
      gap = filled;
      at++;
    } else if (at === to) return false;
  }
  if (gap < 0) return filled === 8;
  if (filled > 7) return false;
  groups.copyWithin(gap + 8 - filled, gap, filled);
  groups.fill(0, gap, gap + 8 - filled);
  return true;
}

/** Words of the bitmap of {@link endBit}; the last eight say which lengths (255: and longer) tokens without a dot have. */
export const END_WORDS = 2_056;
export const LENGTH_BITS = 65_536;

/**
 * Number (0–65535) of the bit that stands for a token's last three characters and, unless it has a dot inside, its length. Most
 * words of an alert end otherwise than every key of the index, so one look at an 8 KiB bitmap spares their hash.
 */
export function endBit(last: number, second: number, third: number, plainLength: number): number {
  return (Math.imul(last | (second << 8) | (third << 16), 0x9e3779b1) + Math.imul(plainLength, 0x5bd1e995)) >>> 16;
}

/** Marks a token in a bitmap of {@link END_WORDS} words. */
export function markEnd(ends: Uint32Array, token: string): void {
  const at = token.length;
  const plain = token.includes(".") ? 0 : Math.min(at, 255);
  const bit = endBit(
    token.charCodeAt(at - 1),
    at > 1 ? token.charCodeAt(at - 2) : 0,
    at > 2 ? token.charCodeAt(at - 3) : 0,
    plain,
  );
  ends[bit >>> 5]! |= 1 << bit;
  if (plain > 0) ends[(LENGTH_BITS + plain) >>> 5]! |= 1 << plain;
}
