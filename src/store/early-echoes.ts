const MOST = 10_000;

/** Ids that were seen again before their sending was written down. The oldest are forgotten first: then they are awaited and sent once more. */
export class EarlyEchoes {
  /** Keeps their order. */
  readonly #ids = new Set<string>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(ids: Iterable<string>): void {
    for (const id of ids) this.#ids.add(id);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= MOST) break;
      this.#ids.delete(oldest);
    }
  }
}
