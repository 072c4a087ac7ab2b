/** Something that ends at a time and belongs to a source's clock. */
export interface Ending {
  readonly key: string;
  readonly source: string;
  /** Epoch milliseconds. */
  readonly end: number;
}

/** So many endings that no longer hold are left in a heap, or as many as do hold: clearing them out looks at all. */
const MOST_STALE = 4096;

interface Heap {
  items: Ending[];
  /** How many of them no longer hold. */
  stale: number;
}

/**
 * The ending of each key, by source, earliest first; equal times by key, so that the order never depends on how input was batched. An
 * ending that no longer holds is left in its heap until it comes up or there are many.
 */
export class Endings {
  readonly #current = new Map<string, Ending>();
  readonly #heaps = new Map<string, Heap>();

  /** When the key ends, epoch milliseconds. */
  endOf(key: string): number | undefined {
    return this.#current.get(key)?.end;
  }

  /** In place of the key's ending before, if it had one. */
  set(ending: Ending): void {
    this.delete(ending.key);
    this.#current.set(ending.key, ending);
    let heap = this.#heaps.get(ending.source);
    if (heap === undefined) {
      heap = { items: [], stale: 0 };
      this.#heaps.set(ending.source, heap);
    }
    heap.items.push(ending);
    rise(heap.items, heap.items.length - 1);
  }

  delete(key: string): void {
    const ending = this.#current.get(key);
    if (ending === undefined) return;
    this.#current.delete(key);
    const heap = this.#heaps.get(ending.source);
    if (heap === undefined) return;
    heap.stale += 1;
    if (heap.stale > MOST_STALE && heap.stale * 2 > heap.items.length) this.#clear(heap);
  }

  /** Takes the earliest ending of a source that is due at `time`. */
  takeDue(source: string, time: number): Ending | undefined {
    const heap = this.#heaps.get(source);
    if (heap === undefined) return undefined;
    const first = this.#peek(heap);
    if (first === undefined || first.end > time) return undefined;
    this.#current.delete(first.key);
    return pop(heap.items);
  }

  /** Takes the earliest ending of all sources that is due at `time`. */
  takeDueOfAny(time: number): Ending | undefined {
    const first = this.#earliest();
    return first !== undefined && first.end <= time ? this.takeDue(first.source, time) : undefined;
  }

  takeEarliest(): Ending | undefined {
    return this.takeDueOfAny(Number.POSITIVE_INFINITY);
  }

  #isCurrent(ending: Ending): boolean {
    return this.#current.get(ending.key) === ending;
  }

  #clear(heap: Heap): void {
    heap.items = heap.items.filter((ending) => this.#isCurrent(ending));
    heap.stale = 0;
    for (let at = (heap.items.length >> 1) - 1; at >= 0; at--) sink(heap.items, at);
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

  #peek(heap: Heap): Ending | undefined {
    for (let first = heap.items[0]; first !== undefined; first = heap.items[0]) {
      if (this.#isCurrent(first)) return first;
      pop(heap.items);
      heap.stale -= 1;
    }
    return undefined;
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
  sink(heap, 0);
  return first;
}

function rise(heap: Ending[], from: number): void {
  for (let child = from; child > 0; ) {
    const parent = (child - 1) >> 1;
    if (!before(heap[child], heap[parent])) return;
    swap(heap, child, parent);
    child = parent;
  }
}

function sink(heap: Ending[], from: number): void {
  for (let parent = from; ; ) {
    const left = 2 * parent + 1;
    const least = before(heap[left + 1], heap[left]) ? left + 1 : left;
    if (!before(heap[least], heap[parent])) return;
    swap(heap, least, parent);
    parent = least;
  }
}
