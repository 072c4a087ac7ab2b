import type { IndicatorPattern, IndicatorType } from "../../model/indicator.ts";
import { END_WORDS, gateKeys, hashGateKey, markEnd } from "../tokens.ts";
import { lanes, type Seed } from "./hash.ts";
import { sortedPairs, words } from "./numbers.ts";
import { buildGate, type GateTable } from "./tables.ts";
import { Tails } from "./tails.ts";

/** All that a scanner of alerts needs of a segment. */
export interface Gate extends GateTable {
  readonly seed: Seed;
  /** Bitmap by `endBit`. */
  readonly ends: Uint32Array;
  /** Prefix lengths of networks present, longest first; of IPv6 128 for single addresses, too. */
  readonly prefixes4: readonly number[];
  readonly prefixes6: readonly number[];
  /** Some key is a plain number, so JSON numbers must be looked at, too. */
  readonly plainNumbers: boolean;
  /** Some key is a certificate's fingerprint, which alerts also write with colons or blanks. */
  readonly prints: boolean;
  /** Some key of digits and dots is not of four parts, as an IPv4 address is. */
  readonly oddNumbers: boolean;
  /** Some name is shorter than the tails of tokens that the bitmap below is of. */
  readonly shortNames: boolean;
  /** Bitmaps of the ends of tokens (see Tails): words, and all others; empty when not known. */
  readonly words: Uint32Array;
  readonly tails: Uint32Array;
}

/** Collects the gate keys of indicators as hashes. */
export class GateKeys {
  readonly #seed: Seed;
  readonly #high = words();
  readonly #low = words();
  readonly #ends = new Uint32Array(END_WORDS);
  readonly #prefixes = { net4: new Set<number>(), ip6: new Set<number>() };
  #plainNumbers = false;
  #prints = false;
  #oddNumbers = false;
  readonly #tails: Tails;

  constructor(seed: Seed) {
    this.#seed = seed;
    this.#tails = new Tails(seed);
  }

  /** False: the indicator has no key, nothing could ever nominate it. */
  add(type: IndicatorType, pattern: IndicatorPattern, value: string): boolean {
    const keys = gateKeys(type, pattern, value);
    this.#prints ||= type === "x509";
    for (const key of keys) {
      if (key.kind === "token") {
        markEnd(this.#ends, key.text);
        this.#tails.add(key.text);
        this.#plainNumbers ||= /^\d+$/.test(key.text);
        this.#oddNumbers ||= /^[\d.]+$/.test(key.text) && isOddNumber(key.text);
      } else this.#prefixes[key.kind].add(key.prefix);
      hashGateKey(this.#seed, key);
      this.#high.push(lanes[0] as number);
      this.#low.push(lanes[1] as number);
    }
    return keys.length > 0;
  }

  /** The tables, and how many distinct keys they hold. */
  build(): Gate & { readonly keys: number } {
    const pairs = sortedPairs(this.#high.view(), this.#low.view());
    const keys = pairs.length / 2;
    const high = new Uint32Array(keys);
    const low = new Uint32Array(keys);
    for (let at = 0; at < keys; at++) {
      high[at] = pairs[at * 2] as number;
      low[at] = pairs[at * 2 + 1] as number;
    }
    const descending = (set: ReadonlySet<number>) => [...set].sort((a, b) => b - a);
    return {
      ...buildGate(high, low),
      seed: this.#seed,
      ends: this.#ends,
      prefixes4: descending(this.#prefixes.net4),
      prefixes6: descending(this.#prefixes.ip6),
      plainNumbers: this.#plainNumbers,
      prints: this.#prints,
      oddNumbers: this.#oddNumbers,
      shortNames: this.#tails.short,
      ...this.#tails.build(),
      keys,
    };
  }
}

/** Digits and dots, but not of four parts. */
function isOddNumber(text: string): boolean {
  const parts = text.split(".").length;
  return parts > 1 && parts !== 4;
}
