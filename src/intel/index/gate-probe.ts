import { END_WORDS, endBit, hashIp6, hashNet4, isTrimmed, LENGTH_BITS, PLAIN_HASHED } from "../tokens.ts";
import type { Gate } from "./gate-keys.ts";
import { lanes, MULTIPLY_A, MULTIPLY_B, type Seed, spread } from "./hash.ts";
import { inBloom, inSet } from "./tables.ts";

/** Lower-case ASCII. */
const LOWER = new Uint8Array(128);
for (let c = 0; c < 128; c++) LOWER[c] = c >= 65 && c <= 90 ? c + 32 : c;

/** Asks the gates of all layers for tokens and addresses, without allocating. Tokens are ASCII and have no marks at their ends. */
export class GateProbe {
  /** By length of tokens without a dot (255: and longer): 1 when a key has it. */
  readonly plainLengths = new Uint8Array(256);
  readonly plainNumbers: boolean;
  readonly prints: boolean;
  readonly hasNetworks4: boolean;
  readonly hasIp6: boolean;
  readonly #seed: Seed;
  readonly #seedA: number;
  readonly #gates: readonly Gate[];
  readonly #first: Uint32Array;
  readonly #ends = new Uint32Array(END_WORDS);
  readonly #prefixes4: readonly number[];
  readonly #prefixes6: readonly number[];

  /** At least one gate; all of the same seed. */
  constructor(gates: readonly Gate[]) {
    const first = gates[0] as Gate;
    this.#seed = first.seed;
    this.#seedA = first.seed.a;
    this.#gates = gates;
    this.#first = first.bloom;
    for (const { ends } of gates) for (let at = 0; at < END_WORDS; at++) this.#ends[at]! |= ends[at] as number;
    for (let size = 0; size < 256; size++) {
      this.plainLengths[size] = ((this.#ends[(LENGTH_BITS + size) >>> 5] as number) >>> size) & 1;
    }
    this.#prefixes4 = [...new Set(gates.flatMap(({ prefixes4 }) => prefixes4))];
    this.#prefixes6 = [...new Set(gates.flatMap(({ prefixes6 }) => prefixes6))];
    this.hasNetworks4 = this.#prefixes4.length > 0;
    this.hasIp6 = this.#prefixes6.length > 0;
    this.plainNumbers = gates.some(({ plainNumbers }) => plainNumbers);
    this.prints = gates.some(({ prints }) => prints);
  }

  /** A token without a dot. */
  plain(text: string, start: number, end: number): boolean {
    const length = end - start;
    const bit = endBit(
      LOWER[text.charCodeAt(end - 1)] as number,
      length > 1 ? (LOWER[text.charCodeAt(end - 2)] as number) : 0,
      length > 2 ? (LOWER[text.charCodeAt(end - 3)] as number) : 0,
      Math.min(length, 255),
    );
    if (((this.#ends[bit >>> 5] as number) & (1 << bit)) === 0) return false;
    return this.#whole(text, Math.max(start, end - PLAIN_HASHED), end);
  }

  /** A token with a dot, and with `parents` every parent domain of two labels or more. */
  dotted(text: string, start: number, end: number, parents: boolean): boolean {
    const bit = endBit(
      LOWER[text.charCodeAt(end - 1)] as number,
      LOWER[text.charCodeAt(end - 2)] as number,
      end - start > 2 ? (LOWER[text.charCodeAt(end - 3)] as number) : 0,
      0,
    );
    if (((this.#ends[bit >>> 5] as number) & (1 << bit)) === 0) return false;
    return parents ? this.#name(text, start, end) : this.#whole(text, start, end);
  }

  #whole(text: string, start: number, end: number): boolean {
    let a = this.#seedA;
    for (let at = end - 1; at >= start; at--) {
      a = Math.imul(((a << 5) | (a >>> 27)) ^ (LOWER[text.charCodeAt(at)] as number), MULTIPLY_A);
    }
    return this.#hit(spread(a)) && this.#holds(spread(a), text, start, end);
  }

  #name(text: string, start: number, end: number): boolean {
    let a = this.#seedA;
    let dots = 0;
    for (let at = end - 1; at >= start; at--) {
      const c = LOWER[text.charCodeAt(at)] as number;
      if (c === 46) {
        if (dots++ > 0 && this.#hit(spread(a)) && this.#holds(spread(a), text, at + 1, end)) return true;
      } else if (dots > 0 && (c === 45 || c === 95) && isTrimmed(text.charCodeAt(at - 1))) {
        // `x.-evil.example`: keys have no marks at their ends.
        if (this.#hit(spread(a)) && this.#holds(spread(a), text, at + 1, end)) return true;
      }
      a = Math.imul(((a << 5) | (a >>> 27)) ^ c, MULTIPLY_A);
    }
    return this.#hit(spread(a)) && this.#holds(spread(a), text, start, end);
  }

  /** Passes the bloom filter of some layer. */
  #hit(h1: number): boolean {
    if (inBloom(this.#first, h1)) return true;
    const gates = this.#gates;
    for (let i = 1; i < gates.length; i++) if (inBloom((gates[i] as Gate).bloom, h1)) return true;
    return false;
  }

  /** The second lane decides. */
  #holds(h1: number, text: string, start: number, end: number): boolean {
    let b = this.#seed.b;
    for (let at = end - 1; at >= start; at--) {
      b = Math.imul(((b << 13) | (b >>> 19)) ^ (LOWER[text.charCodeAt(at)] as number), MULTIPLY_B);
    }
    return this.#inSets(h1, spread(b));
  }

  #inSets(h1: number, h2: number): boolean {
    return this.#gates.some(({ set }) => inSet(set, h1, h2));
  }

  /** An IPv4 address in some network; -1 is none. */
  networks4(address: number): boolean {
    if (address < 0) return false;
    for (const prefix of this.#prefixes4) {
      hashNet4(this.#seed, address, prefix);
      if (this.#hit(lanes[0] as number) && this.#inSets(lanes[0] as number, lanes[1] as number)) return true;
    }
    return false;
  }

  /** An IPv6 address itself or in some network. */
  ip6(groups: Uint16Array): boolean {
    for (const prefix of this.#prefixes6) {
      hashIp6(this.#seed, groups, prefix);
      if (this.#hit(lanes[0] as number) && this.#inSets(lanes[0] as number, lanes[1] as number)) return true;
    }
    return false;
  }
}
