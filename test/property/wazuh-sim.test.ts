import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { decodeJson, unflatten } from "../support/wazuh-sim/decode.ts";
import { compileExpression } from "../support/wazuh-sim/expression.ts";
import { MISP_RULES } from "../support/wazuh-sim/fixture-rules.ts";
import { readOsXml } from "../support/wazuh-sim/os-xml.ts";
import { createWazuhSim } from "../support/wazuh-sim/sim.ts";

/** The test engine takes whatever comes, as a daemon must. */
const runs = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 300);
const sim = await createWazuhSim({ start: false, rules: MISP_RULES });
after(() => sim.close());

const key = fc.oneof(
  fc.constantFrom(
    "misp",
    "Misp",
    "misp.category",
    "integration",
    "__proto__",
    "constructor",
    "srcip",
    "user",
    "",
    ".",
    "a..b",
    "1",
  ),
  fc.string({ maxLength: 6 }),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom("misp", "", "[1]", "[", "8.8.8.8", "\u0000", "é"),
    fc.string({ maxLength: 12 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("any"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.array(fc.tuple(key, tie("any")), { maxLength: 6 }),
}));

/** JSON text with repeated keys where the generator gave them; objects are arrays of pairs. */
function text(node: unknown): string {
  if (!Array.isArray(node)) return JSON.stringify(node);
  if (node.length > 0 && node.every((item) => Array.isArray(item) && item.length === 2 && typeof item[0] === "string"))
    return `{${node.map(([name, inner]) => `${JSON.stringify(name)}:${text(inner)}`).join(",")}}`;
  return `[${node.map(text).join(",")}]`;
}

const message = fc
  .tuple(value.object, fc.constantFrom("", " ", "\n", " .", "}"))
  .map(([node, end]) => text(node) + end);
const datagram = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(
      fc.constantFrom("1", "2", "8", "f", "x"),
      fc.constantFrom("misp", "[1] (a) any->misp", "[", "|", "a||b"),
      message,
    )
    .map(([queue, location, body]) => Buffer.from(`${queue}:${location}:${body}`)),
);

test("no datagram breaks it, and what it would write is one line of JSON", () => {
  fc.assert(
    fc.property(datagram, (bytes) => {
      const judged = sim.judgeDatagram(bytes);
      if (judged === undefined) return;
      const line = JSON.stringify(sim.document(judged));
      assert.ok(!line.includes("\n"));
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    }),
    { numRuns: runs },
  );
});

test("both ways of reading JSON see the same", () => {
  fc.assert(
    fc.property(message, (log) => {
      const plain = (given: string) => JSON.stringify(unflatten(decodeJson(given) ?? new Map()));
      assert.equal(plain(log), plain(`${log} ;`));
    }),
    { numRuns: runs },
  );
});

test("decoding what was decoded changes nothing more", () => {
  fc.assert(
    fc.property(message, (log) => {
      const once = decodeJson(log);
      fc.pre(once !== undefined);
      const written = JSON.stringify(unflatten(once!));
      const again = decodeJson(written);
      fc.pre(again !== undefined && !/\[/.test(written));
      assert.equal(JSON.stringify(unflatten(again!)), written);
    }),
    { numRuns: runs },
  );
});

test("no rule file breaks the reader but by its own error", () => {
  const piece = fc.constantFrom(
    "<group name='a'>",
    "</group>",
    '<rule id="1" level="0">',
    "</rule>",
    "<!--",
    "-->",
    "\\<",
    "<",
    ">",
    "&",
    "/>",
    "x",
    " ",
    '"',
    "=",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      try {
        readOsXml(pieces.join(""), { bareAmpersand: false });
      } catch (thrown) {
        assert.match((thrown as Error).message, /^XMLERR: /);
      }
    }),
    { numRuns: runs },
  );
});

test("no pattern breaks a compiler", () => {
  const piece = fc.constantFrom(
    "\\w",
    "\\d+",
    "\\.+",
    "\\.*",
    "(",
    ")",
    "|",
    "^",
    "$",
    "a",
    ".",
    "+",
    "[",
    "]",
    "{",
    "\\",
    "\\\\",
    "-",
    "!",
    "(?i)",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.string({ maxLength: 20 }), (pieces, subject) => {
      for (const type of ["osregex", "osmatch", "pcre2"] as const)
        assert.equal(typeof (compileExpression(pieces.join(""), type)?.matches(subject) ?? false), "boolean");
    }),
    { numRuns: runs },
  );
});
