import { EXCLUDE_SEES } from "./exclude-pattern.ts";
import { freetextValues } from "./freetext.ts";
import { cellsOf, eachCell } from "./list-cells.ts";
import { listDate } from "./list-dates.ts";
import { detectType, type ListType, listType, readListValue } from "./list-lines.ts";
import type { TextLine } from "./list-text.ts";
import { MAX_VALUE } from "./misp-attribute.ts";

/** `lines`: one value a line. `csv`: values in columns. `freetext`: values anywhere. */
export const LIST_FORMATS = ["lines", "csv", "freetext"] as const;
export type ListFormat = (typeof LIST_FORMATS)[number];

/** A column by number (from 1) or by the name in the header. */
export type ListColumn = number | string;

/** How a list is laid out. */
export interface ListLayout {
  readonly format: ListFormat;
  readonly valueType: ListType;
  readonly commentPrefixes: readonly string[];
  /** Values that it finds are left out. */
  readonly exclude?: RegExp | undefined;
  /** The rest: `csv` only. */
  readonly delimiter: string;
  readonly header: boolean;
  /** `*`: every cell that looks like a value. */
  readonly valueColumns: readonly ListColumn[] | "*";
  readonly typeColumn?: ListColumn | undefined;
  readonly commentColumn?: ListColumn | undefined;
  readonly firstSeenColumn?: ListColumn | undefined;
  readonly lastSeenColumn?: ListColumn | undefined;
}

/** A value that a list gives, to be read as `type`; or why there is none (`refusal`). */
export interface ListEntry {
  readonly line: number;
  readonly value: string;
  readonly type: ListType;
  readonly comment?: string;
  /** Epoch seconds. */
  readonly firstSeen?: number;
  readonly lastSeen?: number;
  readonly refusal?: string;
}

const MAX_COMMENT = 1024;
/** Characters of a row that are cut into columns. */
const MAX_ROW = 4 * MAX_VALUE;

interface Columns {
  readonly values: readonly number[];
  readonly type: number | undefined;
  readonly comment: number | undefined;
  readonly firstSeen: number | undefined;
  readonly lastSeen: number | undefined;
}

/** Reads a list line by line. Knows nothing of where it comes from. */
export class ListReader {
  readonly #layout: ListLayout;
  #columns: Columns | undefined;
  #rows = 0;

  /** Throws an Error that says what was expected when a column is named and there is no header. */
  constructor(layout: ListLayout) {
    this.#layout = layout;
    if (layout.format !== "csv" || layout.header) return;
    this.#columns = this.#resolve(undefined);
  }

