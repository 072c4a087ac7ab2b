import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { parseClassic } from "../../../../src/setup/fluent-bit/classic-reader.ts";
import type { ParsedFile } from "../../../../src/setup/fluent-bit/config-file.ts";
import { loadFluentBit } from "../../../../src/setup/fluent-bit/config-load.ts";
import { parseYaml } from "../../../../src/setup/fluent-bit/yaml-reader.ts";
import { tempDir } from "../../../support/temp.ts";

const sections = ({ items }: ParsedFile) => items.flatMap((item) => (item.what === "section" ? [item.section] : []));
const faultLines = ({ faults }: ParsedFile) => faults.map(({ line, id }) => `${line} ${id}`);

describe("the classic format", () => {
  test("sections, keys whatever their case, values to the end of the line, comments, CRLF and BOM", () => {
    const text =
      "\ufeff# c\r\n[Service]\r\n    Flush  1\r\n\r\n[OUTPUT]\r\n    # in it\r\n    Header  Authorization Bearer x y\r\n    HEADER  B c\r\n";
    const parsed = parseClassic(text, "f");
    assert.deepEqual(parsed.faults, []);
    assert.deepEqual(
      sections(parsed).map(({ kind, line, entries }) => [kind, line, entries.map((e) => [e.line, e.key, e.value])]),
      [
        ["service", 2, [[3, "flush", "1"]]],
        [
          "output",
          5,
          [
            [7, "header", "Authorization Bearer x y"],
            [8, "header", "B c"],
          ],
        ],
      ],
    );
  });

  test("@SET and @INCLUDE, in any case", () => {
    const parsed = parseClassic("@set A=b=c\n@INCLUDE  more.conf\n@What is this\n", "f");
    assert.deepEqual([...parsed.variables], [["A", "b=c"]]);
    assert.deepEqual(parsed.items, [{ what: "include", include: { file: "f", line: 2, path: "more.conf" } }]);
    assert.deepEqual(faultLines(parsed), ["3 syntax"]);
  });

  test("what Fluent Bit refuses is named with its line, and without the line's text", () => {
    const text =
      "    Key before\n[SERVICE\n[NONSENSE]\n    Secret hunter2\n[INPUT]\n    Name tail\n  Path /x\n\tTag t\nTag t\n    Lonely\n";
    const parsed = parseClassic(text, "f");
    assert.deepEqual(faultLines(parsed), [
      "1 syntax",
      "2 syntax",
      "3 unknown-section",
      "7 indentation",
      "8 indentation",
      "9 indentation",
      "10 syntax",
    ]);
    assert.ok(!JSON.stringify(parsed.faults).includes("hunter2"));
  });

  test("hostile text takes linear time and harms nothing", () => {
    const parsed = parseClassic(
      `[INPUT]\n    ${"a ".repeat(20_000)}\n    __proto__ x\n    ${"x".repeat(70_000)} y\n@INCLUDE ${" ".repeat(60_000)}\n`,
      "f",
    );
    assert.deepEqual(faultLines(parsed), ["4 syntax", "5 syntax"]);
    assert.equal(sections(parsed)[0]?.entries.at(-1)?.key, "__proto__");
  });
});

