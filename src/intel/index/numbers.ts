type Numbers = Uint8Array | Uint32Array;

/** A growing column of numbers: ten million entries without ten million objects. */
export class Column<A extends Numbers> {
  #items: A;
  readonly #make: (length: number) => A;
  length = 0;

  constructor(make: (length: number) => A) {
    this.#make = make;
    this.#items = make(1_024);
  }

  push(value: number): void {
    if (this.length === this.#items.length) {
      // Half as much again rather than double: the copy is short, the peak of memory is what hurts.
      const grown = this.#make(Math.ceil(this.length * 1.5));
      grown.set(this.#items);
      this.#items = grown;
    }
    this.#items[this.length++] = value;
  }

  /** The filled part; valid until the next push. */
  view(): A {
    return this.#items.subarray(0, this.length) as A;
  }
}

export const words = (): Column<Uint32Array> => new Column((length) => new Uint32Array(length));
export const bytes = (): Column<Uint8Array> => new Column((length) => new Uint8Array(length));

/** Order of the entries by (`high`, `low`), equal pairs in their first order. Radix sort: 16 bits a pass. */
export function orderOfPairs(high: Uint32Array, low: Uint32Array): Uint32Array {
  let order = new Uint32Array(high.length);
  let spare = new Uint32Array(high.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (const [column, shift] of [
    [low, 0],
    [low, 16],
    [high, 0],
    [high, 16],
  ] as const) {
    sortPass(column, shift, order, spare);
    [order, spare] = [spare, order];
  }
  return order;
}

function sortPass(column: Uint32Array, shift: number, from: Uint32Array, to: Uint32Array): void {
  const starts = new Uint32Array(65_537);
  for (let i = 0; i < column.length; i++) starts[(((column[i] as number) >>> shift) & 0xffff) + 1]!++;
  for (let i = 0; i < 65_536; i++) starts[i + 1]! += starts[i] as number;
  for (let i = 0; i < from.length; i++) {
    const entry = from[i] as number;
    const digit = ((column[entry] as number) >>> shift) & 0xffff;
    to[starts[digit]!++] = entry;
  }
}

/** Pairs as sorted rows of two words without repeats, for {@link findRow}. */
export function sortedPairs(high: Uint32Array, low: Uint32Array): Uint32Array {
  const order = orderOfPairs(high, low);
  const rows = new Uint32Array(order.length * 2);
  let filled = 0;
  for (const entry of order) {
    const a = high[entry] as number;
    const b = low[entry] as number;
    if (filled > 0 && rows[filled - 2] === a && rows[filled - 1] === b) continue;
    rows[filled++] = a;
    rows[filled++] = b;
  }
  return rows.slice(0, filled);
}

/** Index of the row whose first two words are (`high`, `low`) in rows of `width` words sorted by them, or -1. */
export function findRow(rows: Uint32Array, width: number, high: number, low: number): number {
  let from = 0;
  let to = rows.length / width;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const a = rows[middle * width] as number;
    const b = rows[middle * width + 1] as number;
    if (a < high || (a === high && b < low)) from = middle + 1;
    else to = middle;
  }
  const found = from * width < rows.length && rows[from * width] === high && rows[from * width + 1] === low;
  return found ? from : -1;
}
