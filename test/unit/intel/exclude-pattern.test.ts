import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileExclude } from "../../../src/intel/exclude-pattern.ts";

const finds = (pattern: string, value: string) => {
  const compiled = compileExclude(pattern);
  if (typeof compiled === "string") assert.fail(`${pattern}: ${compiled}`);
  return compiled.test(value);
};

test("the patterns of MISP's default feeds find what they find in PHP", () => {
  for (const [pattern, value, expected] of [
    ["/^#.*/i", "# comment", true],
    ["/^#.*/i", "x # y", false],
    ["/^#.*|Threatview.*/i", "https://THREATVIEW.io/x", true],
    ["/^#.*|Threatview.*/i", "evil.example", false],
    ["/^http:\\/\\/www.phishtank.com/i", "HTTP://www.phishtank.com/phish_detail.php", true],
    ["/^http:\\/\\/www.phishtank.com/i", "https://www.phishtank.com/", false],
    ["#^http://x#", "http://x/y", true],
    ["~\\.gov$|\\.mil$~", "a.mil", true],
    ["/^.*example.*$/", "an example", true],
    ["/^10\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}$/", "10.0.0.7", true],
    ["/[a|b]+x/", "q|x", true],
    ["/a.*b/", "xaxxbx", true],
  ] as const)
    assert.equal(finds(pattern, value), expected, `${pattern} ${value}`);
});

test("what could blow up, or means something else in PHP, is refused with the reason", () => {
  for (const pattern of [
    "^#",
    "/x/x",
    "/x/U",
    "/(a+)+$/",
    "/(a|b)*c/",
    "/a*b*/",
    "/x.*.*=y/",
    "/(?i)a/",
    "/(?=a)b/",
    "/(a)\\1/",
    "/a++b/",
    "/\\Aab/",
    "/\\Qa.b\\E/",
    "/[[:alpha:]]x/",
    "/\\x{20ac}/",
    "/\\p{L}/",
    "/a|/",
    "/.*/",
    "//",
    "/a{0,64}b{0,64}c{0,64}/",
    `/${"a?".repeat(40)}/`,
    "/a{99}/",
    "/(/",
    "/[/",
    `/${"a".repeat(300)}/`,
    "/a(b|c*d*)/",
  ]) {
    const compiled = compileExclude(pattern);
    assert.equal(typeof compiled, "string", `${pattern} was taken as ${String(compiled)}`);
  }
});

test("any text gives a RegExp or a reason, and what is taken never throws", () => {
  const piece = fc.constantFrom(
    "a",
    ".",
    "*",
    "+",
    "?",
    "(",
    ")",
    "[",
    "]",
    "|",
    "\\",
    "/",
    "^",
    "$",
    "{1,3}",
    "d",
    "#",
    "i",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.string({ maxLength: 512 }), (pieces, value) => {
      const compiled = compileExclude(`/${pieces.join("")}/i`);
      if (typeof compiled !== "string") compiled.test(value);
    }),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 1000) },
  );
});
