import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { addFeed } from "../../../src/config/add-feed.ts";
import { TiplineError } from "../../../src/lib/errors.ts";

const FEED = {
  type: "list-file",
  url: "https://lists.example.org/a.csv",
  format: "csv",
  value_column: [3, 4],
  delimiter: "|",
};

/** What is new, and that everything else is byte for byte as it was. */
function added(text: string): string {
  const result = addFeed(text, "new", FEED);
  let head = 0;
  while (head < text.length && text[head] === result[head]) head++;
  const rest = text.slice(head);
  assert.ok(result.endsWith(rest), "nothing but the feed is new");
  const old = (parse(text) ?? {}) as { feeds?: object };
  assert.deepEqual(parse(result), { ...old, feeds: { ...old.feeds, new: FEED } });
  return result.slice(head, result.length - rest.length);
}

const BLOCK = `# mine
state_dir: /x   # here

feeds:
  # the first
  misp:
    type: misp-server    # ours
    url:   "https://misp.example"
  # other:
  #   type: list-file

# where to
sinks: { out: { type: ndjson,   path: x } }
`;

test("a feed goes behind the last one, comments of the feeds before it, and nothing else changes", () => {
  const result = addFeed(BLOCK, "new", FEED);
  const before = BLOCK.indexOf("\n# where to");
  assert.equal(result.slice(0, before), BLOCK.slice(0, before));
  assert.ok(result.endsWith(BLOCK.slice(before)));
  assert.equal(
    result.slice(before, result.length - (BLOCK.length - before)),
    '  new:\n    type: list-file\n    url: https://lists.example.org/a.csv\n    format: csv\n    value_column: [3, 4]\n    delimiter: "|"\n',
  );
});

test("indentation follows what is there; a last line without its end; CRLF; no feeds yet; end marks", () => {
  assert.match(added("feeds:\n    a:\n        type: misp-feed\n        path: /x"), /\n {4}new:\n {8}type: list-file\n/);
  assert.match(added("feeds:\n a: { type: misp-feed, path: /x }\nlog: {}\n"), /^ new:\n {3}type: list-file\n/);
  assert.match(added("feeds:\r\n  a:\r\n    type: misp-feed\r\n"), /^ {2}new:\r\n {4}type: list-file\r\n/);
  assert.match(added("state_dir: /x\n"), /^feeds:\n {2}new:\n/);
  assert.match(added(""), /^feeds:\n {2}new:\n/);
  assert.match(added("---\nstate_dir: /x\n...\n"), /^feeds:\n/);
  assert.match(added("feeds:\n  a:\n    type: x\n    note: |\n      text\n\n      more\n\nsinks: {}\n"), /new:/);
});

test("feeds on one line, or none under the key, are written anew and comments stay", () => {
  for (const text of [
    "# c\nfeeds: {a: {type: misp-feed, path: /x}} # d\nlog: {level: info} # e\n",
    "# c\nfeeds: # d\nlog: {} # e\n",
    "# c\nfeeds: {} # d\nx: 1 # e\n",
  ]) {
    const result = addFeed(text, "new", FEED);
    const old = (parse(text) as { feeds: object | null }) ?? {};
    assert.deepEqual(parse(result), { ...(parse(text) as object), feeds: { ...old.feeds, new: FEED } });
    assert.match(result, /# c/);
    assert.match(result, /# e/);
  }
});

test("a name or URL that is there already, and a text that is no configuration, are refused", () => {
  const has = "feeds:\n  new: {type: misp-feed, path: /x}\n  b:\n    url: https://lists.example.org/a.csv/\n";
  for (const [text, name, expected] of [
    [has, "new", /a feed named new is configured already/],
    [has, "c", /the feed b has this URL already/],
    ["feeds: [", "c", /line 1/],
    ["- 1\n", "c", /expected keys and values/],
  ] as const)
    assert.throws(
      () => addFeed(text, name, FEED),
      (error) => error instanceof TiplineError && error.code === "TIP_CONFIG_INVALID" && expected.test(error.message),
    );
});

test("whatever the layout, the result means the same and the feed", () => {
  const comment = fc.constantFrom("", "# a comment\n", "\n", "\n# a: b\n\n");
  const key = fc.constantFrom(
    "log: {level: info}\n",
    "own:\n  domains:\n  - a.example\n",
    "sinks:\n  s:\n     type: ndjson\n     path: x\n",
  );
  const indent = fc.integer({ min: 1, max: 6 });
  const feeds = fc
    .tuple(indent, indent, fc.array(comment, { minLength: 1, maxLength: 4 }))
    .map(([outer, inner, comments]) => {
      const one = (name: string) => `${" ".repeat(outer)}${name}:\n${" ".repeat(outer + inner)}type: misp-feed # t\n`;
      return `feeds:\n${comments.map((text, n) => text + one(`f${n}`)).join("")}`;
    });
  fc.assert(
    fc.property(
      fc.tuple(comment, fc.option(key), feeds, comment, fc.constantFrom("", "journal: {}\n"), comment),
      (parts) => {
        const text = parts.filter((part) => part !== null).join("");
        added(text);
      },
    ),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 200) },
  );
});
