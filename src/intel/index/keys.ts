import type { IndicatorPattern, IndicatorType } from "../../model/indicator.ts";
import { hashText, lanes, type Seed } from "./hash.ts";
import { typeSalt } from "./records.ts";

/** A 64-bit hash as two words. */
export type KeyHash = readonly [number, number];

const SALT_EVENT = 0x2000;
const SALT_ATTRIBUTE = 0x2001;

const taken = (): KeyHash => [lanes[0] as number, lanes[1] as number];

/** Leaves the indicator's hash in `lanes`. */
export function hashIndicator(seed: Seed, type: IndicatorType, pattern: IndicatorPattern, value: string): void {
  hashText(seed, value, typeSalt(type, pattern));
}

export function indicatorKey(seed: Seed, type: IndicatorType, pattern: IndicatorPattern, value: string): KeyHash {
  hashIndicator(seed, type, pattern, value);
  return taken();
}

/** An event of one feed: two feeds may carry the same event, and each takes back only its own. */
export function eventKey(seed: Seed, feed: string, eventUuid: string): KeyHash {
  hashText(seed, `${feed}\0${eventUuid}`, SALT_EVENT);
  return taken();
}

export function attributeKey(event: KeyHash, attributeUuid: string): KeyHash {
  hashText({ a: event[0], b: event[1] }, attributeUuid, SALT_ATTRIBUTE);
  return taken();
}
