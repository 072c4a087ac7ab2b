import { seeded } from "../test/support/random.ts";

/** The same seed gives the same bench everywhere. */
export const randomNumbers = seeded;

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
