/** Seeded random numbers (mulberry32): the same seed gives the same bench everywhere. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
export const TLDS = ["com", "net", "org", "info", "ru", "top", "xyz", "de", "co.uk", "io"];

export function word(random: () => number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += LETTERS[Math.floor(random() * 26)];
  return text;
}

export function hex(random: () => number, length: number): string {
  let text = "";
  while (text.length < length)
    text += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0");
  return text.slice(0, length);
}

export const pick = <T>(random: () => number, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)] as T;
export const octet = (random: () => number): number => Math.floor(random() * 254) + 1;
export const publicAddress = (random: () => number): string =>
  `${11 + Math.floor(random() * 80)}.${octet(random)}.${octet(random)}.${octet(random)}`;
