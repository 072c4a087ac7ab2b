/** The three pattern languages of Wazuh's rules, each compiled to a test of one string. */
export type ExpressionType = "osregex" | "osmatch" | "pcre2";

export interface Expression {
  readonly type: ExpressionType;
  readonly pattern: string;
  readonly negate: boolean;
  /** Without `negate`; the caller decides what an absent value means. */
  matches(text: string): boolean;
  /** What the parentheses took; undefined where it does not match. OSMatch has none. */
  captures(text: string): readonly (string | undefined)[] | undefined;
}

/** Undefined: the pattern does not compile, which makes analysisd refuse the file. */
export function compileExpression(pattern: string, type: ExpressionType, negate = false): Expression | undefined {
  const compiled = { osregex: compileOsRegex, osmatch: compileOsMatch, pcre2: compilePcre2 }[type](pattern);
  return compiled && { type, pattern, negate, ...compiled };
}

/** True when the expression holds for a value that is there. */
export function holds(expression: Expression, text: string): boolean {
  return expression.matches(text) !== expression.negate;
}

type Compiled = Pick<Expression, "matches" | "captures">;

const CLASSES: Readonly<Record<string, string>> = {
  w: "A-Za-z0-9@_-",
  d: "0-9",
  s: " ",
  t: "\\t",
  p: "()*+,\\-.:;<=>?\\[\\]!\"'#$%&|{}",
};

/**
 * OSRegex: unanchored, case-insensitive. A bare `.`, `+` or `*` is itself; `\.` is any character; `\w` `\d` `\s` (a space
 * only) `\t` `\p` are classes, their capitals the rest; `+` and `*` count only after one of these.
 */
function compileOsRegex(pattern: string): Compiled | undefined {
  let source = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at]!;
    if (char !== "\\") {
      source += /[()|^$]/.test(char) ? osRegexMark(pattern, at) : literal(char);
      continue;
    }
    at += 1;
    const name = pattern[at] ?? "";
    const atom = osRegexClass(name);
    if (atom === undefined) {
      if (!/[\\$|()<]/.test(name)) return undefined;
      source += literal(name);
      continue;
    }
    source += atom;
    if (pattern[at + 1] === "+" || pattern[at + 1] === "*") source += pattern[++at];
  }
  return jsTest(source, "is");
}

/** `^` and `$` are anchors at an end of an alternative only. */
function osRegexMark(pattern: string, at: number): string {
  const char = pattern[at]!;
  if (char === "^") return at === 0 || /[(|]/.test(pattern[at - 1]!) ? "^" : "\\^";
  if (char === "$") return at === pattern.length - 1 || /[)|]/.test(pattern[at + 1]!) ? "$" : "\\$";
  return char;
}

function osRegexClass(name: string): string | undefined {
  if (name === ".") return "[^]";
  const inside = Object.hasOwn(CLASSES, name.toLowerCase()) ? CLASSES[name.toLowerCase()] : undefined;
  if (inside === undefined) return undefined;
  return name === name.toLowerCase() ? `[${inside}]` : `[^${inside}]`;
}

/** OSMatch (sregex): case-insensitive substrings parted by `|`, each with `^` and `$`; a leading `!` turns the whole round. */
function compileOsMatch(pattern: string): Compiled {
  const turned = pattern.startsWith("!");
  const parts = (turned ? pattern.slice(1) : pattern)
    .toLowerCase()
    .split("|")
    .map((part) => {
      const start = part.startsWith("^");
      const end = part.endsWith("$") && part.length > 1;
      return { start, end, text: part.slice(start ? 1 : 0, end ? -1 : undefined) };
    });
  const matches = (given: string) => {
    const text = given.toLowerCase();
    const found = parts.some(({ start, end, text: part }) => {
      if (start && end) return text === part;
      if (start) return text.startsWith(part);
      return end ? text.endsWith(part) : text.includes(part);
    });
    return found !== turned;
  };
  return { matches, captures: (text) => (matches(text) ? [] : undefined) };
}

/** pcre2: unanchored, case-sensitive unless `(?i)`; what JavaScript's own patterns cannot say does not compile here. */
function compilePcre2(pattern: string): Compiled | undefined {
  let flags = "";
  const source = pattern
    .replace(/^\(\?([ims]+)\)/, (_, found: string) => {
      flags = found;
      return "";
    })
    .replaceAll("\\A", "^")
    .replaceAll(/\\[zZ]/g, "$")
    .replaceAll("\\h", "[ \\t]")
    .replaceAll("(?P<", "(?<");
  return jsTest(source, flags);
}

function jsTest(source: string, flags: string): Compiled | undefined {
  try {
    const compiled = new RegExp(source, flags);
    return { matches: (text) => compiled.test(text), captures: (text) => compiled.exec(text)?.slice(1) };
  } catch {
    return undefined;
  }
}

function literal(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
}
