const DELIMITED = /^\/(.{1,256})\/([gimsu]{0,5})$/s;

/**
 * A PHP-style `/…/i` of a warninglist as a RegExp, or the reason why it is not taken. Lists come from outside, so only patterns
 * that cannot blow up are: no group under an unbounded quantifier, at most two unbounded quantifiers, no look-around and no
 * back-reference. Values are cut to 512 characters before the test.
 */
export function compileListRegex(pattern: string): RegExp | string {
  const match = DELIMITED.exec(pattern);
  if (match === null) return "expected /…/ with at most 256 characters";
  const [, body = "", flags = ""] = match;
  const refusal = hazard(body);
  if (refusal !== undefined) return refusal;
  try {
    return new RegExp(body, flags.includes("i") ? "i" : "");
  } catch {
    return "not a regular expression that JavaScript knows";
  }
}

function hazard(body: string): string | undefined {
  if (/\\[1-9]|\\k</.test(body)) return "back-reference";
  if (/\(\?(?!:)/.test(body)) return "look-around or inline option";
  // What is escaped or in a class is an ordinary character here.
  const bare = body.replace(/\\./gs, "a").replace(/\[[^\]]{0,200}\]/g, "a");
  if (/\)(?:[*+]|\{\d{0,4},\}|\{\d{0,4},?\d{1,4}\})/.test(bare)) return "repeated group";
  const unbounded = bare.match(/[*+]|\{\d{0,4},\}/g)?.length ?? 0;
  if (unbounded > 2) return "more than two unbounded quantifiers";
  const bounds = [...bare.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g)];
  const widest = Math.max(0, ...bounds.map(([, low, high]) => Number(high || low)));
  return widest > 64 ? "quantifier above 64" : undefined;
}
