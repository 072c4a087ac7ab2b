import { compileListRegex } from "./warninglist-regex.ts";

/** Characters that PHP takes as the ends of a pattern and that lists use. */
const DELIMITED = /^([/#~!@%])(.{1,256})\1([a-zA-Z]{0,8})$/s;
/** Escapes that mean the same in PHP and here; `\A`, `\h`, `\Q` … would silently mean something else. */
const KNOWN_ESCAPE = /^(?:[dDwWsSbBnrtfv0]|x[0-9a-fA-F]{2}|[^A-Za-z0-9])/;
const UNBOUNDED = /[*+]|\{\d{0,4},\}/g;

/** Characters of a value that a pattern sees. */
export const EXCLUDE_SEES = 512;
/** Ways in which the quantifiers of one alternative may share out the characters of a value; an unbounded one counts apart. */
const MOST_WAYS = 4096;

/**
 * MISP's `excluderegex` (`/^#.*|Example.*\/i`) as a RegExp, or the reason why it is not taken. Taken is what means the same in
 * PHP and here and cannot blow up on hostile values: beyond what `compileListRegex` asks, each alternative has at most one unbounded
 * quantifier (the `.*` at its ends do not count: they change nothing in a search), so that a value of {@link EXCLUDE_SEES}
 * characters costs at most their square.
 */
export function compileExclude(pattern: string): RegExp | string {
  const match = DELIMITED.exec(pattern.trim());
  if (match === null) return "expected a pattern between slashes, such as /^#/i, of at most 256 characters";
  const [, delimiter = "/", written = "", flags = ""] = match;
  if (!/^[imsu]{0,4}$/.test(flags)) return `expected no flags but i, m, s and u, got ${flags}`;
  const body = delimiter === "/" ? written : written.replaceAll(`\\${delimiter}`, delimiter);
  const unknown = unknownSyntax(body);
  if (unknown !== undefined) return unknown;
  const reduced = alternatives(body).map(withoutEnds);
  if (reduced.some((one) => (bare(one).match(UNBOUNDED)?.length ?? 0) > 1))
    return "more than one unbounded quantifier (* or +) in one alternative";
  if (reduced.some((one) => waysOf(bare(one)) > MOST_WAYS)) return "too many quantifiers in one alternative";
  if (reduced.some((one) => one === "")) return "an alternative that every value fits";
  return compileListRegex(`/${reduced.join("|")}/${flags.includes("i") ? "i" : ""}`);
}

function unknownSyntax(body: string): string | undefined {
  for (const [, escaped = ""] of body.matchAll(/\\(?=(.{0,4}))./gs))
    if (!KNOWN_ESCAPE.test(escaped)) return `an escape that is not known here: \\${escaped.slice(0, 1)}`;
  if (/\[\[:|\[\^?\]/.test(body)) return "a character class that is not known here";
  const plain = bare(body);
  if (/[*+?}]\+/.test(plain)) return "a possessive quantifier";
  return undefined;
}

function waysOf(plain: string): number {
  let ways = 1;
  for (const [quantifier, low, high] of plain.matchAll(/\?|\{(\d{1,4})(?:,(\d{1,4}))?\}/g))
    ways *= quantifier === "?" ? 2 : Math.max(1, Number(high ?? low) - Number(low) + 1);
  return ways;
}

/** Escapes and classes stand for one ordinary character. */
function bare(body: string): string {
  return body.replace(/\\./gs, "a").replace(/\[[^\]]{0,200}\]/g, "a");
}

/** Cut at the bars outside groups and classes. */
function alternatives(body: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  let depth = 0;
  let inClass = false;
  for (let at = 0; at < body.length; at++) {
    const c = body[at];
    if (c === "\\") at++;
    else if (inClass) inClass = c !== "]";
    else if (c === "[") inClass = true;
    else if (c === "(") depth++;
    else if (c === ")") depth--;
    else if (c === "|" && depth === 0) {
      parts.push(body.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, body.slice(from)];
}

/** Without a leading `.*` or `^.*` and a trailing `.*` or `.*$`: a search finds the same without them, in less time. */
function withoutEnds(alternative: string): string {
  const begun = alternative.replace(/^\^?\.\*(?![?+*{])/, "");
  return begun.replace(/(?<!\\)\.\*\$?$/, "");
}
