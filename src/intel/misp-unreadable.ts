import type { ListedEvent } from "./misp-manifest.ts";
import type { LeftOut, WantedEvent } from "./misp-reading.ts";

export type { LeftOut } from "./misp-reading.ts";

/** More than this in one pull are not events that are broken but a server that is. */
const MOST = 10;
const FIRST_REST_MS = 10 * 60_000;
const LONGEST_REST_MS = 6 * 3_600_000;

interface Rest {
  readonly timestamp: number;
  readonly tries: number;
  /** Epoch milliseconds. */
  readonly until: number;
}

/**
 * Events that MISP cannot answer for, whatever is asked of them (it runs out of memory or time, or its data is broken). The version
 * in force of them stays; they are tried again after a rest that grows, or at once when they change.
 */
export class UnreadableEvents {
  readonly #rests = new Map<string, Rest>();

  /** Those that are to be tried now. */
  due(listed: readonly ListedEvent[], now: number): readonly ListedEvent[] {
    if (this.#rests.size === 0) return listed;
    return listed.filter(({ uuid, timestamp }) => {
      const rest = this.#rests.get(uuid);
      return rest === undefined || rest.timestamp !== timestamp || rest.until <= now;
    });
  }

  /** Whether a pull that has left out `left` goes on without this event as well, which is then among them. */
  leave(events: readonly WantedEvent[], id: string, error: Error, left: LeftOut): boolean {
    const event = events.find((one) => one.id === id);
    if (event === undefined || left.size >= MOST) return false;
    left.set(id, [event, error]);
    return true;
  }

  /** It was left out of a pull that counts. */
  add({ uuid, timestamp }: ListedEvent, now: number): void {
    const tries = (this.#rests.get(uuid)?.tries ?? 0) + 1;
    const rest = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(tries - 1, 10));
    this.#rests.set(uuid, { timestamp, tries, until: now + rest });
  }

  /** These could be read. */
  settle(events: readonly { readonly listed: ListedEvent }[]): void {
    if (this.#rests.size > 0) for (const { listed } of events) this.#rests.delete(listed.uuid);
  }
}
