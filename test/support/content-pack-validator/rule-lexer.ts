/** Words of the rule language, in any case; none may be a variable or the key of a map. */
export const KEYWORDS: ReadonlySet<string> = new Set(
  "all pass either and or not pipeline rule during stage when then end let match".split(" "),
);

export interface Token {
  readonly kind: "keyword" | "identifier" | "string" | "number" | "boolean" | "message" | "symbol" | "end";
  readonly text: string;
  readonly at: number;
}

const SKIPPED = /(?:[ \t\r\n\f]+|\/\*[\s\S]*?\*\/|\/\/[^\r\n]*)/y;
const STRING = /"(?:[^"\\]|\\(?:[btnfr"'\\]|u[0-9a-fA-F]{4}|[0-3]?[0-7]{1,2}))*"/y;
const NUMBER = /\d+(?:\.\d+)?[lL]?/y;
const WORD = /\$message|[a-zA-Z_][a-zA-Z_0-9]*|`[^`]+`/y;
const SYMBOL = /&&|\|\||==|!=|<=|>=|[()[\]{},;:.=<>!+\-*/%]/y;

/** Throws where the text is no token of the language: an unknown escape, a quote that is not closed. */
export function tokens(source: string): readonly Token[] {
  const found: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  for (;;) {
    at += match(SKIPPED)?.length ?? 0;
    if (at >= source.length) return [...found, { kind: "end", text: "", at }];
    if (match(SKIPPED) !== undefined) continue;
    const token = next(match);
    if (token === undefined) throw new Error(`no token at ${at}: ${source.slice(at, at + 30)}`);
    found.push({ ...token, at });
    at += token.text.length;
  }
}

function next(match: (pattern: RegExp) => string | undefined): Omit<Token, "at"> | undefined {
  const string = match(STRING);
  if (string !== undefined) return { kind: "string", text: string };
  const number = match(NUMBER);
  if (number !== undefined) return { kind: "number", text: number };
  const word = match(WORD);
  if (word === "$message") return { kind: "message", text: word };
  if (word === "true" || word === "false") return { kind: "boolean", text: word };
  if (word !== undefined) return { kind: KEYWORDS.has(word.toLowerCase()) ? "keyword" : "identifier", text: word };
  const symbol = match(SYMBOL);
  return symbol === undefined ? undefined : { kind: "symbol", text: symbol };
}

/** The string that a literal stands for. */
export function unescaped(literal: string): string {
  const plain: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r" };
  return literal.slice(1, -1).replace(/\\(u[0-9a-fA-F]{4}|[0-7]{1,3}|.)/g, (_, code: string) => {
    if (/^u/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    return plain[code] ?? code;
  });
}
