import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PRESET, PRESETS } from "../../src/clients/webhook-presets.ts";
import { splitIds } from "../../src/clients/webhook-split.ts";
import { compileTemplate } from "../../src/clients/webhook-template.ts";
import { safeLink } from "../../src/clients/webhook-text.ts";
import type { NoticeView } from "../../src/clients/webhook-view.ts";
import { makeFinding } from "../support/finding.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 150);

/** What people and their tools put where a chat would obey. */
const HOSTILE = [
  ...[
    "<!channel>",
    "<!here|x>",
    "<@U012AB3CD>",
    "@all",
    "@channel",
    "@here",
    "@everyone",
    "<at>Boss</at>",
    "user@evil.example",
  ],
  ...[
    "[click](https://evil.example/x)",
    "![](http://evil.example/i.png)",
    "<https://evil.example|MISP>",
    "https://evil.example/a",
  ],
  ...[
    "www.evil.example",
    "`; rm",
    "```\ncode",
    '"}],"x":"',
    "\\",
    "{{text}}",
    "{{#each}}",
    "\u202egpj.exe",
    "\0\u0007",
    "\ud83d",
    "a\nb",
  ],
  ...[
    "HTTP://EVIL.example",
    "ftp://evil.example",
    "x|y",
    "|-|-|",
    "&lt;!channel&gt;",
    "\u2028",
    "javascript://%0aalert(1)",
    "constructor",
    "__proto__",
  ],
];
const text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.array(fc.constantFrom(...HOSTILE, " ", "evil", ".", "@"), { maxLength: 6 }).map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom("<", "\0", "\ud83d", "@", "`").map((char) => char.repeat(5000)),
);

const view: fc.Arbitrary<NoticeView> = fc
  .record({
    foreign: fc.array(text, { minLength: 12, maxLength: 12 }),
    digest: fc.boolean(),
    link: fc.oneof(text, fc.constant("https://misp.example.org/events/view/241?a=(b)|c")),
    ids: fc.integer({ min: 1, max: 60 }),
  })
  .map(
    ({
      foreign: [a = "", b = "", c = "", d = "", e = "", f = "", g = "", h = "", i = "", j = "", k = "", l = ""],
      digest,
      link,
      ids,
    }) => ({
      id: "n1",
      message: "n1",
      kind: digest ? ("digest" as const) : ("notice" as const),
      createdAt: 1_795_297_550_000,
      part: 1,
      parts: 1,
      ids: Array.from({ length: ids }, (_, n) => `f${String(n).padStart(39, "0")}`),
      count: ids,
      unlisted: 0,
      ...(digest
        ? { summary: { groups: 3, top: [a, b, c].map((label) => ({ label, count: 2, score: 70 })), from: 0, to: 1 } }
        : {
            finding: makeFinding(1, {
              alert: {
                ...makeFinding(1).alert,
                id: h,
                node: i,
                agent: { id: a, name: b, ip: c },
                location: j,
                rule: { id: d, level: 5, description: e },
              },
              misp: {
                value: f,
                type: g,
                event_info: h,
                org: i,
                link,
                context: { host: j, user: k, image: l, src: a, dst: b },
                source: { description: c, rule_id: d, rule_level: e },
                tags: [f, g],
                tlp: h,
                match: { where: i },
                warninglist: k,
                comment: l,
              },
            }),
          }),
    }),
  );

/** Every text within a JSON value. */
function leaves(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [];
}

