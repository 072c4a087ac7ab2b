import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { diffPieces, splitLines, unifiedDiff } from "../../src/lib/line-diff.ts";
import { mergeText } from "../../src/lib/merge-lines.ts";
import { applySplices, readOssecConf } from "../../src/setup/wazuh/ossec-conf.ts";
import {
  addIntegration,
  addToSection,
  editConf,
  removeIntegration,
  setOption,
} from "../../src/setup/wazuh/ossec-conf-edit.ts";
import { parseXml, type XmlNode } from "../../src/setup/wazuh/xml.ts";

const RUNS = { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 300) };

/** Few different lines, so that equal ones stand in many places. */
const lines = fc.array(fc.constantFrom("a\n", "b\n", "c\n", "  <x>\n", "\n"), { maxLength: 25 });
const text = fc.tuple(lines, fc.boolean()).map(([all, end]) => (end ? all.join("") : all.join("").replace(/\n$/, "")));

describe("differences of lines", () => {
  it("lead from one to the other", () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const [a, b] = [splitLines(before), splitLines(after)];
        let at = 0;
        const pieces: string[] = [];
        for (const { aStart, aEnd, bStart, bEnd } of diffPieces(a, b)) {
          assert.ok(aStart >= at && (aEnd > aStart || bEnd > bStart));
          pieces.push(...a.slice(at, aStart), ...b.slice(bStart, bEnd));
          at = aEnd;
        }
        assert.equal(pieces.join("") + a.slice(at).join(""), after);
        assert.equal(unifiedDiff(before, after) === "", before === after);
      }),
      RUNS,
    );
  });

  it("are as few as they can be", () => {
    fc.assert(
      fc.property(lines, lines, (a, b) => {
        const changed = diffPieces(a, b).reduce(
          (sum, { aStart, aEnd, bStart, bEnd }) => sum + aEnd - aStart + bEnd - bStart,
          0,
        );
        assert.equal(changed, a.length + b.length - 2 * longestCommon(a, b));
      }),
      RUNS,
    );
  });
});

describe("taking a change back out of a text that others changed", () => {
  it("gives what was there before where nobody changed it, and nothing of ours where they changed other lines", () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        assert.equal(mergeText(after, before, after), before);
        assert.equal(mergeText(after, before, before), before);
        assert.equal(mergeText(after, after, before), before);
      }),
      RUNS,
    );
  });

  it("keeps both changes where they are in different places", () => {
    fc.assert(
      fc.property(lines, lines, lines, lines, lines, (head, mine, middle, theirs, tail) => {
        const [h, m, t] = [`head\n${head.join("")}`, `${middle.join("")}middle\n`, `tail\n${tail.join("")}`];
        const put = (a: string, b: string) => `${h}1${a}2\n${m}3${b}4\n${t}`;
        const [A, B] = [mine.join(""), theirs.join("")];
        assert.equal(mergeText(put(A, "\n"), put("\n", "\n"), put(A, B)), put("\n", B));
      }),
      RUNS,
    );
  });
});

const name = fc.constantFrom("global", "ruleset", "integration", "localfile", "name", "rule_dir");
const words = fc.constantFrom(
  "yes",
  "no",
  " ",
  "R&D",
  "\\<x>",
  "a > b",
  "\n    ",
  "\r\n",
  "custom-tipline",
  "etc/rules",
  "\u00e9",
);
const comment = fc.constantFrom("<!-- </ossec_config> -->", "<!-- <integration> !>", "<! x !>", "\n");
const element: fc.Memo<string> = fc.memo((depth) => {
  const leaf = fc
    .tuple(name, fc.array(words, { maxLength: 3 }))
    .map(([tag, all]) => `<${tag}>${all.join("")}</${tag}>`);
  const empty = name.map((tag) => `<${tag} a='1'/>`);
  if (depth <= 1) return fc.oneof(leaf, empty, comment);
  const branch = fc.tuple(name, fc.array(element(depth - 1), { maxLength: 4 }), fc.constantFrom("", "\n  ", "\r\n\t"));
  return fc.oneof(
    leaf,
    comment,
    branch.map(([tag, all, gap]) => `<${tag}>${all.map((one) => gap + one).join("")}${gap}</${tag}>`),
  );
});
const conf = fc
  .tuple(
    fc.array(fc.array(element(3), { maxLength: 6 }), { minLength: 1, maxLength: 3 }),
    fc.constantFrom("", "\n", "\r\n", " & "),
  )
  .map(([roots, gap]) => roots.map((all) => `<ossec_config>${gap}${all.join(gap)}${gap}</ossec_config>`).join(gap));

describe("splices of ossec.conf", () => {
  it("every node stands where it says, inside its parent and after the one before", () => {
    const check = (source: string, nodes: readonly XmlNode[], from: number, to: number) => {
      let at = from;
      for (const node of nodes) {
        assert.ok(
          node.start >= at && node.end <= to && node.start < node.innerStart && node.innerStart <= node.innerEnd,
        );
        assert.ok(source.startsWith(`<${node.name}`, node.start));
        if (node.innerStart !== node.end) assert.equal(source.slice(node.innerEnd, node.end), `</${node.name}>`);
        check(source, node.children, node.innerStart, node.innerEnd);
        at = node.end;
      }
    };
    fc.assert(
      fc.property(conf, (source) => check(source, parseXml(source), 0, source.length)),
      RUNS,
    );
  });

  it("edits do what they say, twice is once, every byte outside stays, and the way back is exact", () => {
    const edits = [
      setOption("global", "jsonout_output", "yes", "json"),
      addToSection("ruleset", "rule_include", "etc/rules/tipline_rules.xml", "rules"),
      addIntegration("custom-tipline", ["<level>3</level>"], "hook"),
    ];
    fc.assert(
      fc.property(conf, (before) => {
        const after = editConf(before, edits).text;
        const read = readOssecConf(after);
        assert.equal(read.last("global", "jsonout_output"), "yes");
        assert.ok(read.all("ruleset", "rule_include").some((node) => node.text === "etc/rules/tipline_rules.xml"));
        assert.ok(read.all("integration", "name").some((node) => node.text === "custom-tipline"));
        assert.equal(editConf(after, edits).text, after);
        for (const edit of edits)
          for (const { start, end, text: piece } of edit.splices(before))
            assert.equal(
              applySplices(applySplices(before, [{ start, end, text: piece }]), [
                { start, end: start + piece.length, text: before.slice(start, end) },
              ]),
              before,
            );
        assert.equal(mergeText(after, before, after), before);
        if (
          !readOssecConf(before)
            .all("integration", "name")
            .some((node) => node.text === "custom-tipline")
        )
          assert.equal(
            editConf(editConf(before, edits.slice(2)).text, [removeIntegration("custom-tipline", "x")]).text,
            before,
          );
      }),
      RUNS,
    );
  });
});

function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    for (const [at, y] of b.entries())
      next.push(x === y ? (row[at] ?? 0) + 1 : Math.max(row[at + 1] ?? 0, next[at] ?? 0));
    row = next;
  }
  return row.at(-1) ?? 0;
}
