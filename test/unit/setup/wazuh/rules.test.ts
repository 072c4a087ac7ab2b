import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parseRules } from "../../../../src/setup/wazuh/rule-catalog.ts";
import { loadedRules } from "../../../../src/setup/wazuh/rule-catalog-checks.ts";
import { BLOCK_SIZE, renderRules, ruleIds } from "../../../../src/setup/wazuh/rules.ts";
import { renderVisibility, visibilityIds } from "../../../../src/setup/wazuh/visibility.ts";
import { sharedOrSkip } from "../../../support/shared.ts";

const ALL = [
  {},
  { api: true },
  { block: 119_000 },
  { logAlertLevel: 9 },
  { block: 100_700, logAlertLevel: 16, api: true },
];
/** Names that are the event's own: a `<field>` for one of them keeps analysisd from starting. */
const STATIC =
  "srcuser dstuser user srcip dstip srcport dstport protocol action id url data extra_data status system_name hostname program_name".split(
    " ",
  );

const textsOf = (options: (typeof ALL)[number]) => [
  renderRules(options),
  ...renderVisibility(options)
    .filter(({ kind }) => kind === "rules")
    .map(({ content }) => content),
];

test("every rule stands after its parents, and no id stands twice", () => {
  for (const options of ALL) {
    const { problems } = loadedRules({ rules: parseRules(renderRules(options)) });
    const orphans = problems.filter((problem) => problem.kind !== "orphan" || problem.wanted !== "100620");
    assert.deepEqual(orphans, []);
  }
});

test("siblings stand in falling order of level, so that raised levels do not change who is asked first", () => {
  for (const options of ALL) {
    const rules = parseRules(renderRules(options));
    const parentOf = ({ ifSid, ifMatchedSid }: (typeof rules)[number]) => ifMatchedSid ?? ifSid[0];
    for (const parent of new Set(rules.map(parentOf))) {
      const siblings = rules.filter((rule) => parentOf(rule) === parent);
      const ranks = siblings.map(({ level }) => (level === 0 ? 99 : level));
      assert.deepEqual(
        ranks,
        ranks.toSorted((a, b) => b - a),
        `children of ${parent}`,
      );
    }
  }
});

test("parents of a tree are of level 0, the rest at least the manager's log_alert_level, none at 1 or 2 by itself", () => {
  for (const options of ALL) {
    const least = Math.max(3, options.logAlertLevel ?? 3);
    for (const { id, level, decodedAs, ifSid, ifMatchedSid } of textsOf(options).flatMap((text) => parseRules(text))) {
      if (decodedAs !== undefined) assert.deepEqual([ifSid, ifMatchedSid, level], [[], undefined, 0], String(id));
      else assert.ok(level === 0 || (level >= least && level <= 16), `${id} has level ${level}`);
    }
  }
});

test("operators: what is there is OSRegex, everything else pcre2 and anchored; no negate, no static field, no ignore", () => {
  for (const text of ALL.flatMap(textsOf)) {
    for (const { id, fields, location, match, regex, others } of parseRules(text)) {
      assert.deepEqual([match, regex, others], [[], [], []], String(id));
      for (const { name, pattern, type, negate } of [
        ...fields,
        ...(location ? [{ name: "location", ...location }] : []),
      ]) {
        assert.equal(negate, false, `${id} ${name}`);
        assert.ok(!STATIC.includes(name), `${id} ${name}`);
        if (type === "osregex") assert.equal(pattern, "\\.+", `${id} ${name}`);
        else assert.deepEqual([type, pattern[0]], ["pcre2", "^"], `${id} ${name}`);
      }
    }
    assert.doesNotMatch(text, /<rule[^>]*\bignore=|overwrite=/);
    assert.doesNotMatch(text.replace(/<!--[\s\S]*?-->/g, ""), /&|\$[A-Z]/);
    assert.doesNotMatch(text.replace(/<!--[\s\S]*?-->/g, ""), /same_agent|if_matched_group/);
  }
});

test("the location is guarded on each parent of the line's own events", () => {
  const parents = parseRules(renderRules()).filter(({ decodedAs }) => decodedAs !== undefined);
  assert.deepEqual(
    parents.map(({ id, location }) => [id, location?.type]),
    [
      [100_620, "pcre2"],
      [ruleIds().canaryRoot, "pcre2"],
    ],
  );
});

