import assert from "node:assert/strict";
import { test } from "node:test";
import { eventLink, MAX_TAGS, mitreOf, tagNames, tlpOf } from "../../../src/intel/misp-tags.ts";

test("TLP: any spelling, the strictest wins, what only looks like it is none", () => {
  const table: [readonly string[], string | undefined][] = [
    [[], undefined],
    [["tlp:white"], "clear"],
    [["TLP:CLEAR"], "clear"],
    [["tlp:green", "tlp:white"], "green"],
    [["TLP:AMBER+STRICT", "tlp:amber"], "amber+strict"],
    [["tlp:amber+strict", "TLP:RED", "tlp:green"], "red"],
    [['tlp:"amber"'], "amber"],
    [["tlp:ex:chr", "tlp:unclear", "xtlp:red", "tlp:"], undefined],
  ];
  for (const [tags, expected] of table) assert.equal(tlpOf(tags), expected, tags.join(" "));
});

test("ATT&CK technique ids come from attack-pattern galaxies only, each once", () => {
  assert.deepEqual(
    mitreOf([
      'misp-galaxy:mitre-attack-pattern="Spearphishing Attachment - T1566.001"',
      'misp-galaxy:mitre-enterprise-attack-attack-pattern="PowerShell - T1086"',
      'misp-galaxy:mitre-attack-pattern="Spearphishing Attachment - T1566.001"',
      'misp-galaxy:threat-actor="T1059"',
      'misp-galaxy:mitre-malware="X - S0001"',
      'misp-galaxy:mitre-course-of-action="Y - T1002"',
      'misp-galaxy:mitre-attack-pattern="no id"',
    ]),
    ["T1566.001", "T1086"],
  );
});

test("tag names of every shape, without inherited ones, bounded", () => {
  assert.deepEqual(
    tagNames({
      Tag: [
        { name: " tlp:red " },
        "plain",
        { name: "tlp:amber", inherited: 1 },
        { name: 7 },
        null,
        { name: "tlp:red" },
      ],
      EventTag: [{ Tag: { name: "from-event-tag" } }, {}],
      Galaxy: [{ GalaxyCluster: [{ tag_name: "g1" }, { type: "mitre-attack-pattern", value: "Phishing - T1566" }] }],
      GalaxyCluster: [{ tag_name: "g2" }],
    }),
    ["tlp:red", "plain", "from-event-tag", "g1", 'misp-galaxy:mitre-attack-pattern="Phishing - T1566"', "g2"],
  );
  const many = Array.from({ length: 5000 }, (_, n) => ({ name: `${"x".repeat(400)}${n}`.slice(-400) }));
  const kept = tagNames({ Tag: many });
  assert.ok(kept.length <= MAX_TAGS && kept.every((name) => name.length <= 300));
  assert.deepEqual(tagNames({ Tag: { name: "x" } }), []);
});

test("the link leads to the event whatever the base ends with", () => {
  assert.equal(eventLink("https://misp.example/", "12"), "https://misp.example/events/view/12");
  assert.equal(eventLink("https://misp.example/misp", "a/b?c"), "https://misp.example/misp/events/view/a%2Fb%3Fc");
});
