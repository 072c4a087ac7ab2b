import type { IndicatorPattern, IndicatorType } from "../model/indicator.ts";
import { OBSERVABLE_TYPES, type ObservableType } from "../model/observable.ts";
import { baseName, canonicalCidr } from "./canonical.ts";
import { hashText, lanes, type Seed } from "./index/hash.ts";
import { sortedPairs, words } from "./index/numbers.ts";

/**
 * Sketches: what was seen in a stretch of an archive, small enough to be kept, so that a later hunt can leave the stretch out.
 * Law: if an indicator covers an observable of a line, the sketch of the line's stretch may hold the indicator's key. So of all lines
 * that the gate flags, those that come to a finding are let through; one that is flagged for a text that no observable comes of may be
 * ruled out, because reading it would find nothing. Both sides are here: `keysOfObservable` follows `coveringIndicators`, `keyOfIndicator` gives the one key that must be among them.
 */

/** Prefix lengths under which an address is written down; a network is looked for under the longest that is not longer. */
const PREFIXES4 = [24, 20, 16, 8];
const PREFIXES6 = [64, 48, 32, 16];
/** Keys that one stretch may have; then it ends. */
export const MOST_KEYS = 262_144;

const SALT = 0x3000;
const SALTS = new Map<string, number>(OBSERVABLE_TYPES.map((type, at) => [type, SALT + at * 2]));
const NETWORK_SALT = (SALTS.get("ip") as number) + 1;

/** A key as two words; `undefined`: the indicator is so wide that every stretch may hold it. */
export type SketchKey = readonly [number, number];

/** The key of an indicator. */
export function keyOfIndicator(
  seed: Seed,
  type: IndicatorType,
  pattern: IndicatorPattern,
  value: string,
): SketchKey | undefined {
  if (pattern === "cidr") {
    const network = wider(value);
    if (network === undefined) return undefined;
    hashText(seed, network, NETWORK_SALT);
  } else hashText(seed, value, SALTS.get(type) as number);
  return [lanes[0] as number, lanes[1] as number];
}

/** The network of one of the written lengths that holds this one. */
function wider(value: string): string | undefined {
  const [address = "", bits = ""] = value.split("/");
  const prefix = Number(bits);
  const written = (value.includes(":") ? PREFIXES6 : PREFIXES4).find((length) => length <= prefix);
  return written === undefined ? undefined : canonicalCidr(`${address}/${written}`);
}

/** Gives every key under which an indicator may cover the observable to `put`. */
export function keysOfObservable(
  seed: Seed,
  type: ObservableType,
  value: string,
  put: (high: number, low: number) => void,
): void {
  if (type === "cve") return;
  const add = (text: string, salt: number) => {
    hashText(seed, text, salt);
    put(lanes[0] as number, lanes[1] as number);
  };
  add(value, SALTS.get(type) as number);
  if (type === "domain") parents(value, (name) => add(name, SALTS.get("domain") as number));
  else if (type === "ip") {
    const address = value.split("/")[0] as string;
    for (const prefix of value.includes(":") ? PREFIXES6 : PREFIXES4) {
      const network = canonicalCidr(`${address}/${prefix}`);
      if (network !== undefined) add(network, NETWORK_SALT);
    }
  } else if (type === "path") add(baseName(value), SALTS.get("filename") as number);
  else if (type === "email") {
    const domain = value.slice(value.lastIndexOf("@") + 1);
    add(domain, SALTS.get("domain") as number);
    parents(domain, (name) => add(name, SALTS.get("domain") as number));
  }
}

function parents(name: string, each: (parent: string) => void): void {
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) each(name.slice(dot + 1));
}

/**
 * Distinct keys of a stretch: the first words' leading `bits` say where in `low` the second words of such keys stand, each part
 * in rising order. A key that was not put in is taken for one that was about once in 2^(29 + bits) keys asked for.
 */
export interface KeyColumn {
  readonly bits: number;
  /** `2^bits + 1` places in `low`. */
  readonly starts: Uint32Array;
  readonly low: Uint32Array;
}

