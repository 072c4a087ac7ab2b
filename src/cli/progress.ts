import { formatBytes, formatDuration } from "../lib/units.ts";

/** State of long work; `total` undefined = unknown. */
export interface ProgressState {
  readonly label: string;
  readonly done: number;
  readonly total?: number;
  readonly unit: "bytes" | "events" | "alerts";
  readonly extra?: string;
}

const REDRAW_MS = 100;
const WIDTH = 24;

/** A progress bar on stderr when that is a terminal, else nothing. `end()` wipes it. */
export class Progress {
  readonly #started = Date.now();
  readonly #live = process.stderr.isTTY === true;
  #drawn = 0;

  update(state: ProgressState): void {
    this.show((elapsedMs) => this.render(state, elapsedMs));
  }

  /** Draws what `line` gives for the time since the start in ms, cut to the terminal; not more often than an eye can follow. */
  show(line: (elapsedMs: number) => string): void {
    if (!this.#live || Date.now() - this.#drawn < REDRAW_MS) return;
    this.#drawn = Date.now();
    const text = line(Date.now() - this.#started).slice(0, (process.stderr.columns ?? 200) - 1);
    process.stderr.write(`\r\u001b[2K${text}`);
  }

  end(): void {
    if (this.#live && this.#drawn > 0) process.stderr.write("\r\u001b[2K");
  }

  /** The line itself; `elapsedMs` since the start. */
  render({ label, done, total, unit, extra }: ProgressState, elapsedMs: number): string {
    const rate = done / Math.max(0.001, elapsedMs / 1000);
    const show = (count: number) => (unit === "bytes" ? formatBytes(count) : `${Math.round(count)} ${unit}`);
    const parts = [label];
    if (total !== undefined && total > 0) {
      const part = Math.min(1, done / total);
      const filled = Math.round(part * WIDTH);
      parts.push(`[${"#".repeat(filled)}${".".repeat(WIDTH - filled)}] ${Math.floor(part * 100)}%`);
      parts.push(`${show(done)} of ${show(total)}`);
      if (rate > 0 && done < total) parts.push(`${formatDuration(((total - done) / rate) * 1000)} left`);
    } else parts.push(show(done));
    parts.push(`${show(rate)}/s`);
    if (extra) parts.push(extra);
    return parts.join("  ");
  }
}
