import type { FeedProgress } from "../contract/feed.ts";
import { formatBytes, formatCount, formatDuration } from "../lib/units.ts";

const WIDTH = 24;

/** The progress of all feeds of a sync as one line: they are pulled side by side. */
export class SyncProgress {
  readonly #feeds = new Map<string, FeedProgress>();

  update(feed: string, progress: FeedProgress): void {
    this.#feeds.set(feed, progress);
  }

  /** `misp  [####....] 31%  124 of 400 events  62,000 attributes  34 MiB  4,100 attributes/s  34s left`. */
  render(elapsedMs: number): string {
    const all = [...this.#feeds.values()];
    const sum = (of: (progress: FeedProgress) => number) => all.reduce((total, progress) => total + of(progress), 0);
    const done = sum(({ eventsDone }) => eventsDone);
    const attributes = sum((progress) => progress.attributes);
    const bytes = sum((progress) => progress.bytes);
    const known = all.every(({ eventsTotal }) => eventsTotal !== undefined);
    const total = known ? sum(({ eventsTotal }) => eventsTotal ?? 0) : 0;
    const seconds = Math.max(0.001, elapsedMs / 1000);
    const parts = [this.#feeds.size === 1 ? [...this.#feeds.keys()].join() : `${this.#feeds.size} feeds`];
    if (total > 0) {
      const share = Math.min(1, done / total);
      const filled = Math.round(share * WIDTH);
      parts.push(`[${"#".repeat(filled)}${".".repeat(WIDTH - filled)}] ${Math.floor(share * 100)}%`);
      parts.push(`${formatCount(done)} of ${formatCount(total)} events`);
    } else parts.push(`${formatCount(done)} events`);
    parts.push(`${formatCount(attributes)} attributes`);
    if (bytes > 0) parts.push(formatBytes(bytes));
    parts.push(`${formatCount(Math.round(attributes / seconds))} attributes/s`);
    if (done > 0 && done < total) parts.push(`${formatDuration((elapsedMs * (total - done)) / done)} left`);
    return parts.join("  ");
  }
}