/** Collects the keys of a stretch. */
export class KeyCollector {
  readonly #seed: Seed;
  #high = words();
  #low = words();
  /** Observables met lately: most come again within a few lines. */
  #seen = new Set<string>();

  constructor(seed: Seed) {
    this.#seed = seed;
  }

  /** Keys so far, some of them several times. */
  get size(): number {
    return this.#high.length;
  }

  add(type: ObservableType, value: string): void {
    const name = `${type} ${value}`;
    if (this.#seen.has(name)) return;
    if (this.#seen.size >= MOST_SEEN) this.#seen.clear();
    this.#seen.add(name);
    keysOfObservable(this.#seed, type, value, (high, low) => {
      this.#high.push(high);
      this.#low.push(low);
    });
  }

  /** The column of the stretch; the next one begins. */
  finish(): KeyColumn {
    const column = columnOf(sortedPairs(this.#high.view(), this.#low.view()));
    this.#high = words();
    this.#low = words();
    this.#seen = new Set();
    return column;
  }
}

const MOST_SEEN = 100_000;

/** From distinct pairs in rising order. */
function columnOf(pairs: Uint32Array): KeyColumn {
  const count = pairs.length / 2;
  const bits = Math.max(1, Math.min(20, Math.ceil(Math.log2(count + 1)) - 3));
  const starts = new Uint32Array(2 ** bits + 1);
  const low = new Uint32Array(count);
  for (let at = 0; at < count; at++) {
    low[at] = pairs[at * 2 + 1] as number;
    starts[((pairs[at * 2] as number) >>> (32 - bits)) + 1]!++;
  }
  for (let at = 1; at < starts.length; at++) starts[at]! += starts[at - 1] as number;
  for (let at = 0; at + 1 < starts.length; at++) low.subarray(starts[at], starts[at + 1]).sort();
  return { bits, starts, low };
}

/** May the stretch hold this key? */
export function mayHoldKey({ bits, starts, low }: KeyColumn, highWord: number, lowWord: number): boolean {
  const part = highWord >>> (32 - bits);
  const end = starts[part + 1] as number;
  for (let at = starts[part] as number; at < end; at++) {
    const found = low[at] as number;
    if (found >= lowWord) return found === lowWord;
  }
  return false;
}

/** An indicator as far as keys need it. */
export type HuntedValue = readonly [type: IndicatorType, pattern: IndicatorPattern, value: string];

/** Hunted keys as they go to other threads. */
export interface SharedKeys {
  readonly seed: Seed;
  /** Pairs in rising order, in shared memory. */
  readonly pairs: Uint32Array<SharedArrayBuffer>;
  /** Something among what is hunted may be in every stretch. */
  readonly any: boolean;
}

/** The keys of everything that is hunted. */
export class HuntedKeys {
  /** In memory that threads share: a million take eight megabytes. */
  readonly shared: SharedKeys;

  private constructor(shared: SharedKeys) {
    this.shared = shared;
  }

  static of(seed: Seed, hunted: Iterable<HuntedValue>): HuntedKeys {
    const high = words();
    const low = words();
    let any = false;
    for (const [type, pattern, value] of hunted) {
      const key = keyOfIndicator(seed, type, pattern, value);
      any ||= key === undefined;
      if (key === undefined) continue;
      high.push(key[0]);
      low.push(key[1]);
    }
    const sorted = sortedPairs(high.view(), low.view());
    const pairs = new Uint32Array(new SharedArrayBuffer(sorted.byteLength));
    pairs.set(sorted);
    return new HuntedKeys({ seed, pairs, any });
  }

  /** Those of another thread. */
  static from(shared: SharedKeys): HuntedKeys {
    return new HuntedKeys(shared);
  }

  /** Distinct keys. */
  get size(): number {
    return this.shared.pairs.length / 2;
  }

  mayBeIn(column: KeyColumn): boolean {
    const { any, pairs } = this.shared;
    if (any) return true;
    for (let at = 0; at < pairs.length; at += 2) {
      if (mayHoldKey(column, pairs[at] as number, pairs[at + 1] as number)) return true;
    }
    return false;
  }
}
