import type { JsonObject, JsonValue } from "../model/json.ts";
import { lanes, MULTIPLY_A, MULTIPLY_B, type Seed, spread } from "./index/hash.ts";
import type { Gate } from "./index/gate-keys.ts";
import { type GateTable, inGate } from "./index/tables.ts";
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
import { END_WORDS, endBit, LENGTH_BITS, hashIp6, hashNet4, isTrimmed, parseIp6, parseIpv4 } from "./tokens.ts";

/** Of the IPv6 address just read. */
const groups = new Uint16Array(8);

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

const KINDS = new Uint8Array(65_536).fill(SPECIAL, 128);
const LOWER = new Uint8Array(128);
for (let c = 0; c < 128; c++) {
  LOWER[c] = c >= 65 && c <= 90 ? c + 32 : c;
  const letter = c | 32;
  if (c >= 48 && c <= 57) KINDS[c] = DIGIT;
  else if (c >= 65 && letter >= 97 && letter <= 122) KINDS[c] = letter <= 102 ? HEX : LETTER;
}
KINDS[46] = DOT;
KINDS[45] = KINDS[95] = DASH;
for (const c of "%[({\\:") KINDS[c.charCodeAt(0)] = SPECIAL;

export interface Nominator {
  nominates(event: JsonObject): boolean;
  /** One string of an alert. */
  nominatesText(text: string): boolean;
}

/** Over the gates of one generation's layers; they must share their seed. */
export function createNominator(gates: readonly Gate[]): Nominator {
  return gates.length === 0 ? { nominates: () => false, nominatesText: () => false } : new Scanner(gates);
}

/**
 * Looks for gate keys in the strings of an alert without allocating: one pass over the characters cuts tokens; of those whose
 * ending occurs in the index, and only of those, a hash is made from right to left, which gives every parent domain on the way.
 */
class Scanner implements Nominator {
  readonly #seedA: number;
  readonly #seedB: number;
  readonly #seed: Seed;
  readonly #gates: readonly GateTable[];
  readonly #ends = new Uint32Array(END_WORDS);
  readonly #plainLengths = new Uint8Array(256);
  readonly #prefixes4: readonly number[];
  readonly #prefixes6: readonly number[];
  readonly #plainNumbers: boolean;
  #optionText = "";
  #optionAnswer = false;
  #base64Text = "";
  #base64Answer = false;

