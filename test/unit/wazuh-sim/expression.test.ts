import assert from "node:assert/strict";
import { test } from "node:test";
import { compileExpression, type ExpressionType } from "../../support/wazuh-sim/expression.ts";

const matches = (type: ExpressionType, pattern: string, text: string) => {
  const compiled = compileExpression(pattern, type);
  assert.ok(compiled, `${pattern} compiles`);
  return compiled.matches(text);
};

const OSREGEX: readonly (readonly [pattern: string, text: string, expected: boolean])[] = [
  ["b", "abc", true],
  ["B", "abc", true],
  ["^b", "abc", false],
  ["^abc$", "ABC", true],
  ["\\.+", "x", true],
  ["\\.+", "", false],
  [".+", "x", false],
  [".+", "a.+b", true],
  ["a.c", "abc", false],
  ["\\d+", "a1", true],
  ["^\\d+$", "12x", false],
  ["\\w+", "-@_", true],
  ["^\\w+$", "a.b", false],
  ["\\s", "a\tb", false],
  ["\\s", "a b", true],
  ["a|c$", "xc", true],
  ["^a|^b", "bx", true],
  ["^(\\d+) (\\w+)$", "1 a", true],
  ["a+", "aa", false],
  ["a+", "a+", true],
  ["\\D+", "12", false],
  ["\\p", "a,b", true],
  ["[ab]", "a", false],
  ["[ab]", "[ab]", true],
  ["x{2}", "xx", false],
  ["a$b", "a$b", true],
  ["\\$x", "a$x", true],
  ["(?i)x", "x", false],
];
for (const [pattern, text, expected] of OSREGEX)
  test(`OSRegex ${pattern} ${expected ? "takes" : "leaves"} ${JSON.stringify(text)}`, () =>
    assert.equal(matches("osregex", pattern, text), expected));

const OSMATCH: typeof OSREGEX = [
  ["error|attack", "an ERROR", true],
  ["^error", "an error", false],
  ["error$", "an error", true],
  ["^a$|^b$", "b", true],
  [".", "abc", false],
  ["!error", "fine", true],
  ["!error", "an error", false],
];
for (const [pattern, text, expected] of OSMATCH)
  test(`OSMatch ${pattern} ${expected ? "takes" : "leaves"} ${JSON.stringify(text)}`, () =>
    assert.equal(matches("osmatch", pattern, text), expected));

const PCRE2: typeof OSREGEX = [
  ["b", "abc", true],
  ["B", "abc", false],
  ["(?i)B", "abc", true],
  [".+", "x", true],
  ["^\\d{2}$", "12", true],
  ["(?:^|->)misp$", "(a) any->misp", true],
  ["(?:^|->)misp$", "/var/log/misp", false],
];
for (const [pattern, text, expected] of PCRE2)
  test(`pcre2 ${pattern} ${expected ? "takes" : "leaves"} ${JSON.stringify(text)}`, () =>
    assert.equal(matches("pcre2", pattern, text), expected));

test("patterns that do not compile", () => {
  assert.equal(compileExpression("(a", "pcre2"), undefined);
  assert.equal(compileExpression("(a", "osregex"), undefined);
  assert.equal(compileExpression("\\q", "osregex"), undefined);
});
