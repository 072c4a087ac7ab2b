/** Two 32-bit words that hashing starts from; one seed for all layers of a generation, so that a line is hashed once. */
export interface Seed {
  readonly a: number;
  readonly b: number;
}

/** Multipliers of the two lanes; the lanes are independent, together they make a 64-bit hash. */
export const MULTIPLY_A = 0x9e3779b1;
export const MULTIPLY_B = 0x85ebca77;

/** Result of the last hash function called: there is no cheap way to return two numbers. Read it at once. */
export const lanes = new Uint32Array(2);

/**
 * Spreads a lane over all its bits. Bits of the first lane pick places, those of the second are the fingerprint, so the
 * lanes must not be mixed with each other.
 */
export function spread(lane: number): number {
  let h = lane ^ (lane >>> 16);
  h = Math.imul(h, 0x7feb352d);
  return (h ^ (h >>> 15)) >>> 0;
}

/**
 * Hashes text from its last character to its first: for a dotted name the state at each dot is then the hash of the parent
 * domain behind it. `salt` keeps different kinds of keys apart (0 for tokens). Case counts.
 */
export function hashText(seed: Seed, text: string, salt: number): void {
  let a = seed.a ^ Math.imul(salt, MULTIPLY_B);
  let b = seed.b ^ Math.imul(salt, MULTIPLY_A);
  for (let at = text.length - 1; at >= 0; at--) {
    const c = text.charCodeAt(at);
    a = Math.imul(((a << 5) | (a >>> 27)) ^ c, MULTIPLY_A);
    b = Math.imul(((b << 13) | (b >>> 19)) ^ c, MULTIPLY_B);
  }
  lanes[0] = spread(a);
  lanes[1] = spread(b);
}

/** Hashes a few small numbers (an address under a mask). */
export function hashWords(seed: Seed, words: ArrayLike<number>, count: number, salt: number): void {
  let a = seed.a ^ Math.imul(salt, MULTIPLY_B);
  let b = seed.b ^ Math.imul(salt, MULTIPLY_A);
  for (let at = count - 1; at >= 0; at--) {
    const c = words[at] as number;
    a = Math.imul(((a << 5) | (a >>> 27)) ^ c, MULTIPLY_A);
    b = Math.imul(((b << 13) | (b >>> 19)) ^ c, MULTIPLY_B);
  }
  lanes[0] = spread(a);
  lanes[1] = spread(b);
}

/** `hash * size / 2^32` exactly: a hash becomes a place in a table of any size up to 2^32. */
export function reduce(hash: number, size: number): number {
  const low = (hash & 0xffff) * size;
  return Math.floor(((hash >>> 16) * size + Math.floor(low / 65_536)) / 65_536);
}

/** Fingerprints are never 0: that is an empty slot. */
export function fingerprint(hash: number): number {
  return hash === 0 ? 1 : hash;
}