test("groups: each list of names ends with a comma, and the field's names are kept", () => {
  const text = renderRules();
  for (const [, list = ""] of text.matchAll(/<group(?: name="([^"]+)")?>/g)) if (list !== "") assert.match(list, /,$/);
  for (const [, list = ""] of text.matchAll(/<group>([^<]+)<\/group>/g)) assert.match(list, /,$/);
  const groups = new Map(parseRules(text).map((rule) => [rule.id, rule.groups]));
  const ids = ruleIds();
  assert.deepEqual(groups.get(100_622), ["misp", "misp_alert", "threat_intel"]);
  assert.deepEqual(groups.get(100_621), ["misp", "misp_error"]);
  for (const id of [ids.spread, ids.spreadCounted, ids.sameEvent])
    assert.ok(groups.get(id)?.includes("custom_correlated"));
  for (const id of [ids.knownBenign, ids.canary, ids.canaryProbe, ids.malformed])
    assert.ok(!groups.get(id)?.includes("misp_alert"), String(id));
  for (const id of [ids.deliveryTrouble, ids.syncTrouble, ids.sourceTrouble])
    assert.ok(groups.get(id)?.includes("misp_error"));
});

test("every id of the table is a rule of the file, and the file has no other", () => {
  for (const options of ALL) {
    const ids = Object.values(ruleIds(options.block)).sort();
    assert.deepEqual(
      parseRules(renderRules(options))
        .map(({ id }) => id)
        .sort(),
      ids,
    );
    const visible = visibilityIds(options.block);
    const wanted = [visible.sysmon, visible.sysmonLinux, visible.packetbeat].flatMap((part) =>
      Object.values<number>(part),
    );
    const found = textsOf(options)
      .slice(1)
      .flatMap((text) => parseRules(text).map(({ id }) => id));
    assert.deepEqual(found.sort(), wanted.sort());
    assert.ok(Math.max(...wanted) < (options.block ?? 100_623) + BLOCK_SIZE);
    assert.equal(new Set([...ids, ...wanted]).size, ids.length + wanted.length);
  }
});

test("levels and options that are promised", () => {
  const rules = new Map(parseRules(renderRules()).map((rule) => [rule.id, rule]));
  const ids = ruleIds();
  const level = (name: keyof typeof ids) => rules.get(ids[name])?.level;
  assert.deepEqual(
    [level("parent"), level("error"), level("match"), level("knownBenign"), level("malformed"), level("canary")],
    [0, 5, 12, 3, 3, 3],
  );
  for (const name of ["canary", "canaryProbe"] as const)
    assert.ok(rules.get(ids[name])?.options.includes("no_email_alert"), name);
  assert.deepEqual([rules.get(ids.spread)?.frequency, rules.get(ids.sameEvent)?.frequency], [3, 3]);
});

test("descriptions name only fields that are sent, and none that is longer than a description may be", () => {
  for (const { description } of parseRules(renderRules()))
    for (const [, name = ""] of description.matchAll(/\$\(([^)]+)\)/g)) {
      assert.match(name, /^misp\.[a-z_.]+$/);
      assert.ok(!["misp.event_info", "misp.comment", "misp.context.command_line"].includes(name), name);
    }
});

test("no id is one of Wazuh's own", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const stock = new Set(
    readFileSync(join(shared, "data/wazuh/stock-rules.ndjson"), "utf8")
      .trim()
      .split("\n")
      .map((line) => Number((JSON.parse(line) as { id: string }).id)),
  );
  assert.ok(stock.size > 4000);
  for (const text of ALL.slice(0, 3).flatMap(textsOf))
    for (const { id } of parseRules(text)) assert.ok(!stock.has(id), String(id));
  const known = renderVisibility({ knownIds: stock }).map(({ content }) => content);
  assert.deepEqual(
    known,
    renderVisibility().map(({ content }) => content),
    "4.14.7 has every stock parent",
  );
});

test("an impossible block or level is refused with what would do", () => {
  for (const block of [0, 99_999, 100_600, 100_622, 100_544, 999_924, 1.5, Number.NaN])
    assert.throws(() => renderRules({ block }), /rule id block: /, String(block));
  for (const logAlertLevel of [0, 17, 3.5]) assert.throws(() => renderRules({ logAlertLevel }), /log_alert_level: /);
});

test("any block and level gives a file that parses, with the same rules in the same order", () => {
  const before = parseRules(renderRules());
  fc.assert(
    fc.property(
      fc.integer({ min: 100_623, max: 999_923 }),
      fc.integer({ min: 1, max: 16 }),
      fc.boolean(),
      (block, logAlertLevel, api) => {
        const after = parseRules(renderRules({ block, logAlertLevel, api }));
        assert.equal(after.length, before.length);
        assert.deepEqual(
          after.map(({ id }) => (id < 100_623 ? id : id - block)),
          before.map(({ id }) => (id < 100_623 ? id : id - 100_623)),
        );
        assert.deepEqual(loadedRules({ rules: after }).problems, []);
      },
    ),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 50) },
  );
});
