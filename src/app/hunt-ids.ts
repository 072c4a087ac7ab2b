/** Ids beyond these are not remembered: findings of files with the same content could then count twice. */
const MOST_IDS = 4_000_000;

/** Finding ids met in a hunt, eight bytes each: an alert may stand in several files (alerts and archives, copies). */
export class IdSet {
  #slots = new Uint32Array(2048);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  /** False when it was there already. `id`: hex digits, of which the first sixteen count. */
  add(id: string): boolean {
    return this.addWords(Number.parseInt(id.slice(0, 8), 16) >>> 0, Number.parseInt(id.slice(8, 16), 16) >>> 0);
  }

  addWords(high: number, low: number): boolean {
    // Of a pair of zeros it could not be told that it is there; ids are hashes.
    const a = high === 0 && low === 0 ? 1 : high;
    let slot = this.#slotOf(a, low);
    for (; this.#slots[slot] !== 0 || this.#slots[slot + 1] !== 0; slot = this.#next(slot)) {
      if (this.#slots[slot] === a && this.#slots[slot + 1] === low) return false;
    }
    if (this.#count >= MOST_IDS) return true;
    this.#slots[slot] = a;
    this.#slots[slot + 1] = low;
    if (++this.#count * 4 > this.#slots.length) this.#grow();
    return true;
  }

  #slotOf(high: number, low: number): number {
    return (((high ^ low) >>> 0) % (this.#slots.length / 2)) * 2;
  }

  #next(slot: number): number {
    return slot + 2 === this.#slots.length ? 0 : slot + 2;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    this.#count = 0;
    for (let at = 0; at < before.length; at += 2) {
      if (before[at] !== 0 || before[at + 1] !== 0) this.addWords(before[at] as number, before[at + 1] as number);
    }
  }
}
