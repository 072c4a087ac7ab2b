import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TiplineError } from "../../../../src/lib/errors.ts";
import { parseXml, type XmlNode } from "../../../../src/setup/wazuh/xml.ts";

const names = (nodes: readonly XmlNode[]): unknown[] =>
  nodes.map(({ name, children }) => (children.length > 0 ? [name, names(children)] : name));

describe("parseXml, as Wazuh's own reader", () => {
  it("takes several roots and ignores what is between them", () => {
    assert.deepEqual(names(parseXml("text <a><b>1</b></a> more & <a/> end")), [["a", ["b"]], "a"]);
  });

  it("knows where everything stands", () => {
    const text = '<a>\n  <b x="1">v</b>\n</a>';
    const [a] = parseXml(text);
    const b = a?.children[0];
    assert.equal(text.slice(b?.start, b?.end), '<b x="1">v</b>');
    assert.equal(text.slice(b?.innerStart, b?.innerEnd), "v");
    assert.deepEqual([a?.line, b?.line], [1, 2]);
    assert.equal(b?.attributes.get("x"), "1");
  });

  it("leaves text untouched: ampersands, entities, white space", () => {
    assert.equal(parseXml("<a> R&D &amp; x > y </a>")[0]?.text, " R&D &amp; x > y ");
  });

  it("takes \\< for the character, and two backslashes for themselves", () => {
    assert.equal(parseXml("<a>x \\<b> y</a>")[0]?.text, "x \\<b> y");
    assert.deepEqual(names(parseXml("<a>x \\\\<b></b></a>")), [["a", ["b"]]]);
  });

  it("ends a comment at the first --> or !>, also directly after <!, and leaves it out of text", () => {
    assert.equal(parseXml("<a>1<!-- <b> -->2<! old !>3</a>")[0]?.text, "123");
    assert.equal(parseXml("<a>1<!-->2</a>")[0]?.text, "12");
    assert.deepEqual(names(parseXml("<!-- x !><a/><!-- --> <b/>")), ["a", "b"]);
  });

  it("takes both quotes, attributes over lines, and both kinds of empty element", () => {
    const [a, b] = parseXml('<a\n  x=\'1"\'\n\ty= "2"\n></a><b z="/" />');
    assert.deepEqual(
      [...(a?.attributes ?? [])],
      [
        ["x", '1"'],
        ["y", "2"],
      ],
    );
    assert.deepEqual([b?.attributes.get("z"), b?.innerStart, b?.end], ["/", b?.end, b?.innerEnd]);
  });

  for (const [text, says] of [
    ["<a>\n<b>\n</a>", /XML:3: <b> of line 2 is not closed: found <\/a> first/],
    ["<a>", /XML:1: <a> is not closed/],
    ["</a>", /XML:1: <\/a> closes nothing/],
    ["<a></a >", /is not closed/],
    ["<a x></a>", /attribute x has no value/],
    ["<a x=1></a>", /has no quotes/],
    ['<a x="1></a>', /is not closed/],
    ['<a x="1" x="2"/>', /stands twice/],
    ['<a x="1"y="2"/>', /expected a space or >/],
    ["<a>\n<!-- b", /XML:2: a comment is not closed/],
    ["<>x</>", /expected the name/],
    [`<a>${"x".repeat(20_481)}</a>`, /longer than 20480/],
    ["<a>".repeat(100), /nested deeper than 64/],
    ["x".repeat(16 * 1024 * 1024 + 1), /larger than/],
  ] as const)
    it(`refuses ${text.slice(0, 20).replaceAll("\n", "\\n")}`, () => {
      assert.throws(
        () => parseXml(text),
        (error) => error instanceof TiplineError && says.test(error.message),
      );
    });

  it("takes linear time over many brackets", () => {
    assert.throws(() => parseXml("<a ".repeat(1_000_000)), TiplineError);
    assert.throws(() => parseXml("<".repeat(1_000_000)), TiplineError);
    assert.equal(parseXml(`<a>${"<b/>".repeat(200_000)}</a>`)[0]?.children.length, 200_000);
  });
});
