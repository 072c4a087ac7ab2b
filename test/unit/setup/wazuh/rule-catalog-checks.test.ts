import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseRules, type RuleCatalog } from "../../../../src/setup/wazuh/rule-catalog.ts";
import {
  blindedCounters,
  collisions,
  groupLevels,
  isOrBelow,
  loadedRules,
  type SampleEvent,
  suspectsOf,
  swallowersOf,
} from "../../../../src/setup/wazuh/rule-catalog-checks.ts";
import { compileOsRegex, compileTest } from "../../../../src/setup/wazuh/rule-catalog-pattern.ts";
import { renderRules } from "../../../../src/setup/wazuh/rules.ts";
import { compileExpression } from "../../../support/wazuh-sim/expression.ts";
import { STOCK_RULES } from "../../../support/wazuh-sim/stock-rules.ts";

function catalog(...texts: readonly (readonly [string, string])[]): RuleCatalog {
  return {
    rules: texts.flatMap(([file, text]) => parseRules(text, file)),
    files: texts.map(([file]) => file),
    named: [],
    problems: [],
  };
}

const stock = Object.entries(STOCK_RULES);
const group = (rules: string) => `<group name="local,">${rules}</group>`;
const EVENT: SampleEvent = {
  fields: new Map([
    ["integration", "misp"],
    ["misp.category", "Network activity"],
  ]),
  log: '{"integration":"misp","misp":{"category":"Network activity","comment":"error"}}',
  location: "[001] (web-01) any->misp",
  decoder: "json",
};
const withFields = (...pairs: readonly [string, string][]): SampleEvent => ({
  ...EVENT,
  fields: new Map([...pairs, ...EVENT.fields]),
});

test("our rules after the stock ones: nothing is dropped and nothing swallows an event of ours", () => {
  const loaded = loadedRules(catalog(...stock, ["tipline_rules.xml", renderRules()]));
  assert.deepEqual(loaded.problems, []);
  assert.deepEqual(swallowersOf(loaded, 100_620, EVENT), []);
});

test("a second file with the community's ids: the first wins, and both are named", () => {
  const misp = group('<rule id="100620" level="10"><description>x</description></rule>');
  const { problems, byId } = loadedRules(catalog(...stock, ["misp.xml", misp], ["tipline_rules.xml", renderRules()]));
  const [duplicate] = problems;
  assert.equal(problems.length, 1);
  assert.ok(duplicate?.kind === "duplicate");
  assert.deepEqual([duplicate.rule.file, duplicate.first.file], ["tipline_rules.xml", "misp.xml"]);
  assert.equal(byId.get(100_620)?.level, 10);
});

test("a child before its parent is an orphan, its own children too, and where the parent stands is told", () => {
  const early = group(
    '<rule id="100900" level="3"><if_sid>100622</if_sid><description>x</description></rule>' +
      '<rule id="100901" level="3"><if_sid>100900</if_sid><description>x</description></rule>' +
      '<rule id="100902" level="3"><if_group>nobody</if_group><description>x</description></rule>',
  );
  const { problems, byId } = loadedRules(catalog(...stock, ["a.xml", early], ["tipline_rules.xml", renderRules()]));
  assert.deepEqual(
    problems.map((problem) => problem.kind === "orphan" && [problem.rule.id, problem.wanted, problem.later?.file]),
    [
      [100_900, "100622", "tipline_rules.xml"],
      [100_901, "100900", "a.xml"],
      [100_902, "nobody", undefined],
    ],
  );
  assert.ok(!byId.has(100_901));
});

test("an overwrite takes the place of the first and keeps its parent", () => {
  const louder = group(
    '<rule id="5716" level="10" overwrite="yes"><match>^Failed</match><description>x</description></rule>',
  );
  const { problems, byId } = loadedRules(catalog(...stock, ["z.xml", louder]));
  assert.deepEqual(problems, []);
  assert.deepEqual([byId.get(5716)?.level, byId.get(5716)?.ifSid], [10, [5700]]);
});

