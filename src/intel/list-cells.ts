/**
 * Cells of one line of delimited text: quotes as in RFC 4180, but a quoted cell ends with its line, and blanks may stand before the
 * opening quote (`"a", "b"`). A blank as the delimiter counts once however often it stands. Linear.
 */
export function* eachCell(line: string, delimiter: string): Generator<string> {
  let at = 0;
  while (at <= line.length) {
    let start = at;
    while (line[start] === " ") start++;
    if (delimiter === " ") at = start;
    if (line[start] === '"') {
      const { cell, end } = quoted(line, start);
      yield cell.trim();
      const next = line.indexOf(delimiter, end);
      at = next < 0 ? line.length + 1 : next + delimiter.length;
    } else {
      const next = line.indexOf(delimiter, at);
      yield line.slice(at, next < 0 ? undefined : next).trim();
      at = next < 0 ? line.length + 1 : next + delimiter.length;
    }
  }
}

/** The first cells of a line, at most `most`: the rest of the line is dropped. */
export function cellsOf(line: string, delimiter: string, most = 64): readonly string[] {
  const cells: string[] = [];
  for (const cell of eachCell(line, delimiter)) {
    cells.push(cell);
    if (cells.length >= most) break;
  }
  return cells;
}

/** The cell whose quote opens at `start`, and where it ends; doubled quotes stand for one. */
function quoted(line: string, start: number): { readonly cell: string; readonly end: number } {
  let cell = "";
  let from = start + 1;
  for (;;) {
    const quote = line.indexOf('"', from);
    cell += line.slice(from, quote < 0 ? undefined : quote);
    if (quote < 0) return { cell, end: line.length };
    if (line[quote + 1] !== '"') return { cell, end: quote + 1 };
    cell += '"';
    from = quote + 2;
  }
}
