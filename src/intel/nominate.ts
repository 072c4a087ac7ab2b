import type { JsonObject, JsonValue } from "../model/json.ts";
import type { Gate } from "./index/gate-keys.ts";
import { GateProbe } from "./index/gate-probe.ts";
import {
  ENCODED_SEPARATOR,
  ENCODED_TOKEN,
  hexValue,
  isDefanged,
  isEscape,
  isForeign,
  mayHoldBase64,
  mayHoldEncodedCommand,
  percentAt,
} from "./token-disguise.ts";
import { isTrimmed, parseIp6, parseIpv4 } from "./tokens.ts";

/** Members that the manager itself wrote: extraction never looks into them, so neither do scanners. */
export const MANAGER_MEMBERS: ReadonlySet<string> = new Set([
  "rule",
  "decoder",
  "manager",
  "cluster",
  "agent",
  "predecoder",
  "location",
  "timestamp",
  "@timestamp",
  "id",
  "input",
  "GeoLocation",
]);

/** Extraction goes 64 levels deep. */
const MAX_DEPTH = 70;
/** Longest run that is looked at for an IPv6 address, to each side; a longer one is for extraction to judge. */
const MAX_IP6_RUN = 200;
/** Extraction reads at most so many characters as one address. */
const MAX_IP6 = 46;

/** Kinds of characters; what is 0 separates tokens. */
const DIGIT = 1;
const HEX = 2;
const LETTER = 4;
const DOT = 8;
const DASH = 16;
const TOKEN = DIGIT | HEX | LETTER | DOT | DASH;
/** Needs a closer look. */
const SPECIAL = 32;
/** The digits of `base64`. */
const SIX = 64;
const FOUR = 128;
/** A token that may say `base64`. */
const MAY_SAY_BASE64 = LETTER | SIX | FOUR;

const KINDS = new Uint8Array(65_536).fill(SPECIAL, 128);
for (let c = 48; c < 58; c++) KINDS[c] = DIGIT;
for (let c = 97; c < 123; c++) KINDS[c] = KINDS[c - 32] = c < 103 ? HEX : LETTER;
KINDS[46] = DOT;
KINDS[45] = KINDS[95] = DASH;
KINDS[54]! |= SIX;
KINDS[52]! |= FOUR;
for (const c of "%[({\\:") KINDS[c.charCodeAt(0)] = SPECIAL;

/** What may follow a bracket in `[.]`, `(dot)`, `{at}`, `[://]`, blanks included, and in `(3)www(4)evil(3)com(0)`. */
const AFTER_BRACKET = new Uint8Array(128);
for (const c of " .:/@%dDaA123456789") AFTER_BRACKET[c.charCodeAt(0)] = 1;

/** Of the IPv6 address just read. */
const groups = new Uint16Array(8);

export interface Nominator {
  nominates(event: JsonObject): boolean;
  /** One string of an alert. */
  nominatesText(text: string): boolean;
}

/** Over the gates of one generation's layers; they must share their seed. */
export function createNominator(gates: readonly Gate[]): Nominator {
  return gates.length === 0
    ? { nominates: () => false, nominatesText: () => false }
    : new Scanner(new GateProbe(gates));
}

/**
 * Looks for gate keys in the strings of an alert without allocating: one pass over the characters cuts tokens; of those whose
 * ending occurs in the index, and only of those, a hash is made from right to left, which gives every parent domain on the way.
 */
class Scanner implements Nominator {
  readonly #probe: GateProbe;
  readonly #plainLengths: Uint8Array;
  readonly #prints: boolean;
  #optionText = "";
  #optionAnswer = false;
  #base64Text = "";
  #base64Answer = false;

  constructor(probe: GateProbe) {
    this.#probe = probe;
    this.#plainLengths = probe.plainLengths.slice();
    this.#prints = probe.prints;
    // `AS0064500` and `ASN-0000064500` are longer than their key.
    if (probe.plainNumbers) this.#plainLengths.fill(1, 2, 15);
  }

