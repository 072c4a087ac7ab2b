import { timingSafeEqual } from "node:crypto";
import { hmacSha256 } from "../lib/hmac.ts";
import type { CanonicalValue } from "../model/observable.ts";

/**
 * What only the holder of the installation's key can make: ids of canaries, the name they carry, and marks of simulated events.
 * All three end up in alerts that many people read, so each is good for one purpose only.
 */
export interface Seals {
  /** The canary's indicator: a name below `invalid`, which nobody can register (RFC 2606); each key has its own. */
  readonly canaryName: CanonicalValue;
  /** The id of a canary; `nonce`: 24 hex digits that were never used before. */
  canaryId(nonce: string): string;
  isCanaryId(id: string): boolean;
  /** A mark for an event that simulates `value` at `time` (epoch ms); `nonce`: 16 hex digits. */
  simulationMark(value: string, time: number, nonce: string): string;
  /**
   * The mark in a text if it was made for just this value at most an hour before or after `time`: copied into another event it
   * says nothing about another value, and soon nothing at all.
   */
  simulationIn(text: string, value: string, time: number): string | undefined;
}

const HEX = 24;
const MARK = /tipline-sim-([0-9a-f]{48})/g;
const MOST_MARKS = 20;
/** How far the event's time may be from the mark's. */
const MARK_MS = 3_600_000;

export function createSeals(key: Buffer): Seals {
  const mac = (purpose: string, text: string) => hmacSha256(key, `tipline ${purpose}\n${text}`).slice(0, HEX);
  const proves = (given: string, wanted: string) =>
    given.length === wanted.length && timingSafeEqual(Buffer.from(given, "latin1"), Buffer.from(wanted, "latin1"));
  return {
    canaryName: `${mac("canary name", "")}.canary.tipline.invalid` as CanonicalValue,
    canaryId: (nonce) => nonce + mac("canary", nonce),
    isCanaryId: (id) => /^[0-9a-f]{48}$/.test(id) && proves(id.slice(HEX), mac("canary", id.slice(0, HEX))),
    simulationMark(value, time, nonce) {
      const head = Math.floor(time / 1000)
        .toString(16)
        .padStart(8, "0")
        .slice(-8);
      return `tipline-sim-${head}${nonce}${mac("simulation", `${head}${nonce}\n${value}`)}`;
    },
    simulationIn(text, value, time) {
      let looked = 0;
      for (const [mark, sealed = ""] of text.matchAll(MARK)) {
        if (++looked > MOST_MARKS) return undefined;
        const head = sealed.slice(0, HEX);
        if (Math.abs(Number.parseInt(head.slice(0, 8), 16) * 1000 - time) > MARK_MS) continue;
        if (proves(sealed.slice(HEX), mac("simulation", `${head}\n${value}`))) return mark;
      }
      return undefined;
    },
  };
}