test("an overwrite brings its own groups, and takes those of the first with it", () => {
  const rules = (inner: string, wanted: string) =>
    group(
      '<rule id="100900" level="3"><if_sid>5716</if_sid><group>old_group,</group><description>x</description></rule>' +
        `<rule id="100900" level="3" overwrite="yes">${inner}<group>new_group,</group><description>x</description></rule>` +
        `<rule id="100901" level="3"><if_group>${wanted}</if_group><description>x</description></rule>`,
    );
  for (const inner of ["", "<if_sid>5716</if_sid>"]) {
    const loads = (wanted: string) => loadedRules(catalog(...stock, ["z.xml", rules(inner, wanted)])).byId.has(100_901);
    assert.deepEqual([loads("new_group"), loads("old_group")], [true, false], inner);
  }
});

test("each stock rule of level 0 that would swallow a JSON event is named", () => {
  const loaded = loadedRules(catalog(...stock, ["tipline_rules.xml", renderRules()]));
  const ids = (event: SampleEvent) => swallowersOf(loaded, 100_620, event).map(({ id }) => id);
  assert.deepEqual(ids(withFields(["timestamp", "x"], ["event_type", "y"])), [86_600]);
  assert.deepEqual(ids(withFields(["timestamp", "x"])), []);
  assert.deepEqual(ids(withFields(["activity_id", "1"], ["category_uid", "2"])), [99_000]);
  assert.deepEqual(ids(withFields(["vulnerability.cve", "CVE"])), [23_501]);
  assert.deepEqual(ids(withFields(["subtype", "system"])), [44_698]);
  assert.deepEqual(ids(withFields(["subtype", "systems"])), []);
});

test("someone's own rule of level 0 that sorts before ours swallows; one after it, or with a condition unknown here, does not", () => {
  const greedy = (inner: string, level = 0) =>
    group(
      `<rule id="100900" level="${level}"><decoded_as>json</decoded_as>${inner}<description>x</description></rule>`,
    );
  const before = (text: string) =>
    swallowersOf(loadedRules(catalog(...stock, ["a.xml", text], ["tipline_rules.xml", renderRules()])), 100_620, EVENT)
      .length;
  assert.equal(before(greedy("")), 1);
  assert.equal(before(greedy('<field name="integration">misp|other</field>')), 1);
  assert.equal(before(greedy('<field name="integration" type="pcre2">^MISP$</field>')), 0);
  assert.equal(before(greedy('<field name="integration" negate="yes">^other$</field>')), 1);
  assert.equal(before(greedy('<field name="nothere" negate="yes">^other$</field>')), 0);
  assert.equal(before(greedy("<match>integration</match>")), 1);
  assert.equal(before(greedy("<srcip>10.0.0.1</srcip>")), 0);
  assert.equal(before(greedy("", 15)), 0, "level 0 is asked first");
  const after = loadedRules(catalog(...stock, ["tipline_rules.xml", renderRules()], ["z.xml", greedy("")]));
  assert.deepEqual(swallowersOf(after, 100_620, EVENT), []);
});

test("a rule that looks at fields of our events may take some of them, unless what else it asks for is not there", () => {
  const suspect = (inner: string, file = "a.xml", level = 0) => {
    const text = group(`<rule id="100900" level="${level}">${inner}<description>x</description></rule>`);
    const files = [[file, text] as const, ["tipline_rules.xml", renderRules()] as const];
    const loaded = loadedRules(catalog(...stock, ...(file < "tipline" ? files : files.reverse())));
    return [100_620, 100_622].flatMap((id) => suspectsOf(loaded, id, EVENT, "misp.")).map(({ id }) => id).length;
  };
  assert.equal(suspect('<field name="misp.tlp">amber</field>'), 1);
  assert.equal(suspect('<field name="MISP.tlp" negate="yes">amber</field><match>x</match>'), 1);
  assert.equal(suspect('<decoded_as>json</decoded_as><list field="misp.value">etc/lists/x</list>'), 0);
  assert.equal(suspect('<field name="misp.value">\\.+</field><list field="misp.value">etc/lists/x</list>'), 1);
  assert.equal(suspect('<field name="integration">other</field><field name="misp.tlp">amber</field>'), 0);
  assert.equal(suspect('<decoded_as>ossec</decoded_as><field name="misp.tlp">amber</field>'), 0);
  assert.equal(suspect('<location>app.json</location><field name="misp.tlp">amber</field>'), 0);
  assert.equal(suspect('<field name="misp.tlp">amber</field>', "z.xml"), 0, "the parent is asked first");
  assert.equal(suspect('<field name="misp.tlp">amber</field>', "a.xml", 15), 0, "level 0 is asked first");
  const sibling = '<if_sid>100620</if_sid><field name="misp.tlp">amber</field>';
  assert.deepEqual(
    [0, 3, 14].map((level) => suspect(sibling, "z.xml", level)),
    [1, 0, 1],
  );
});

