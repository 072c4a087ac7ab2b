/** What several wait for: each `next()` resolves when `happened()` is called for the first time after it. */
export class Change {
  #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  happened(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
