import { RemoteError } from "../lib/remote-error.ts";
import { isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import type { Misp } from "./misp.ts";

/** Values that one search asks for at most, and characters of all of them. */
export const MAX_VALUES = 1000;
export const MAX_CHARACTERS = 1_000_000;
/** Longer values are not asked for. */
export const MAX_VALUE = 8192;
const PAGE = 2000;
/** Rows of one search; more of them are asked for in halves, and of a single value not at all. */
const MAX_ROWS = 20_000;

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const BEYOND_BMP = /[\u{10000}-\u{10ffff}]/u;
const IGNORED = /[\p{Default_Ignorable_Code_Point}\p{M}\p{Lm}]/gu;
const HAS_WEIGHT = /[\p{Lu}\p{Ll}\p{Lt}\p{Lo}\p{Nd}]/u;

/**
 * Why restSearch would take a value, as an element of a list, for something else than itself; undefined when it is literal.
 * In a list `||` and `&&` are text (in a bare string they are not), so values always go as a list. What remains: "!" at the
 * start is NOT, % at either end is LIKE (and _ with it), and what the collation counts as nothing equals the empty second
 * half of every row.
 */
export function literalProblem(value: string): string | undefined {
  if (value.trim() === "") return "it is empty, which MISP takes for no filter at all";
  if (value.length > MAX_VALUE) return `it is longer than ${MAX_VALUE} characters`;
  if (!value.isWellFormed() || CONTROL.test(value)) return "it holds control characters or broken Unicode";
  if (value !== value.trim()) return "it begins or ends with a blank";
  if (value.startsWith("!")) return 'it begins with "!", which MISP takes for NOT';
  if (value.startsWith("%") || value.endsWith("%")) return "it begins or ends with %, which MISP takes for anything";
  if (BEYOND_BMP.test(value)) return "it holds characters that MISP's database does not compare";
  if (!HAS_WEIGHT.test(value.replace(IGNORED, ""))) return "it holds no letter or digit, so MISP may take it for empty";
  return undefined;
}

/** What is asked of one server at once. */
export interface ValueQuestion {
  /** At most MAX_VALUES, none of which has a `literalProblem`. */
  readonly values: readonly string[];
  /** Attribute types, so that a port or a file name in a composite does not drag the rest along. */
  readonly types: readonly string[];
  readonly toIdsOnly: boolean;
  readonly publishedOnly: boolean;
}

/**
 * Asks for values and gives every row to `onRow`, with the event's context inside; MISP compares without regard to case and
 * accents, so the caller MUST check each row. Returns the values that have more rows than are read: their answer is a part.
 * Too large a question is asked again in halves. Throws RemoteError, after retrying.
 */
export async function searchValues(
  misp: Misp,
  question: ValueQuestion,
  onRow: (row: JsonObject) => void,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { values } = question;
  const problem = values.map(literalProblem).find((one) => one !== undefined);
  if (values.length === 0 || problem !== undefined)
    throw new RemoteError("unexpected", `a value was about to be sent although ${problem ?? "there is none"}`);
  let read = 0;
  for (let page = 1; ; page++) {
    const rows = await pageOf(misp, question, page, signal).catch((thrown: unknown) => {
      if (values.length > 1 && isTooMuch(thrown)) return undefined;
      throw thrown;
    });
    const tooMany = rows !== undefined && read + rows.length > MAX_ROWS;
    if (values.length > 1 && (rows === undefined || tooMany)) return inHalves(misp, question, onRow, signal);
    for (const row of rows ?? []) onRow(row);
    read += rows?.length ?? 0;
    if ((rows?.length ?? 0) < PAGE) return [];
    if (tooMany) return values;
  }
}

/** Rows that were given already are given again: to see a row twice does no harm. */
async function inHalves(
  misp: Misp,
  question: ValueQuestion,
  onRow: (row: JsonObject) => void,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const middle = Math.ceil(question.values.length / 2);
  const first = await searchValues(misp, { ...question, values: question.values.slice(0, middle) }, onRow, signal);
  const second = await searchValues(misp, { ...question, values: question.values.slice(middle) }, onRow, signal);
  return [...first, ...second];
}

function pageOf(misp: Misp, question: ValueQuestion, page: number, signal: AbortSignal): Promise<JsonObject[]> {
  const filter: JsonObject = {
    value: question.values,
    type: question.types,
    ...(question.toIdsOnly ? { to_ids: 1 } : {}),
    ...(question.publishedOnly ? { published: 1 } : {}),
    includeContext: 1,
    limit: PAGE,
    page,
    order: "Attribute.id asc",
  };
  const asked = new Set(question.values.map(folded));
  return misp.retry(async () => {
    const answer = await misp.search("attributes", filter, signal);
    const rows: JsonObject[] = [];
    let related = 0;
    for await (const row of answer.rows) {
      if (!isJsonObject(row)) continue;
      rows.push(row);
      if (isAskedFor(row, asked)) related++;
    }
    // A server or a proxy that loses the filter answers with whatever it has.
    if (rows.length >= PAGE && related === 0)
      throw new RemoteError(
        "unexpected",
        `${misp.url} answers with attributes that nobody asked for: it lost the filter`,
      );
    return rows;
  }, signal);
}

function isAskedFor(row: JsonValue, asked: ReadonlySet<string>): boolean {
  const value = folded(text(row, "value") ?? "");
  return asked.has(value) || (value.includes("|") && halves(value).some((half) => asked.has(half)));
}

function halves(value: string): readonly string[] {
  const [first, last] = [value.indexOf("|"), value.lastIndexOf("|")];
  return [value.slice(0, first), value.slice(first + 1), value.slice(0, last), value.slice(last + 1)];
}

function folded(value: string): string {
  return value.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

function isTooMuch(thrown: unknown): boolean {
  return thrown instanceof RemoteError && ["server", "timeout", "cut-short", "too-large"].includes(thrown.kind);
}