  constructor(gates: readonly Gate[]) {
    this.#seed = (gates[0] as Gate).seed;
    this.#seedA = this.#seed.a;
    this.#seedB = this.#seed.b;
    this.#gates = gates.map(({ bloom, set }) => ({ bloom, set }));
    for (const { ends } of gates) for (let at = 0; at < END_WORDS; at++) this.#ends[at]! |= ends[at] as number;
    for (let size = 0; size < 256; size++) {
      this.#plainLengths[size] = ((this.#ends[(LENGTH_BITS + size) >>> 5] as number) >>> size) & 1;
    }
    this.#prefixes4 = [...new Set(gates.flatMap(({ prefixes4 }) => prefixes4))];
    this.#prefixes6 = [...new Set(gates.flatMap(({ prefixes6 }) => prefixes6))];
    this.#plainNumbers = gates.some(({ plainNumbers }) => plainNumbers);
    // `AS0064500` is longer than its key.
    if (this.#plainNumbers) this.#plainLengths.fill(1, 2, 11);
  }

  nominates(event: JsonObject): boolean {
    for (const key in event) {
      if (!MANAGER_MEMBERS.has(key) && this.#value(event[key] as JsonValue, 1)) return true;
    }
    return false;
  }

  #value(value: JsonValue, depth: number): boolean {
    if (typeof value === "string") return this.nominatesText(value);
    if (typeof value === "number") return this.#plainNumbers && this.nominatesText(String(value));
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
    if (length > 32 && length <= 128 && KINDS[text.charCodeAt(2)] !== LETTER && this.#fingerprint(text)) return true;
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
          if (this.#token(text, start, at, seen)) return true;
        } else {
          const size = at - start;
          const mixed = (seen & (DIGIT | LETTER)) === (DIGIT | LETTER) && size > 5;
          // Most words of most alerts have a length that no key has.
          if (mixed || plainLengths[size < 255 ? size : 255] !== 0) {
            if (this.#plain(text, start, at, seen)) return true;
          } else if (size < 16 && start > 0 && text.charCodeAt(start - 1) === 47) {
            if (this.#option(text, start)) return true;
          }
        }
        continue;
      }
      if (kind === SPECIAL) {
        const c = text.charCodeAt(at);
        if (c === 58) {
          colons = at - lastColon <= 5 ? colons + 1 : 1;
          lastColon = at;
          if ((colons === 6 || text.charCodeAt(at + 1) === 58) && this.#ip6(text, at)) return true;
        } else if (c === 37) {
          const percent = percentAt(text, at);
          if (percent === ENCODED_TOKEN) return true;
          if (percent === ENCODED_SEPARATOR && this.#tokenFrom(text, at + 3)) return true;
        } else if (c === 92) {
          if (isEscape(text, at)) return true;
        } else if (c > 127) {
          if (isForeign(text, at) || (c >= 0x2013 && c <= 0x2014 && this.#encodedCommand(text))) return true;
        } else if (isDefanged(text, at)) return true;
      }
      at++;
    }
    return false;
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
    return end > start && this.#token(text, start, end, seen);
  }

  /** A run of token characters, ends not yet trimmed. */
  #token(text: string, start: number, end: number, seen: number): boolean {
    if ((seen & (DOT | DASH)) === 0) return this.#plain(text, start, end, seen);
    let from = start;
    let to = end;
    while (to > from && isTrimmed(text.charCodeAt(to - 1))) to--;
    while (from < to && isTrimmed(text.charCodeAt(from))) from++;
    if (from === to) return false;
    if ((seen & DOT) !== 0 && ((from === start && to === end) || hasDot(text, from, to))) {
      return this.#dotted(text, from, to, seen);
    }
    return this.#plain(text, from, to, seen);
  }

  #plain(text: string, start: number, end: number, seen: number): boolean {
    const length = end - start;
    if (length < 16 && start > 0 && this.#option(text, start)) return true;
    if ((seen & (DIGIT | LETTER)) === (DIGIT | LETTER) && length >= 6 && says64(text, start, end)) {
      if (this.#base64(text)) return true;
    }
    const bit = endBit(
      LOWER[text.charCodeAt(end - 1)] as number,
      length > 1 ? (LOWER[text.charCodeAt(end - 2)] as number) : 0,
      length > 2 ? (LOWER[text.charCodeAt(end - 3)] as number) : 0,
      Math.min(length, 255),
    );
    if (((this.#ends[bit >>> 5] as number) & (1 << bit)) !== 0 && this.#whole(text, start, end)) return true;
    return this.#plainNumbers && isPaddedNumber(text, start, end);
  }

  /** `-e…` or `/e…` with something encoded behind it. */
  #option(text: string, start: number): boolean {
    if ((text.charCodeAt(start) | 32) !== 101 || !opensOption(text.charCodeAt(start - 1))) return false;
    return this.#encodedCommand(text);
  }

  #dotted(text: string, start: number, end: number, seen: number): boolean {
    const letters = (seen & (HEX | LETTER)) !== 0;
    if ((seen & (DIGIT | LETTER)) === (DIGIT | LETTER) && says64(text, start, end) && this.#base64(text)) return true;
    if (!letters) {
      if ((seen & DASH) !== 0 && end - start <= 40 && this.#range(text, start, end)) return true;
      if (this.#prefixes4.length > 0 && this.#networks4(parseIpv4(text, start, end))) return true;
      // Without letters, hyphens and underscores it is no name, so it has no parents.
      if ((seen & DASH) === 0) return this.#ending(text, start, end) && this.#whole(text, start, end);
    }
    return this.#ending(text, start, end) && this.#name(text, start, end);
  }

  /** `1.2.3.4-1.2.3.9`: both ends. */
  #range(text: string, start: number, end: number): boolean {
    const dash = text.indexOf("-", start);
    if (dash < start || dash >= end) return false;
    return this.#token(text, start, dash, DIGIT | DOT) || this.#token(text, dash + 1, end, DIGIT | DOT);
  }

  /** May some dotted key end like this? */
  #ending(text: string, start: number, end: number): boolean {
    const bit = endBit(
      LOWER[text.charCodeAt(end - 1)] as number,
      LOWER[text.charCodeAt(end - 2)] as number,
      end - start > 2 ? (LOWER[text.charCodeAt(end - 3)] as number) : 0,
      0,
    );
    return ((this.#ends[bit >>> 5] as number) & (1 << bit)) !== 0;
  }

  #whole(text: string, start: number, end: number): boolean {
    let a = this.#seedA;
    let b = this.#seedB;
    for (let at = end - 1; at >= start; at--) {
      const c = LOWER[text.charCodeAt(at)] as number;
      a = Math.imul(((a << 5) | (a >>> 27)) ^ c, MULTIPLY_A);
      b = Math.imul(((b << 13) | (b >>> 19)) ^ c, MULTIPLY_B);
    }
    return this.#probe(spread(a), spread(b));
  }

  /** The whole token and every parent domain of two labels or more. */
  #name(text: string, start: number, end: number): boolean {
    let a = this.#seedA;
    let b = this.#seedB;
    let dots = 0;
    for (let at = end - 1; at >= start; at--) {
      const c = LOWER[text.charCodeAt(at)] as number;
      if (c === 46) {
        if (dots++ > 0 && this.#probe(spread(a), spread(b))) return true;
      } else if ((c === 45 || c === 95) && dots > 0 && isTrimmed(text.charCodeAt(at - 1))) {
        // `x.-evil.example`: keys have no marks at their ends.
        if (this.#probe(spread(a), spread(b))) return true;
      }
      a = Math.imul(((a << 5) | (a >>> 27)) ^ c, MULTIPLY_A);
      b = Math.imul(((b << 13) | (b >>> 19)) ^ c, MULTIPLY_B);
    }
    return this.#probe(spread(a), spread(b));
  }

  #probe(h1: number, h2: number): boolean {
    const gates = this.#gates;
    for (let i = 0; i < gates.length; i++) if (inGate(gates[i] as GateTable, h1, h2)) return true;
    return false;
  }

  /** Asked at most once a string: many options in a hostile one must not cost a search each. */
  #encodedCommand(text: string): boolean {
    if (this.#optionText !== text) {
      this.#optionText = text;
      this.#optionAnswer = mayHoldEncodedCommand(text);
    }
    return this.#optionAnswer;
  }

  #base64(text: string): boolean {
    if (this.#base64Text !== text) {
      this.#base64Text = text;
      this.#base64Answer = mayHoldBase64(text);
    }
    return this.#base64Answer;
  }

  #networks4(address: number): boolean {
    if (address < 0) return false;
    for (const prefix of this.#prefixes4) {
      hashNet4(this.#seed, address, prefix);
      if (this.#probe(lanes[0] as number, lanes[1] as number)) return true;
    }
    return false;
  }

  /** IPv6 addresses in the run of hex digits, colons and dots around a place, as extraction would try them one after the other. */
  #ip6(text: string, at: number): boolean {
    let from = at;
    let to = at + 1;
    while (from > 0 && at - from < MAX_IP6_RUN && isIp6Char(text.charCodeAt(from - 1))) from--;
    while (to < text.length && to - at < MAX_IP6_RUN && isIp6Char(text.charCodeAt(to))) to++;
    if (at - from === MAX_IP6_RUN || to - at === MAX_IP6_RUN) return true;
    // `%202a00::1`: the run takes the digits of an encoded blank in.
    const decoded = from > 0 && text.charCodeAt(from - 1) === 37 ? from + 2 : from;
    for (let start = from; start < to; start++) {
      const begins = start === from || start === decoded || text.charCodeAt(start) === 58;
      if (!begins && text.charCodeAt(start - 1) !== 58) continue;
      let end = Math.min(to, start + MAX_IP6);
      while (end > start && text.charCodeAt(end - 1) === 46) end--;
      if (text.charCodeAt(end - 1) === 58 && text.charCodeAt(end - 2) !== 58) end--;
      if (end - start > 2 && this.#address6(text, start, end)) return true;
    }
    return false;
  }

  #address6(text: string, start: number, end: number): boolean {
    if (!parseIp6(text, start, end, groups)) return false;
    // `2a00::1_evil.example`: extraction goes on behind the address.
    if (this.#tokenFrom(text, end)) return true;
    if (groups[5] === 0xffff && !groups.subarray(0, 5).some((group) => group !== 0)) {
      const high = groups[6] as number;
      const low = groups[7] as number;
      if (this.#networks4(high * 65_536 + low)) return true;
      const dotted = `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
      return this.#whole(dotted, 0, dotted.length);
    }
    for (const prefix of this.#prefixes6) {
      hashIp6(this.#seed, groups, prefix);
      if (this.#probe(lanes[0] as number, lanes[1] as number)) return true;
    }
    return false;
  }

  /** A whole string of hex digits with colons or blanks between them: a certificate's fingerprint. */
  #fingerprint(text: string): boolean {
    let a = this.#seedA;
    let b = this.#seedB;
    let digits = 0;
    for (let at = 0; at < text.length; at++) {
      const c = text.charCodeAt(at);
      if (hexValue(c) >= 0) digits++;
      else if (c !== 58 && c !== 32 && (c < 9 || c > 13)) return false;
    }
    if (digits !== 32 && digits !== 40 && digits !== 64) return false;
    for (let at = text.length - 1; at >= 0; at--) {
      const c = text.charCodeAt(at);
      if (hexValue(c) < 0) continue;
      a = Math.imul(((a << 5) | (a >>> 27)) ^ (LOWER[c] as number), MULTIPLY_A);
      b = Math.imul(((b << 13) | (b >>> 19)) ^ (LOWER[c] as number), MULTIPLY_B);
    }
    return this.#probe(spread(a), spread(b));
  }
}

function hasDot(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (text.charCodeAt(at) === 46) return true;
  return false;
}

/** `-` or `/`. */
function opensOption(c: number): boolean {
  return c === 45 || c === 47;
}

/** `64` stands in it after an `e`, as in `base64`. */
function says64(text: string, start: number, end: number): boolean {
  for (let at = start + 5; at < end; at++) {
    if (text.charCodeAt(at) === 52 && text.charCodeAt(at - 1) === 54 && (text.charCodeAt(at - 2) | 32) === 101)
      return true;
  }
  return false;
}

/** `AS0064500`, `0064500`: the same AS number as `64500`. */
function isPaddedNumber(text: string, start: number, end: number): boolean {
  let at = start;
  if ((text.charCodeAt(at) | 32) === 97 && (text.charCodeAt(at + 1) | 32) === 115) at += 2;
  if (at > start && (text.charCodeAt(at) | 32) === 110) at++;
  if (at > start && text.charCodeAt(at) === 45) at++;
  if (text.charCodeAt(at) !== 48 || end - at < 2 || end - at > 10) return false;
  for (; at < end; at++) {
    const c = text.charCodeAt(at);
    if (c < 48 || c > 57) return false;
  }
  return true;
}

function isIp6Char(c: number): boolean {
  return c === 58 || c === 46 || hexValue(c) >= 0;
}
