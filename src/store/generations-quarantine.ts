import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import type { QuarantinedIndicator } from "../model/indicator.ts";

/** Entries listed per feed and pull; beyond that they are only counted. */
export const MOST_LISTED = 10_000;

/** What one pull had refused. */
export class Refusals {
  readonly listed: QuarantinedIndicator[] = [];
  count = 0;

  add(entry: QuarantinedIndicator): void {
    this.count++;
    if (this.listed.length < MOST_LISTED) this.listed.push({ ...entry, value: entry.value.slice(0, 512) });
  }
}

/** Entries of a quarantine file, bounded by what its writers may list. */
export function* readQuarantine(path: string | undefined): Generator<QuarantinedIndicator> {
  if (path === undefined || !existsSync(path)) return;
  for (const line of readFileSync(path, "utf8").split("\n"))
    if (line !== "") yield JSON.parse(line) as QuarantinedIndicator;
}

export function writeQuarantine(path: string, entries: Iterable<QuarantinedIndicator>): void {
  const fd = openSync(path, "wx", 0o640);
  try {
    let chunk = "";
    const flush = () => {
      const bytes = Buffer.from(chunk);
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      chunk = "";
    };
    for (const entry of entries) {
      chunk += `${JSON.stringify(entry)}\n`;
      if (chunk.length > 65_536) flush();
    }
    flush();
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