/** What a chat would make of a text: mentions, links, pictures. Our own link to MISP is taken out before. */
function obeyed(preset: string, body: unknown, link: string | undefined): string[] {
  const texts = leaves(body).filter(
    (leaf) => !/^(?:http:\/\/adaptivecards\.io|application\/)/.test(leaf) && leaf !== link,
  );
  const found: string[] = [];
  for (const whole of texts) {
    const own =
      link === undefined
        ? whole
        : whole
            .replaceAll(`<${link.replaceAll("&", "&amp;")}|Open in MISP>`, "")
            .replaceAll(`[Open in MISP](${link})`, "")
            .replaceAll(link, "");
    if (/@[\p{L}\p{N}]/u.test(own)) found.push(`mention: ${own}`);
    if (/[a-z]:\/\//i.test(own) || /www\.\w/i.test(own)) found.push(`link: ${own}`);
    if (/\]\(|!\[/.test(own)) found.push(`markdown link: ${own}`);
    if (preset !== "standard" && /</.test(own)) found.push(`angle bracket: ${own}`);
    if (/[\0\u0007\u2028\u202e]/.test(own) || /\p{Cs}/u.test(own)) found.push(`control: ${own}`);
  }
  return found;
}

for (const preset of PRESETS)
  test(`${preset}: a body is JSON of its size and lists its ids, whatever the finding holds${preset === "standard" ? "" : ", and nothing in it is obeyed"}`, () => {
    fc.assert(
      fc.property(view, (one) => {
        const { body, maxBody } = PRESET[preset];
        const json = JSON.stringify(body(one));
        assert.ok(Buffer.byteLength(json) <= maxBody, `${Buffer.byteLength(json)} bytes`);
        assert.doesNotMatch(json, /\\ud[89a-f][0-9a-f]{2}/i, "no lone surrogate");
        for (const id of one.ids) assert.equal(json.split(id).length, 2);
        if (preset === "standard") return;
        const made = JSON.parse(json);
        assert.deepEqual(obeyed(preset, made, safeLink(one.finding?.misp.link)), []);
      }),
      { numRuns },
    );
  });

test("a template gives JSON of its own structure, whatever the values; nothing in them is a placeholder or obeyed", () => {
  const template = {
    text: "{{title}} | {{ value | upper }} {{ value | lower }} {{host|cut(20)}} {{user|default('nobody')}} {{rule_description}}",
    count: "{{count}}",
    ids: "{{finding_ids}}",
    deep: [{ "{{value}}": "{{org}}", tags: "{{tags}}", joined: "{{ finding_ids | join(';') }}" }, true, null, 7],
  };
  for (const chat of ["slack", "mattermost", "teams", undefined] as const) {
    const render = compileTemplate(template, "template", chat);
    fc.assert(
      fc.property(view, (one) => {
        const made = JSON.parse(JSON.stringify(render(one)));
        assert.deepEqual(Object.keys(made), ["text", "count", "ids", "deep"]);
        assert.deepEqual([made.count, made.ids, made.deep.slice(1)], [one.count, one.ids, [true, null, 7]]);
        assert.deepEqual(Object.keys(made.deep[0]), ["{{value}}", "tags", "joined"]);
        if (chat !== undefined) assert.deepEqual(obeyed(chat, made.text, undefined), []);
      }),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  }
});

test("parts keep within the size of a body and list every id once, up to the most parts", () => {
  fc.assert(
    fc.property(
      view,
      fc.integer({ min: 1, max: 3000 }),
      fc.constantFrom(...PRESETS),
      fc.integer({ min: 1, max: 30 }),
      (one, count, preset, maxParts) => {
        const ids = Array.from({ length: count }, (_, n) => `f${String(n).padStart(39, "0")}`);
        const { body, maxBody } = PRESET[preset];
        const ends = splitIds({ ...one, count }, ids, (given) => JSON.stringify(body(given)), { maxBody, maxParts });
        assert.ok(ends.length >= 1 && ends.length <= (one.kind === "notice" ? 1 : maxParts));
        let from = 0;
        for (const [n, end] of ends.entries()) {
          assert.ok(end > from && end <= count);
          const part = {
            ...one,
            count,
            ids: ids.slice(from, end),
            part: n + 1,
            parts: ends.length,
            unlisted: count - (ends.at(-1) ?? 0),
          };
          assert.ok(Buffer.byteLength(JSON.stringify(body(part))) <= maxBody);
          from = end;
        }
        if (one.kind === "digest" && ends.length < maxParts) assert.equal(from, count);
      },
    ),
    { numRuns: Math.ceil(numRuns / 5) },
  );
});

test("a template that is wrong is refused with its place", () => {
  const fault = (template: unknown) => {
    try {
      compileTemplate(template, "template");
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.match(
    fault({ a: ["{{text}}", "{{ constructor }}"] }),
    /^template\.a\.1: expected one of kind, .*found {{constructor}}/,
  );
  assert.match(fault({ a: "{{ value | eval(1) }} {{text}}" }), /template\.a: expected upper, .* found eval\(1\)/);
  assert.match(fault({ a: "{{text" }), /expected }} after {{/);
  assert.match(fault({ a: "hello" }), /expected {{finding_ids}} or {{text}}/);
  let deep: unknown = "{{text}}";
  for (let n = 0; n < 30; n++) deep = [deep];
  assert.match(fault({ deep }), /20 deep/);
});
