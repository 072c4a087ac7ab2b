import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseClassic } from "../../src/setup/fluent-bit/classic-reader.ts";
import type { ParsedFile } from "../../src/setup/fluent-bit/config-file.ts";
import { bytesOf, secondsOf } from "../../src/setup/fluent-bit/finding.ts";
import type { SectionDraft } from "../../src/setup/fluent-bit/generate.ts";
import { render } from "../../src/setup/fluent-bit/render.ts";
import { like } from "../../src/setup/fluent-bit/streams.ts";
import { parseYaml } from "../../src/setup/fluent-bit/yaml-reader.ts";
import { examinedText, healthy } from "../support/fluent-bit-config.ts";
import { withTemp } from "../support/temp.ts";

const key = fc.stringMatching(/^[A-Za-z][A-Za-z_.]{0,20}$/);
/** What a value may be: no line's end, no space at its ends; a colon, a hash and quotes in it. */
const value = fc
  .stringMatching(/^[ -~é]{1,40}$/)
  .map((text) => text.trim())
  .filter((text) => text !== "");
const draft: fc.Arbitrary<SectionDraft> = fc.record({
  kind: fc.constantFrom("input" as const, "filter" as const, "output" as const),
  about: fc.constant("about"),
  settings: fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 8 }),
});
const drafts = fc
  .tuple(fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 5 }), fc.array(draft, { maxLength: 6 }))
  .map(([service, rest]): SectionDraft[] => [
    { kind: "service", about: "about", settings: service },
    // The order that both formats keep: inputs, filters, outputs.
    ...(["input", "filter", "output"] as const).flatMap((kind) => rest.filter((each) => each.kind === kind)),
  ]);

const shown = (parsed: ParsedFile) =>
  parsed.items.flatMap((item) =>
    item.what === "section" ? [[item.section.kind, item.section.entries.map((entry) => [entry.key, entry.value])]] : [],
  );
const wanted = (all: readonly SectionDraft[]) =>
  all.map(({ kind, settings }) => [kind, settings.map(([name, text]) => [name.toLowerCase(), text])]);

test("what is rendered reads back the same, in either format", () => {
  fc.assert(
    fc.property(drafts, (all) => {
      const classic = parseClassic(render(all, "classic"), "f");
      assert.deepEqual(classic.faults, []);
      assert.deepEqual(shown(classic), wanted(all));
      const yaml = parseYaml(render(all, "yaml"), "f");
      assert.deepEqual(yaml.faults, []);
      assert.deepEqual(shown(yaml), wanted(all));
    }),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 200) },
  );
});

test("whatever is put into a file, the doctor answers, in lines that are there", async () => {
  const lines = healthy().flatMap(({ kind, settings }) => [
    `[${kind.toUpperCase()}]`,
    ...settings.map(([name, text]) => `    ${name} ${text}`),
  ]);
  const piece = fc.oneof(
    fc.constantFrom(...lines),
    fc.string({ maxLength: 60 }),
    fc.constantFrom("\t", "@SET ", "@INCLUDE ", "[", "]", "service:", "  - ", `\${A}`, "*"),
  );
  await withTemp((folder) =>
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.boolean(), (pieces, yaml) => {
        const text = pieces.join("\n").replaceAll("\0", "");
        for (const { line, found } of examinedText(folder, text, yaml ? "yaml" : "classic")) {
          assert.ok(line >= 1 && line <= text.split("\n").length + 1);
          assert.equal(typeof found, "string");
        }
      }),
      { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 150) },
    ),
  );
});

test("a pattern of tags matches as a regular expression of it would", () => {
  const text = fc.stringMatching(/^[ab.*]{0,8}$/);
  fc.assert(
    fc.property(text, text, (tag, pattern) => {
      const plain = tag.replaceAll("*", "x");
      const source = pattern
        .split("*")
        .map((part) => part.replaceAll(".", "\\."))
        .join(".*");
      assert.equal(like(plain, pattern), new RegExp(`^${source}$`).test(plain));
    }),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 300) },
  );
});

test("sizes and spans of time as Fluent Bit reads them", () => {
  assert.deepEqual(["32k", "4M", "10MB", "1G", "512", "x", "1.5M", "-1"].map(bytesOf), [
    32e3,
    4e6,
    1e7,
    1e9,
    512,
    undefined,
    undefined,
    undefined,
  ]);
  assert.deepEqual(["5", "60s", "2d", "1h", "2m", "x"].map(secondsOf), [5, 60, 172_800, 3600, 120, undefined]);
});
