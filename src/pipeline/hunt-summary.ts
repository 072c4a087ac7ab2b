import type { Finding, Verdict } from "../model/finding.ts";
import type { JsonObject } from "../model/json.ts";

/** What a hunt found of one indicator. Times are epoch milliseconds. */
export interface HuntedIndicator {
  readonly type: string;
  readonly value: string;
  /** MISP event and feed of the best report. */
  readonly event: string;
  readonly eventId: string;
  readonly feed: string;
  /** Alerts that it was seen in. */
  count: number;
  /** Names of entities, in the order met; at most {@link MOST_HOSTS}. */
  readonly hosts: string[];
  /** There were more. */
  hostsCut: boolean;
  firstSeen: number;
  lastSeen: number;
  /** Highest of its matches; 0 when all of them are explained away. */
  score: number;
  /** Every match is explained away: known benign, allowed, own. */
  benign: boolean;
  /** What explains it away, of the last match that is. */
  explained?: string;
}

/** What a summary counts of one alert; plain data, so that it may come from another thread. */
export interface HuntTally {
  /** Epoch milliseconds. */
  readonly time: number;
  readonly host: string;
  /** One for each indicator that matched. */
  readonly matches: readonly TalliedMatch[];
}

interface TalliedMatch extends Pick<HuntedIndicator, "type" | "value" | "event" | "eventId" | "feed" | "score"> {
  /** What explains it away. */
  readonly explained?: string;
}

export function tallyOf({ alert, misp }: Finding, { matches, entity }: Verdict): HuntTally {
  const counted = new Map<string, TalliedMatch>();
  for (const { match, score, suppressions } of matches) {
    const { type, value } = match.indicator;
    const key = `${type} ${value}`;
    if (counted.has(key)) continue;
    const report = match.reports[0];
    counted.set(key, {
      type,
      value,
      event: report?.event.info ?? "",
      eventId: report?.event.id ?? report?.event.uuid ?? "",
      feed: report?.feed ?? misp.feed ?? "",
      score,
      ...(suppressions[0] === undefined ? {} : { explained: suppressions[0].reason }),
    });
  }
  return { time: alert.time, host: entity.name, matches: [...counted.values()] };
}

/** Indicators that a summary tells apart, hosts of each, and hosts in all. */
export const MOST_INDICATORS = 100_000;
export const MOST_HOSTS = 1_000;
const MOST_HOSTS_IN_ALL = 1_000_000;

/** Adds up a hunt by indicator: every match of a finding counts, not only the one that leads. Bounded. */
export class HuntSummary {
  readonly #rows = new Map<string, HuntedIndicator>();
  /** Alerts with a match. */
  findings = 0;
  /** Matches of indicators beyond {@link MOST_INDICATORS}. */
  beyond = 0;
  #hosts = 0;

  add({ time, host, matches }: HuntTally): void {
    this.findings++;
    for (const { type, value, event, eventId, feed, score, explained } of matches) {
      const key = `${type} ${value}`;
      let row = this.#rows.get(key);
      if (row === undefined) {
        if (this.#rows.size >= MOST_INDICATORS) {
          this.beyond++;
          continue;
        }
        const seen = { firstSeen: time, lastSeen: time, score: 0, benign: true };
        row = { type, value, event, eventId, feed, count: 0, hosts: [], hostsCut: false, ...seen };
        this.#rows.set(key, row);
      }
      row.count++;
      row.firstSeen = Math.min(row.firstSeen, time);
      row.lastSeen = Math.max(row.lastSeen, time);
      row.score = Math.max(row.score, score);
      row.benign &&= explained !== undefined;
      if (explained !== undefined) row.explained = explained;
      this.#addHost(row, host);
    }
  }

  /** What counts first, then by score and count; equal ones by name, so that equal hunts give equal tables. */
  rows(): readonly HuntedIndicator[] {
    return [...this.#rows.values()].sort(
      (a, b) =>
        Number(a.benign) - Number(b.benign) ||
        b.score - a.score ||
        b.count - a.count ||
        compare(a.type, b.type) ||
        compare(a.value, b.value),
    );
  }

  /** For a hunt that goes on later. */
  toJson(): JsonObject {
    return JSON.parse(JSON.stringify({ findings: this.findings, beyond: this.beyond, rows: [...this.#rows.values()] }));
  }

  static fromJson(stored: unknown): HuntSummary {
    const { findings, beyond, rows } = stored as { findings: number; beyond: number; rows: HuntedIndicator[] };
    const summary = new HuntSummary();
    summary.findings = findings;
    summary.beyond = beyond;
    for (const row of rows) {
      summary.#rows.set(`${row.type} ${row.value}`, row);
      summary.#hosts += row.hosts.length;
    }
    return summary;
  }

  #addHost(row: HuntedIndicator, host: string): void {
    if (row.hosts.includes(host)) return;
    if (row.hosts.length >= MOST_HOSTS || this.#hosts >= MOST_HOSTS_IN_ALL) {
      row.hostsCut = true;
      return;
    }
    row.hosts.push(host);
    this.#hosts++;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
