import type { ListedEvent } from "./misp-manifest.ts";
import type { WantedEvent } from "./misp-reading.ts";

/** How long after an event was read its number of attributes is still looked at, in milliseconds. */
const YOUNG_MS = 600_000;
const MOST_YOUNG = 1000;

interface Young {
  readonly timestamp: number;
  readonly attributeCount: number;
  readonly until: number;
}

/**
 * Events that were read a short while ago. A MISP that takes an event over from another one writes the event first, with the
 * timestamp that it brings, and its attributes over the next seconds or minutes: an event that was read in between is not whole,
 * and its timestamp will not say so. Its number of attributes does. In memory only; what is missed the reconciliation finds.
 */
export class YoungEvents {
  readonly #events = new Map<string, Young>();

  /** These have been read at `now` (epoch ms). */
  add(events: readonly WantedEvent[], now: number): void {
    for (const { listed, attributeCount } of events) {
      if (this.#events.size >= MOST_YOUNG && !this.#events.has(listed.uuid)) continue;
      this.#events.set(listed.uuid, { timestamp: listed.timestamp, attributeCount, until: now + YOUNG_MS });
    }
  }

  /** Those among the listed ones that are to be looked at again, because nothing else says that they changed. */
  among(listed: readonly ListedEvent[], read: readonly ListedEvent[], now: number): readonly ListedEvent[] {
    for (const [uuid, { until }] of this.#events) if (until <= now) this.#events.delete(uuid);
    if (this.#events.size === 0) return [];
    const known = new Set(read.map(({ uuid }) => uuid));
    return listed.filter(({ uuid, timestamp }) => this.#events.get(uuid)?.timestamp === timestamp && !known.has(uuid));
  }

  hasGrown({ listed, attributeCount }: WantedEvent): boolean {
    const young = this.#events.get(listed.uuid);
    return young !== undefined && young.attributeCount !== attributeCount;
  }
}