  /** Entries of one line; none for a comment, the header and what `exclude` finds. */
  *read({ text, number }: TextLine): Generator<ListEntry> {
    const { format, commentPrefixes, header } = this.#layout;
    if (commentPrefixes.some((prefix) => text.startsWith(prefix))) return;
    if (format === "freetext") yield* this.#freetext(text, number);
    else if (format === "lines") yield* this.#line(text, number);
    else if (this.#columns === undefined && header) this.#columns = this.#resolve(text);
    else if (this.#layout.valueColumns === "*") yield* this.#allCells(text, number);
    else yield* this.#row(text, number, this.#columns ?? this.#resolve(undefined));
  }

  *#line(text: string, line: number): Generator<ListEntry> {
    const value = withoutNote(text);
    if (!this.#excluded(value)) yield { line, value, type: this.#layout.valueType };
  }

  *#freetext(text: string, line: number): Generator<ListEntry> {
    const wanted = this.#layout.valueType;
    for (const { value, type } of freetextValues(text))
      if (isWanted(type, wanted) && !this.#excluded(value))
        yield { line, value, type: wanted === "auto" ? type : wanted };
  }

  /** Cells that are no value are passed over: nobody said that they were. */
  *#allCells(text: string, line: number): Generator<ListEntry> {
    const wanted = this.#layout.valueType;
    for (const cell of eachCell(text, this.#layout.delimiter)) {
      const value = unquoted(cell);
      const type = value === "" || value.length > MAX_VALUE ? undefined : detectType(value);
      if (type !== undefined && isWanted(type, wanted) && !this.#excluded(value))
        yield { line, value, type: wanted === "auto" ? type : wanted };
    }
  }

  *#row(text: string, line: number, columns: Columns): Generator<ListEntry> {
    const cells = cellsOf(text.slice(0, MAX_ROW), this.#layout.delimiter);
    const first = this.#rows++ === 0;
    const { comment, firstSeen, lastSeen } = this.#aside(cells, columns);
    const typeCell = columns.type === undefined ? "" : (cells[columns.type] ?? "");
    const type = typeCell === "" ? this.#layout.valueType : listType(typeCell);
    const aside = {
      ...(comment ? { comment } : {}),
      ...(firstSeen === undefined ? {} : { firstSeen }),
      ...(lastSeen === undefined ? {} : { lastSeen }),
    };
    for (const column of columns.values) {
      const value = unquoted(cells[column] ?? "");
      if (this.#excluded(value)) continue;
      if (first && isTitle(value) && typeof readListValue(type ?? "auto", value) === "string") continue;
      // One of several columns may be empty; the only one may not.
      if (value === "" && columns.values.length > 1) continue;
      const base = { line, value: value === "" ? text.slice(0, 256) : value, ...aside };
      if (value === "") yield { ...base, type: "auto", refusal: "no value" };
      else if (type !== undefined) yield { ...base, type };
      else yield { ...base, type: "auto", refusal: `a type that lists cannot have: ${typeCell.slice(0, 40)}` };
    }
  }

  #aside(cells: readonly string[], { comment, firstSeen, lastSeen }: Columns) {
    const at = (column: number | undefined) => (column === undefined ? undefined : cells[column]);
    const date = (cell: string | undefined) => (cell === undefined ? undefined : listDate(cell));
    return {
      comment: at(comment)?.slice(0, MAX_COMMENT),
      firstSeen: date(at(firstSeen)),
      lastSeen: date(at(lastSeen)),
    };
  }

  #excluded(value: string): boolean {
    return this.#layout.exclude?.test(value.slice(0, EXCLUDE_SEES)) ?? false;
  }

  #resolve(header: string | undefined): Columns {
    const { delimiter, valueColumns, typeColumn, commentColumn, firstSeenColumn, lastSeenColumn } = this.#layout;
    const names =
      header === undefined
        ? []
        : cellsOf(header.replace(/^#\s?/, ""), delimiter).map((name) => unquoted(name).toLowerCase());
    const at = (wanted: ListColumn): number => {
      if (typeof wanted === "number") return wanted - 1;
      const index = names.indexOf(wanted.toLowerCase());
      if (index >= 0) return index;
      throw new Error(
        `expected a column "${wanted}", found ${names.slice(0, 20).join(", ").slice(0, 300) || "no header"}`,
      );
    };
    const optional = (wanted: ListColumn | undefined) => (wanted === undefined ? undefined : at(wanted));
    return {
      values: valueColumns === "*" ? [] : valueColumns.map(at),
      type: optional(typeColumn),
      comment: optional(commentColumn),
      firstSeen: optional(firstSeenColumn),
      lastSeen: optional(lastSeenColumn),
    };
  }
}

/** A list of host names says names, and those look like domains. */
function isWanted(type: ListType, wanted: ListType): boolean {
  return wanted === "auto" || wanted === type || (wanted === "hostname" && type === "domain");
}

function unquoted(cell: string): string {
  return cell.length > 1 && cell.startsWith("'") && cell.endsWith("'") ? cell.slice(1, -1).trim() : cell;
}

/** `dst_ip`, `Malware URL`: the title of a column, where the header is not marked as a comment. */
function isTitle(cell: string): boolean {
  return /^[a-z][a-z_ -]{0,40}$/i.test(cell);
}

/** Plain lists often carry a remark after the value: `1.2.3.4 # seen in May`. */
function withoutNote(line: string): string {
  const note = line.search(/\s[#;]/);
  return (note < 0 ? line : line.slice(0, note)).trim();
}
