import type { QuarantinedIndicator, ReportedIndicator } from "../model/indicator.ts";
import type { Collected } from "./misp-attribute.ts";

/** A page as a feed hands it over. */
export interface Page {
  readonly indicators: readonly ReportedIndicator[];
  readonly withdrawnEvents: readonly string[];
  readonly skipped: ReadonlyMap<string, number>;
  readonly refused: readonly QuarantinedIndicator[];
}

/** Small: what a page holds lives only as long as it takes to index it. */
const PAGE = 250;

/** Cuts what was read into pages of at most 250 indicators and refused attributes. A withdrawal never comes out later than what follows it. */
export class PageCutter {
  #withdrawn: string[] = [];
  #indicators: ReportedIndicator[] = [];
  #refused: QuarantinedIndicator[] = [];
  #skipped = new Map<string, number>();

  /** These events are withdrawn before anything that is added from now on. */
  withdraw(events: readonly string[]): void {
    this.#withdrawn.push(...events);
  }

  /** Counts attributes that are left out without having been read. */
  skip(reason: string, count: number): void {
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + count);
  }

  refuse(refused: QuarantinedIndicator): void {
    this.#refused.push(refused);
  }

  /** Adds what was collected; yields every page that is full. */
  *add({ indicators, refused, skipped }: Collected): Generator<Page> {
    for (const [reason, count] of skipped) this.skip(reason, count);
    for (const one of refused) {
      this.#refused.push(one);
      if (this.#refused.length >= PAGE) yield this.#cut();
    }
    for (const one of indicators) {
      this.#indicators.push(one);
      if (this.#indicators.length >= PAGE) yield this.#cut();
    }
  }

  /** The last page, which may be empty. */
  rest(): Page {
    return this.#cut();
  }

  #cut(): Page {
    const page = {
      indicators: this.#indicators,
      withdrawnEvents: this.#withdrawn,
      skipped: this.#skipped,
      refused: this.#refused,
    };
    this.#indicators = [];
    this.#withdrawn = [];
    this.#skipped = new Map();
    this.#refused = [];
    return page;
  }
}
