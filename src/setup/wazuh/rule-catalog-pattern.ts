/** A pattern of a rule; its type as written, else Wazuh's default for that element. */
export interface Test {
  readonly pattern: string;
  readonly type: "osregex" | "osmatch" | "pcre2";
  readonly negate: boolean;
}

/** Says whether a text matches. */
export type Matcher = (text: string) => boolean;

/** Longest pattern that is compiled; Wazuh's own limit of an element's text is 2,048 per piece. */
const MAX_PATTERN = 8_192;
/** Longest text that a pattern is tried on: OSRegex has classes in a row, which take polynomial time here. */
const MAX_TEXT = 8_192;

/** A rule's pattern as Wazuh would apply it, `negate` included. Undefined: it cannot be said here. */
export function compileTest({ pattern, type, negate }: Test): Matcher | undefined {
  const matcher =
    type === "pcre2" ? compilePcre2(pattern) : type === "osmatch" ? compileOsMatch(pattern) : compileOsRegex(pattern);
  return matcher && negate ? (text) => !matcher(text) : matcher;
}

/** Perl's syntax as far as JavaScript has it; case counts. */
function compilePcre2(pattern: string): Matcher | undefined {
  const inline = /^\(\?i\)/.test(pattern);
  return toMatcher(inline ? pattern.slice(4) : pattern, inline ? "i" : "");
}

/** Texts parted by `|`, each with `^` and `$`; a leading `!` turns the whole round; case does not count. */
function compileOsMatch(pattern: string): Matcher | undefined {
  const turned = pattern.startsWith("!");
  const source = pattern
    .slice(turned ? 1 : 0)
    .split("|")
    .map((part) => {
      const start = part.startsWith("^") ? "^" : "";
      const end = part.length > 1 && part.endsWith("$") ? "$" : "";
      return start + literal(part.slice(start.length, part.length - end.length)) + end;
    })
    .join("|");
  const matcher = toMatcher(source, "i");
  return matcher && turned ? (text) => !matcher(text) : matcher;
}

/** A class of OSRegex: what stands after the backslash. `.` alone is a dot; `\.` is any character. */
const CLASSES: Readonly<Record<string, string>> = {
  w: "[A-Za-z0-9@_-]",
  d: "[0-9]",
  s: " ",
  t: "\\t",
  p: "[()*+,\\-.:;<=>?\\[\\]!\"'#$%&|{}]",
  W: "[^A-Za-z0-9@_-]",
  D: "[^0-9]",
  S: "[^ ]",
  T: "[^\\t]",
  P: "[^()*+,\\-.:;<=>?\\[\\]!\"'#$%&|{}]",
  ".": "[\\s\\S]",
};

/** Wazuh's own regular expressions: unanchored, no case, `+` and `*` after a class only. */
export function compileOsRegex(pattern: string): Matcher | undefined {
  let source = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] ?? "";
    if (char === "\\") {
      at += 1;
      const name = pattern[at] ?? "";
      source += Object.hasOwn(CLASSES, name) ? CLASSES[name] : literal(name);
      const repeat = pattern[at + 1];
      if (Object.hasOwn(CLASSES, name) && (repeat === "+" || repeat === "*")) {
        source += repeat;
        at += 1;
      }
    } else if (char === "|" || char === "(" || char === ")" || isAnchor(pattern, at)) source += char;
    else source += literal(char);
  }
  return toMatcher(source, "i");
}

/** `^` and `$` count at the ends of an alternative only. */
function isAnchor(pattern: string, at: number): boolean {
  if (pattern[at] === "^") return at === 0 || pattern[at - 1] === "|" || pattern[at - 1] === "(";
  return pattern[at] === "$" && [undefined, "|", ")"].includes(pattern[at + 1]);
}

function toMatcher(source: string, flags: string): Matcher | undefined {
  if (source.length > MAX_PATTERN) return undefined;
  try {
    const regex = new RegExp(source, flags);
    return (text) => regex.test(text.slice(0, MAX_TEXT));
  } catch {
    return undefined;
  }
}

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
