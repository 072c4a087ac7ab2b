/** Where two lists differ: `a[aStart..aEnd)` became `b[bStart..bEnd)`. */
export interface Hunk {
  readonly aStart: number;
  readonly aEnd: number;
  readonly bStart: number;
  readonly bEnd: number;
}

/** Above this many differences the rest between the first and the last counts as one. */
const MAX_EDITS = 2000;

/** The lines of a text with their ends, so that joining them gives the text again. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Fewest differences between two lists, in order (Myers' algorithm, bounded). */
export function diffPieces(a: readonly string[], b: readonly string[]): readonly Hunk[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const aEnd = a.length - tail;
  const bEnd = b.length - tail;
  if (head === aEnd && head === bEnd) return [];
  const whole = [{ aStart: head, aEnd, bStart: head, bEnd }];
  if (head === aEnd || head === bEnd) return whole;
  const path = shortestPath(a.slice(head, aEnd), b.slice(head, bEnd));
  return path === undefined ? whole : hunksOf(path, head, aEnd, bEnd);
}

type Step = readonly [a: number, b: number];

/** Places of the common elements, or undefined when there are too many differences. */
function shortestPath(a: readonly string[], b: readonly string[]): readonly Step[] | undefined {
  const most = Math.min(MAX_EDITS, a.length + b.length);
  const width = most + 1;
  const reach = new Int32Array(2 * width + 1);
  const trace: Int32Array[] = [];
  for (let edits = 0; edits <= most; edits++) {
    trace.push(reach.slice(width - edits - 1, width + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && at(reach, width + k - 1) < at(reach, width + k + 1));
      let x = down ? at(reach, width + k + 1) : at(reach, width + k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach[width + k] = x;
      if (x >= a.length && x - k >= b.length) return walkBack(trace, edits, a.length, b.length);
    }
  }
  return undefined;
}

/** `trace[d]` holds what was reached before round d, from diagonal -d-1 on. */
function walkBack(trace: readonly Int32Array[], edits: number, aEnd: number, bEnd: number): readonly Step[] {
  const common: Step[] = [];
  let x = aEnd;
  let y = bEnd;
  for (let d = edits; d > 0; d--) {
    const before = trace[d] ?? new Int32Array(0);
    const reached = (diagonal: number) => at(before, diagonal + d + 1);
    const k = x - y;
    const down = k === -d || (k !== d && reached(k - 1) < reached(k + 1));
    const fromK = down ? k + 1 : k - 1;
    const fromX = reached(fromK);
    for (const start = down ? fromX : fromX + 1; x > start; ) common.push([--x, --y]);
    x = fromX;
    y = fromX - fromK;
  }
  while (x > 0) common.push([--x, --y]);
  return common.reverse();
}

function at(array: Int32Array, index: number): number {
  return array[index] ?? 0;
}

function hunksOf(common: readonly Step[], head: number, aEnd: number, bEnd: number): readonly Hunk[] {
  const hunks: Hunk[] = [];
  let a = head;
  let b = head;
  for (const [x, y] of [...common.map(([x, y]): Step => [x + head, y + head]), [aEnd, bEnd] as const]) {
    if (x > a || y > b) hunks.push({ aStart: a, aEnd: x, bStart: b, bEnd: y });
    a = x + 1;
    b = y + 1;
  }
  return hunks;
}

/**
 * What `diff -u` prints, without the two lines of names; "" where nothing differs. A missing newline at the end is said as diff
 * says it.
 */
export function unifiedDiff(before: string, after: string, context = 3): string {
  const a = splitLines(before);
  const b = splitLines(after);
  const groups: Hunk[][] = [];
  for (const hunk of diffPieces(a, b)) {
    const last = groups.at(-1);
    if (last && hunk.aStart - (last.at(-1)?.aEnd ?? 0) <= 2 * context) last.push(hunk);
    else groups.push([hunk]);
  }
  return groups.map((group) => printGroup(a, b, group, context)).join("");
}

function printGroup(a: readonly string[], b: readonly string[], group: readonly Hunk[], context: number): string {
  const [first] = group;
  const last = group.at(-1);
  if (!first || !last) return "";
  const aFrom = Math.max(0, first.aStart - context);
  const bFrom = first.bStart - (first.aStart - aFrom);
  const aTo = Math.min(a.length, last.aEnd + context);
  const bTo = last.bEnd + (aTo - last.aEnd);
  let text = `@@ -${range(aFrom, aTo)} +${range(bFrom, bTo)} @@\n`;
  let done = aFrom;
  for (const { aStart, aEnd, bStart, bEnd } of group) {
    text +=
      marked(" ", a.slice(done, aStart)) + marked("-", a.slice(aStart, aEnd)) + marked("+", b.slice(bStart, bEnd));
    done = aEnd;
  }
  return text + marked(" ", a.slice(done, aTo));
}

function range(from: number, to: number): string {
  const length = to - from;
  return `${length === 0 ? from : from + 1}${length === 1 ? "" : `,${length}`}`;
}

function marked(mark: string, lines: readonly string[]): string {
  return lines
    .map((line) => (line.endsWith("\n") ? mark + line : `${mark}${line}\n\\ No newline at end of file\n`))
    .join("");
}