  nominates(event: JsonObject): boolean {
    for (const key in event) {
      if (!MANAGER_MEMBERS.has(key) && this.#value(event[key] as JsonValue, 1)) return true;
    }
    return false;
  }

  #value(value: JsonValue, depth: number): boolean {
    if (typeof value === "string") return this.nominatesText(value);
    if (typeof value === "number") return this.#probe.plainNumbers && this.nominatesText(String(value));
    if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return false;
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) if (this.#value(value[i] as JsonValue, depth + 1)) return true;
      return false;
    }
    const members = value as JsonObject;
    for (const key in members) if (this.#value(members[key] as JsonValue, depth + 1)) return true;
    return false;
  }

  nominatesText(text: string): boolean {
    const length = text.length;
    if (
      this.#prints &&
      length > 32 &&
      length <= 128 &&
      KINDS[text.charCodeAt(2)] !== LETTER &&
      this.#fingerprint(text.trim())
    )
      return true;
    const plainLengths = this.#plainLengths;
    let colons = 0;
    let lastColon = -9;
    let at = 0;
    while (at < length) {
      let kind = KINDS[text.charCodeAt(at)] as number;
      if ((kind & TOKEN) !== 0) {
        const start = at;
        let seen = kind;
        while (++at < length) {
          kind = KINDS[text.charCodeAt(at)] as number;
          if ((kind & TOKEN) === 0) break;
          seen |= kind;
        }
        if ((seen & (DOT | DASH)) !== 0) {
          if (this.#marked(text, start, at, seen)) return true;
        } else {
          // Most words of most alerts have a length that no key has.
          const size = at - start;
          if (plainLengths[Math.min(size, 255)] !== 0 && this.#plain(text, start, at)) return true;
          if ((seen & MAY_SAY_BASE64) === MAY_SAY_BASE64 && this.#base64(text, start, at)) return true;
          if (start > 0 && text.charCodeAt(start - 1) === 47 && this.#option(text, start, at)) return true;
        }
      } else {
        if (kind !== 0 && this.#special(text, at)) return true;
        if (text.charCodeAt(at) === 58) {
          colons = !isJoin(text, at) ? 0 : at - lastColon <= 5 && isGroup(text, lastColon + 1, at) ? colons + 1 : 1;
          lastColon = at;
          if (colons === 6 && this.#ip6(text, at)) return true;
        }
        at++;
      }
    }
    return false;
  }

  /** A character that may begin a disguise. */
  #special(text: string, at: number): boolean {
    const c = text.charCodeAt(at);
    const next = at + 1 < text.length ? text.charCodeAt(at + 1) : 0;
    if (c === 92) {
      if ((next | 32) === 117 || (next | 32) === 120) return isEscape(text, at);
      // `\nevil.example` in a string that is JSON itself: the letter is not part of the name.
      return isEscapeLetter(next) && this.#tokenFrom(text, at + 2);
    }
    if (c === 58) return next === 58 && this.#ip6(text, at);
    if (c === 37) {
      const percent = percentAt(text, at);
      return percent === ENCODED_TOKEN || (percent === ENCODED_SEPARATOR && this.#tokenFrom(text, at + 3));
    }
    if (c < 128) return next < 128 && AFTER_BRACKET[next] !== 0 && isDefanged(text, at);
    return isForeign(text, at) || ((c === 0x2013 || c === 0x2014) && this.#encodedCommand(text));
  }

  /** The token that begins here for extraction, though for the main pass it began earlier (`%XX` before it). */
  #tokenFrom(text: string, start: number): boolean {
    let end = start;
    let seen = 0;
    for (; end < text.length; end++) {
      const kind = KINDS[text.charCodeAt(end)] as number;
      if ((kind & TOKEN) === 0) break;
      seen |= kind;
    }
    if (end === start) return false;
    return (seen & (DOT | DASH)) === 0 ? this.#plain(text, start, end) : this.#marked(text, start, end, seen);
  }

  /** A run of token characters with `.`, `-` or `_` somewhere. */
  #marked(text: string, start: number, end: number, seen: number): boolean {
    let from = start;
    let to = end;
    while (to > from && isTrimmed(text.charCodeAt(to - 1))) to--;
    while (from < to && isTrimmed(text.charCodeAt(from))) from++;
    if (from === to) return false;
    if ((seen & MAY_SAY_BASE64) === MAY_SAY_BASE64 && this.#base64(text, from, to)) return true;
    if ((seen & DOT) !== 0 && ((from === start && to === end) || hasDot(text, from, to))) {
      return this.#dotted(text, from, to, seen);
    }
    if (from > start && this.#option(text, from, to)) return true;
    return this.#plainLengths[Math.min(to - from, 255)] !== 0 && this.#plain(text, from, to);
  }

  #plain(text: string, start: number, end: number): boolean {
    if (this.#probe.plain(text, start, end)) return true;
    const number = this.#probe.plainNumbers ? paddedNumber(text, start, end) : end;
    return number < end && this.#probe.plain(text, number, end);
  }

  #dotted(text: string, start: number, end: number, seen: number): boolean {
    if ((seen & (HEX | LETTER)) !== 0) return this.#probe.dotted(text, start, end, true);
    if (this.#probe.hasNetworks4 && this.#probe.networks4(parseIpv4(text, start, end))) return true;
    // Without letters, hyphens and underscores it is no name, so it has no parents.
    if ((seen & DASH) === 0) return this.#probe.dotted(text, start, end, false);
    return this.#range(text, start, end) || this.#probe.dotted(text, start, end, true);
  }

  /** `1.2.3.4-1.2.3.9`: both ends. */
  #range(text: string, start: number, end: number): boolean {
    if (end - start > 40) return false;
    const dash = text.indexOf("-", start);
    if (dash < start || dash >= end) return false;
    return this.#marked(text, start, dash, DIGIT | DOT) || this.#marked(text, dash + 1, end, DIGIT | DOT);
  }

  /** `-e…` or `/e…` with something encoded behind it. */
  #option(text: string, start: number, end: number): boolean {
    if ((text.charCodeAt(start) | 32) !== 101 || end - start > 15) return false;
    const before = text.charCodeAt(start - 1);
    return (before === 45 || before === 47) && this.#encodedCommand(text);
  }

  /** Asked at most once a string: many options in a hostile one must not cost a search each. */
  #encodedCommand(text: string): boolean {
    if (this.#optionText !== text) {
      this.#optionText = text;
      this.#optionAnswer = mayHoldEncodedCommand(text);
    }
    return this.#optionAnswer;
  }

  #base64(text: string, start: number, end: number): boolean {
    if (!says64(text, start, end)) return false;
    if (this.#base64Text !== text) {
      this.#base64Text = text;
      this.#base64Answer = mayHoldBase64(text);
    }
    return this.#base64Answer;
  }

  /** IPv6 addresses in the run of hex digits, colons and dots around a place, as extraction would try them one after the other. */
  #ip6(text: string, at: number): boolean {
    let from = at;
    let to = at + 1;
    while (from > 0 && at - from < MAX_IP6_RUN && isIp6Char(text.charCodeAt(from - 1))) from--;
    while (to < text.length && to - at < MAX_IP6_RUN && isIp6Char(text.charCodeAt(to))) to++;
    if (at - from === MAX_IP6_RUN || to - at === MAX_IP6_RUN) return true;
    // `%202a00::1`, `\b2a00::1`: the run takes the digits of an encoded blank in, or the letter of an escape.
    const before = from > 0 ? text.charCodeAt(from - 1) : 0;
    const decoded = before === 37 ? from + 2 : before === 92 ? from + 1 : from;
    for (let start = from; start < to - 2; start++) {
      const begins = start === from || start === decoded || text.charCodeAt(start) === 58;
      if (!begins && text.charCodeAt(start - 1) !== 58) continue;
      let end = Math.min(to, start + MAX_IP6);
      for (let last = text.charCodeAt(end - 1); end > start; last = text.charCodeAt(end - 1)) {
        if (last !== 46 && !(last === 58 && text.charCodeAt(end - 2) !== 58)) break;
        end--;
      }
      if (end - start > 2 && this.#address6(text, start, end)) return true;
    }
    return false;
  }

  #address6(text: string, start: number, end: number): boolean {
    if (!parseIp6(text, start, end, groups)) return false;
    // `2a00::1_evil.example`: extraction goes on behind the address.
    if (end < text.length && this.#tokenFrom(text, end)) return true;
    if (groups[5] === 0xffff && (groups[0]! | groups[1]! | groups[2]! | groups[3]! | groups[4]!) === 0) {
      const high = groups[6] as number;
      const low = groups[7] as number;
      if (this.#probe.networks4(high * 65_536 + low)) return true;
      const dotted = `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
      return this.#probe.dotted(dotted, 0, dotted.length, false);
    }
    return this.#probe.hasIp6 && this.#probe.ip6(groups);
  }

  /** A whole string of hex digits with colons or blanks between them: a certificate's fingerprint. */
  #fingerprint(text: string): boolean {
    let digits = 0;
    for (let at = 0; at < text.length; at++) {
      const c = text.charCodeAt(at);
      if (hexValue(c) >= 0) digits++;
      else if (c !== 58 && c !== 32 && (c < 9 || c > 13)) return false;
    }
    if ((digits !== 32 && digits !== 40 && digits !== 64) || digits === text.length) return false;
    return this.#probe.plain(text.replace(/[: \t-\r]/g, ""), 0, digits);
  }
}

/** `b`, `f`, `n`, `r`, `t`. */
function isEscapeLetter(c: number): boolean {
  return c === 98 || c === 102 || c === 110 || c === 114 || c === 116;
}

function hasDot(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (text.charCodeAt(at) === 46) return true;
  return false;
}

/** `64` stands in it after an `e`, as in `base64`. */
function says64(text: string, start: number, end: number): boolean {
  for (let at = start + 5; at < end; at++) {
    if (text.charCodeAt(at) === 52 && text.charCodeAt(at - 1) === 54 && (text.charCodeAt(at - 2) | 32) === 101)
      return true;
  }
  return false;
}

/** `AS0064500`, `0064500`: the same AS number as `64500`. Where its digits begin, or `end` when it is none. */
function paddedNumber(text: string, start: number, end: number): number {
  let at = start;
  if ((text.charCodeAt(at) | 32) === 97 && (text.charCodeAt(at + 1) | 32) === 115) at += 2;
  if (at > start && (text.charCodeAt(at) | 32) === 110) at++;
  if (at > start && text.charCodeAt(at) === 45) at++;
  if (text.charCodeAt(at) !== 48 || end - at < 2 || end - at > 10) return end;
  while (at < end && text.charCodeAt(at) === 48) at++;
  for (let digit = at; digit < end; digit++) {
    const c = text.charCodeAt(digit);
    if (c < 48 || c > 57) return end;
  }
  return at;
}

/** A colon between hex digits. */
function isJoin(text: string, at: number): boolean {
  return at > 0 && hexValue(text.charCodeAt(at - 1)) >= 0 && hexValue(text.charCodeAt(at + 1)) >= 0;
}

/** One run of hex digits and dots, so that the colons around it belong together. */
function isGroup(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!isIp6Char(text.charCodeAt(at))) return false;
  return true;
}

function isIp6Char(c: number): boolean {
  return c === 58 || c === 46 || hexValue(c) >= 0;
}
