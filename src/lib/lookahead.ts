import { Change } from "./change.ts";

/** Things in order from one side to the other, at most `most` of them under way: who gives waits until who takes has finished one. */
export class Lookahead<T> {
  readonly #items: T[] = [];
  readonly #most: () => number;
  #given = 0;
  #ended = false;
  #failure: unknown;
  readonly #change = new Change();

  constructor(most: () => number) {
    this.#most = most;
  }

  /** Resolves when there is room for one more, or when nobody takes any more. */
  async room(): Promise<void> {
    while (this.#given >= this.#most() && !this.#ended) await this.#change.next();
  }

  /** Takers are told that there will be no more, and why, if that is an error. */
  end(failure?: unknown): void {
    this.#ended = true;
    this.#failure ??= failure;
    this.#change.happened();
  }

  get ended(): boolean {
    return this.#ended;
  }

  give(item: T): void {
    this.#items.push(item);
    this.#given++;
    this.#change.happened();
  }

  /** An item counts as under way until the next one is asked for. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        while (this.#items.length === 0 && !this.#ended) await this.#change.next();
        const item = this.#items.shift();
        if (item === undefined) break;
        yield item;
        this.#given--;
        this.#change.happened();
      }
    } finally {
      this.end();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}
