/** Something that ends at a time and belongs to a source's clock. */
export interface Ending {
  readonly key: string;
  readonly source: string;
  /** Epoch milliseconds. */
  readonly end: number;
}

const COMPACT_FROM = 4096;

/**
 * Endings by source, earliest first; equal times by key, so that the order never depends on how input was batched. An ending
 * that no longer holds is left in and dropped by `isCurrent` when it comes up.
 */
export class Endings {
  readonly #heaps = new Map<string, Ending[]>();
  readonly #isCurrent: (ending: Ending) => boolean;
  /** Length of a heap at which endings that no longer hold are cleared out. */
  readonly #limits = new Map<string, number>();

  constructor(isCurrent: (ending: Ending) => boolean) {
    this.#isCurrent = isCurrent;
  }

  add(ending: Ending): void {
    let heap = this.#heaps.get(ending.source);
    if (heap === undefined) {
      heap = [];
      this.#heaps.set(ending.source, heap);
    }
    if (heap.length >= (this.#limits.get(ending.source) ?? COMPACT_FROM)) this.#compact(ending.source, heap);
    heap.push(ending);
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(heap[child], heap[parent])) break;
      swap(heap, child, parent);
      child = parent;
    }
  }

  /** Takes the earliest ending of a source that is due at `time`. */
  takeDue(source: string, time: number): Ending | undefined {
    const heap = this.#heaps.get(source);
    if (heap === undefined) return undefined;
    const first = this.#peek(heap);
    if (first === undefined || first.end > time) return undefined;
    return pop(heap);
  }

  /** Takes the earliest ending of all sources that is due at `time`. */
  takeDueOfAny(time: number): Ending | undefined {
    const first = this.#earliest();
    return first !== undefined && first.end <= time ? this.takeDue(first.source, time) : undefined;
  }

  takeEarliest(): Ending | undefined {
    return this.takeDueOfAny(Number.POSITIVE_INFINITY);
  }

  #compact(source: string, heap: Ending[]): void {
    const current = heap.filter(this.#isCurrent).sort((a, b) => (before(a, b) ? -1 : before(b, a) ? 1 : 0));
    heap.length = 0;
    // In order is a heap too.
    for (const ending of current) heap.push(ending);
    this.#limits.set(source, Math.max(COMPACT_FROM, 2 * heap.length));
  }

  #earliest(): Ending | undefined {
    let earliest: Ending | undefined;
    for (const [source, heap] of this.#heaps) {
      const first = this.#peek(heap);
      if (first === undefined) this.#heaps.delete(source);
      else if (earliest === undefined || before(first, earliest)) earliest = first;
    }
    return earliest;
  }

  #peek(heap: Ending[]): Ending | undefined {
    while (heap[0] !== undefined && !this.#isCurrent(heap[0])) pop(heap);
    return heap[0];
  }
}

function before(a: Ending | undefined, b: Ending | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.end !== b.end ? a.end < b.end : a.key < b.key;
}

function swap(heap: Ending[], a: number, b: number): void {
  const held = heap[a]!;
  heap[a] = heap[b]!;
  heap[b] = held;
}

function pop(heap: Ending[]): Ending | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  heap[0] = last;
  let parent = 0;
  for (;;) {
    const left = 2 * parent + 1;
    const least = before(heap[left + 1], heap[left]) ? left + 1 : left;
    if (!before(heap[least], heap[parent])) return first;
    swap(heap, least, parent);
    parent = least;
  }
}