test("a rule is below another by id, by group, by level, and by what it counts", () => {
  const own = (id: number, inner: string) =>
    `<rule id="${id}" level="5" frequency="3">${inner}<description>x</description></rule>`;
  const text = group(
    own(100_900, "<if_group>misp_alert</if_group>") +
      own(100_901, "<if_sid>100900</if_sid>") +
      own(100_902, "<if_matched_sid>100622</if_matched_sid>") +
      own(100_903, "<if_matched_group>threat_intel</if_matched_group>") +
      own(100_904, "<if_level>12</if_level>") +
      own(100_905, "<if_level>13</if_level>") +
      own(100_906, "<if_group>syslog</if_group>"),
  );
  const loaded = loadedRules(catalog(...stock, ["tipline_rules.xml", renderRules()], ["z.xml", text]));
  const ids = [...loaded.byId.keys()].filter((id) => id >= 100_900 && isOrBelow(loaded, id, 100_622));
  // 100905 hangs under 100625 and the like, and so below 100622 as well.
  assert.deepEqual(ids, [100_900, 100_901, 100_902, 100_903, 100_904, 100_905]);
});

test("groups: which no rule has, which only rules of level 0 have, and which can alert", () => {
  const levels = groupLevels(loadedRules(catalog(...stock, ["tipline_rules.xml", renderRules()])));
  assert.deepEqual(
    ["sysmon_event1", "sysmon_event_22", "sysmon_event_1", "syscheck", "misp_alert"].map((name) => levels.get(name)),
    [0, 0, undefined, 7, 14],
  );
});

test("ids of our block that another file has already", () => {
  const theirs = group('<rule id="100630" level="3"><description>x</description></rule>');
  const all = catalog(["local_rules.xml", theirs], ["tipline_rules.xml", renderRules()]);
  assert.deepEqual(
    collisions(all, [100_629, 100_630], ["tipline_rules.xml"]).map(({ file, id }) => [file, id]),
    [["local_rules.xml", 100_630]],
  );
});

test("rules that count misp_alert by group never see 100622, because ours count it by id", () => {
  const theirs = group(
    '<rule id="100900" level="10" frequency="3"><if_matched_group>misp_alert</if_matched_group><description>x</description></rule>',
  );
  const loaded = loadedRules(catalog(...stock, ["tipline_rules.xml", renderRules()], ["z.xml", theirs]));
  assert.deepEqual(
    blindedCounters(loaded, 100_622).map(({ id }) => id),
    [100_900],
  );
});

test("patterns match as the test engine's do, which was written apart from them", () => {
  const piece = fc.constantFrom(
    "\\.",
    "\\.+",
    "\\d+",
    "\\w",
    "\\S*",
    "\\p",
    "a",
    "Z",
    ".",
    "+",
    "|",
    "^",
    "$",
    "x.y",
    "\\\\",
    "1",
  );
  const pattern = fc.array(piece, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));
  const text = fc.stringMatching(/^[aAzZ1 .+x|^$\\-]{0,8}$/);
  fc.assert(
    fc.property(pattern, text, fc.constantFrom("osregex" as const, "osmatch" as const), (source, value, type) => {
      const theirs = compileExpression(source, type);
      const ours = compileTest({ pattern: source, type, negate: false });
      if (theirs !== undefined && ours !== undefined)
        assert.equal(ours(value), theirs.matches(value), `${type} ${source}`);
    }),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 300) },
  );
  assert.equal(compileOsRegex("\\.+")?.(""), false);
  assert.equal(compileTest({ pattern: "[", type: "pcre2", negate: false }), undefined);
});
