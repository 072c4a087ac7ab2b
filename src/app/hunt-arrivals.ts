import { join } from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import type { Config } from "../config/load.ts";
import type { IndicatorIndex } from "../intel/generation.ts";
import type { LayeredIndex } from "../intel/index/layers.ts";
import type { HuntedValue } from "../intel/sketch.ts";
import { freshValues, keepOpen } from "../intel/sketch-fresh.ts";
import { isLayered } from "../intel/sketch-values.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { GenerationStore } from "../store/generations-types.ts";
import { ArrivalQueue } from "../store/hunt-arrivals.ts";

/** Feeds as they are when a generation comes into force. */
export interface FeedStates {
  readonly configured: readonly string[];
  /** With reports. */
  readonly known: readonly string[];
  /** Of them those whose first pull is not complete. */
  readonly partial: readonly string[];
}

export function feedStates(config: Config, store: GenerationStore): FeedStates {
  return {
    configured: config.feeds.map(({ name }) => name),
    known: store.feeds(),
    partial: store.partialFeeds(),
  };
}

/** A generation that came into force. */
export interface Arriving {
  readonly before: IndicatorIndex | undefined;
  readonly after: IndicatorIndex;
  /** Id of the one after. */
  readonly generation: string;
  readonly feeds: FeedStates;
  /** Epoch milliseconds; and the time up to which alerts were read without it. */
  readonly at: number;
  readonly to: number;
}

/** Indicators of one sync that are written down; of more, the rest is left to `tipline hunt`. */
const MOST_VALUES = 500_000;
/** Live work goes between, as often as this. */
const SLICE_MS = 5;

/** Queue of a state folder. */
export const arrivalQueue = (stateDir: string): ArrivalQueue => new ArrivalQueue(join(stateDir, "hunt"));

/** Writes down what syncs bring, one after the other; nothing of it throws. */
export class ArrivalNotes {
  readonly queue: ArrivalQueue;
  readonly #log: Log;
  readonly #onNews: () => void;
  #last: Promise<void> = Promise.resolve();
  /** Why the last sync could not be noted. */
  failure: string | undefined;
  /** Arrivals or indicators that there was no room for. */
  left = 0;

  constructor(queue: ArrivalQueue, log: Log, onNews: () => void = () => undefined) {
    this.queue = queue;
    this.#log = log;
    this.#onNews = onNews;
  }

  /** Returns at once; the indexes may be closed afterwards. */
  arrived(arriving: Arriving): void {
    const { before, after } = arriving;
    if (!isLayered(after)) return;
    const [old, now] = [before !== undefined && isLayered(before) ? keepOpen(before) : undefined, keepOpen(after)];
    this.#last = this.#last
      .then(() => this.#note(old, now, arriving))
      .catch((thrown: unknown) => {
        const error = asError(thrown);
        this.failure = `indicators that have arrived could not be written down: ${error.message}`;
        this.#log.error("indicators that have arrived could not be written down; they are not hunted", { error });
      })
      .finally(() => {
        old?.close();
        now.close();
      });
  }

  /** Everything that has arrived is on disk. */
  async settled(): Promise<void> {
    await this.#last;
  }

  async #note(
    before: LayeredIndex | undefined,
    after: LayeredIndex,
    { feeds: { configured, known, partial }, at, to, generation }: Arriving,
  ): Promise<void> {
    const begun = (feed: string) => known.includes(feed) && !partial.includes(feed);
    // At the very beginning everything is new: whether that is hunted is a person's decision (`tipline hunt`).
    const stored = this.queue.state()?.initial;
    const initial = new Set(stored ?? configured.filter((feed) => before === undefined || !begun(feed)));
    const values = before === undefined ? [] : await this.#fresh(before, after, initial);
    this.left += this.queue.put(values, at, to);
    this.queue.setState({ generation, initial: [...initial].filter((feed) => !begun(feed)) });
    this.failure = undefined;
    if (values.length === 0) return;
    this.#log.info("indicators have arrived; they are hunted in past alerts", { indicators: values.length });
    this.#onNews();
  }

  async #fresh(before: LayeredIndex, after: LayeredIndex, initial: ReadonlySet<string>): Promise<HuntedValue[]> {
    const values = new Map<string, HuntedValue>();
    let since = performance.now();
    for (const { feed, value } of freshValues(before, after)) {
      if (performance.now() - since > SLICE_MS) {
        await rest(SLICE_MS);
        since = performance.now();
      }
      if (value === undefined || initial.has(feed)) continue;
      if (values.size < MOST_VALUES) values.set(value.join("\n"), value);
      else this.left++;
    }
    return [...values.values()];
  }
}

/** Whether there is anything to hunt in: a line without Wazuh's own logs has no past that could be read. */
export function huntsArrivals({ hunt: { enabled }, sources }: Config): boolean {
  return enabled && sources.some(({ definition }) => /^wazuh-(?:alerts|archives)$/.test(definition.type));
}