describe("the YAML format", () => {
  test("lines of sections and settings; scalars are the text that stands there; lists of values", () => {
    const text =
      "service:\n  flush: 1\n  daemon: off\nenv:\n  A: yes\npipeline:\n  inputs:\n    - name: tail\n      tag: 0x1F\n  outputs:\n    - name: http\n      header:\n        - A b\n        - C d\nparsers:\n  - name: p\n";
    const parsed = parseYaml(text, "f");
    assert.deepEqual(parsed.faults, []);
    assert.deepEqual([...parsed.variables], [["A", "yes"]]);
    assert.deepEqual(
      sections(parsed).map(({ kind, line, entries }) => [kind, line, entries.map((e) => [e.line, e.key, e.value])]),
      [
        [
          "service",
          1,
          [
            [2, "flush", "1"],
            [3, "daemon", "off"],
          ],
        ],
        [
          "input",
          8,
          [
            [8, "name", "tail"],
            [9, "tag", "0x1F"],
          ],
        ],
        [
          "output",
          11,
          [
            [11, "name", "http"],
            [13, "header", "A b"],
            [14, "header", "C d"],
          ],
        ],
        ["parser", 16, [[16, "name", "p"]]],
      ],
    );
  });

  test("what Fluent Bit refuses or half reads", () => {
    assert.deepEqual(faultLines(parseYaml("pipeline:\n  inputs:\n    - {name: tail, tag: x}\n", "f")), ["3 yaml-flow"]);
    assert.deepEqual(faultLines(parseYaml("nonsense: 1\npipeline:\n  input:\n    - name: tail\n", "f")), [
      "1 unknown-section",
      "3 unknown-section",
    ]);
    assert.deepEqual(faultLines(parseYaml("- a\n- b\n", "f")), ["1 syntax"]);
    assert.ok(faultLines(parseYaml("a: 'open\n\t- x\n", "f")).some((line) => line.endsWith("syntax")));
    assert.deepEqual(faultLines(parseYaml("", "f")), []);
  });

  test("hostile YAML: nesting, aliases that multiply, no prototype", () => {
    const deep = parseYaml(`service: ${"[".repeat(50_000)}`, "f");
    assert.ok(deep.faults.length > 0);
    const bomb = ["a: &a [x,x,x,x]", ...Array.from({ length: 12 }, (_, n) => `b${n}: &b${n} [*a,*a,*a,*a]`)].join("\n");
    assert.ok(parseYaml(`env:\n  ${bomb.replaceAll("\n", "\n  ")}\n`, "f").faults.length < 30);
    parseYaml("service:\n  __proto__: {polluted: 1}\n  constructor: x\n", "f");
    assert.equal((Object.prototype as Record<string, unknown>)["polluted"], undefined);
  });
});

describe("files that name files", () => {
  function lay(folder: string, files: Readonly<Record<string, string>>): string {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return join(folder, "main.conf");
  }

  test("includes by name and by pattern, parsers files, @SET", (t) => {
    const main = lay(tempDir(t), {
      "main.conf": `@SET D=parts\n@INCLUDE \${D}/*.conf\n[SERVICE]\n    Parsers_File parsers.conf\n    Parsers_File p.yaml\n`,
      "parts/1.conf": "[INPUT]\n    Name tail\n",
      "parts/2.conf": "[OUTPUT]\n    Name http\n",
      "parsers.conf": "[PARSER]\n    Name one\n",
      "p.yaml": "parsers:\n  - name: two\n",
    });
    const { sections: found, faults } = loadFluentBit(main);
    assert.deepEqual(
      found.map(({ kind, file }) => `${kind} ${file.split("/").at(-1)}`),
      ["input 1.conf", "output 2.conf", "service main.conf", "parser parsers.conf", "parser p.yaml"],
    );
    assert.deepEqual(faults, []);
  });

  test("circles, missing files, patterns over the disk, pipes and devices, large and binary files", (t) => {
    const folder = tempDir(t);
    const main = lay(folder, {
      "main.conf":
        "@INCLUDE main.conf\n@INCLUDE /nowhere/x.conf\n@INCLUDE /*/*/*/*.conf\n@INCLUDE none*.conf\n@INCLUDE /dev/zero\n@INCLUDE /proc/self/mem\n@INCLUDE big.conf\n@INCLUDE binary.conf\n@INCLUDE self.conf\n",
      "big.conf": "#".repeat(1024 * 1024 + 1),
      "binary.conf": "[SERVICE]\n\0",
    });
    symlinkSync("main.conf", join(folder, "self.conf"));
    const { faults, sections: found } = loadFluentBit(main);
    assert.deepEqual(
      faults.map(({ line, id }) => `${line} ${id}`),
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((line) => `${line} include`),
    );
    assert.deepEqual(found, []);
  });

  test("a chain of includes ends", (t) => {
    const files = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [n === 0 ? "main.conf" : `${n}.conf`, `@INCLUDE ${n + 1}.conf\n`]),
    );
    const { faults } = loadFluentBit(lay(tempDir(t), files));
    assert.deepEqual(
      faults.map(({ id }) => id),
      ["include"],
    );
  });

  test("the text of a file that is no configuration is never shown", (t) => {
    const folder = tempDir(t);
    const main = lay(folder, { "main.conf": "@INCLUDE shadow\n", shadow: "root:$6$hash:1:2\n[x\nkey\n    a b\n" });
    const { faults } = loadFluentBit(main);
    assert.ok(faults.length >= 3);
    assert.ok(!JSON.stringify(faults).includes("hash"));
  });
});
