import assert from "node:assert/strict";
import { test } from "node:test";
import { epochSeconds } from "../../../src/intel/misp-attribute.ts";
import { eventsIn, readEvent } from "../../../src/intel/misp-event.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import type { JsonObject, JsonValue } from "../../../src/model/json.ts";

const UUID = "11111111-1111-4111-8111-111111111111";
const event = (more: JsonObject = {}): JsonObject => ({ uuid: UUID, info: "an event", ...more });
const attribute = (type: string, value: JsonValue, more: JsonObject = {}): JsonObject => ({
  uuid: "22222222-2222-4222-8222-222222222222",
  type,
  value,
  to_ids: true,
  category: "Network activity",
  ...more,
});
const read = (...attributes: JsonValue[]) => readEvent(event({ Attribute: attributes }), { feed: "f" });
const brief = (...attributes: JsonValue[]) =>
  read(...attributes).indicators.map(({ type, pattern, value, report }) =>
    [
      type,
      pattern,
      value,
      report.weak ? "weak" : "",
      report.companion ? `${report.companion.kind}=${report.companion.value}` : "",
    ]
      .join(" ")
      .trim(),
  );

test("every export shape leads to the event", () => {
  const bare = event({ Attribute: [attribute("domain", "evil.example.net")] });
  const shapes: JsonValue[] = [
    bare,
    { Event: bare },
    { response: [{ Event: bare }] },
    { response: { Event: bare } },
    { response: bare },
    [{ Event: bare }],
    [bare],
  ];
  for (const shape of shapes) {
    const found = eventsIn(shape).map((one) => readEvent(one, { feed: "f" }));
    assert.deepEqual(
      found.map(({ indicators }) => indicators.map(({ value }) => value)),
      [["evil.example.net"]],
    );
  }
  assert.equal(eventsIn({ response: [{ Event: bare }, { Event: bare }] }).length, 2);
  assert.deepEqual(eventsIn({ response: [] }), []);
});

test("what is no event export is said to be none", () => {
  for (const wrong of [null, 7, "x", {}, { saved: false }, [1], { response: [{}] }, [[[[[[event()]]]]]]] as JsonValue[])
    assert.throws(
      () => eventsIn(wrong),
      (error) => error instanceof TiplineError && error.code === "TIP_FEED_INVALID",
    );
  for (const uuid of [undefined, 7, "x", "../../etc/passwd"] as JsonValue[])
    assert.throws(() => readEvent({ info: "x", uuid }, { feed: "f" }), TiplineError);
});

test("composites: which half matches, and beside what", () => {
  const sha = `${"a".repeat(63)}b`;
  assert.deepEqual(brief(attribute("filename|sha256", `a|b.exe|${sha}`)), [`sha256 exact ${sha}  filename=a|b.exe`]);
  assert.deepEqual(brief(attribute("domain|ip", "Evil.example.net|198.51.100.7")), [
    "domain subdomains evil.example.net  ip=198.51.100.7",
    "ip exact 198.51.100.7 weak domain=Evil.example.net",
  ]);
  assert.deepEqual(brief(attribute("ip-dst|port", "198.51.100.7|443")), ["ip exact 198.51.100.7  port=443"]);
  assert.deepEqual(brief(attribute("hostname|port", "c2.example.net|8443")), [
    "domain exact c2.example.net  port=8443",
  ]);
  assert.match(
    brief(attribute("regkey|value", "HKLM\\Software\\Run\\x|a|b"))[0] ?? "",
    /^regkey exact .* regdata=a\|b$/,
  );
  assert.deepEqual(
    read(attribute("ip-dst|port", "198.51.100.7")).refused.map(({ reason }) => reason),
    ["a composite needs two halves with a bar between them"],
  );
});

test("single values: patterns, weakness, networks, paths, URLs without scheme", () => {
  const table: [string, JsonValue, string[]][] = [
    ["hostname", "www.example.net", ["domain exact www.example.net"]],
    ["domain", "example.net", ["domain subdomains example.net"]],
    ["ip-src", "198.51.100.77/24", ["ip cidr 198.51.100.0/24"]],
    ["ip-src", "198.51.100.77/32", ["ip exact 198.51.100.77"]],
    ["ip-dst", "2001:DB8:0::42", ["ip exact 2001:db8::42"]],
    ["filename", "evil.exe", ["filename exact evil.exe weak"]],
    ["AS", "AS64500", ["asn exact 64500 weak"]],
    ["AS", 64500, ["asn exact 64500 weak"]],
    ["user-agent", "curl/1", ["user-agent exact curl/1 weak"]],
    ["url", "www.example.net", ["domain exact www.example.net"]],
    ["url", "198.51.100.7:8080", ["ip exact 198.51.100.7"]],
    ["url", "example.net/a", ["url exact http://example.net/a", "url exact https://example.net/a"]],
    ["x509-fingerprint-sha1", `${"AA:".repeat(19)}BB`, [`x509 exact ${"aa".repeat(19)}bb`]],
  ];
  for (const [type, value, expected] of table)
    assert.deepEqual(brief(attribute(type, value)), expected, `${type} ${value}`);
  const [path] = read(attribute("filename", "C:\\Users\\Public\\evil.exe")).indicators;
  assert.equal(path?.type, "path");
  assert.equal(path?.report.weak, false);
  assert.equal(read(attribute("uri", "/gate.php")).refused[0]?.reason, "a relative reference names no host");
});

test("to_ids in every spelling; deleted attributes and objects; types without an observable", () => {
  const { indicators, skipped, attributes } = readEvent(
    event({
      Attribute: [
        attribute("domain", "a.example.net", { to_ids: "1" }),
        attribute("domain", "b.example.net", { to_ids: 1 }),
        attribute("domain", "c.example.net", { to_ids: "0" }),
        attribute("domain", "d.example.net", { to_ids: false }),
        attribute("domain", "e.example.net", { to_ids: null }),
        attribute("domain", "f.example.net", { deleted: "1" }),
        attribute("no-such-type", "g"),
        attribute("vulnerability", "CVE-2024-1234"),
      ],
      Object: [
        { deleted: true, Attribute: [attribute("domain", "h.example.net")] },
        {
          comment: "the dropper",
          first_seen: "2026-10-01T00:00:00.000000+00:00",
          Attribute: [attribute("domain", "i.example.net")],
        },
        7,
      ],
    }),
    { feed: "f" },
  );
  assert.deepEqual(
    indicators.map(({ value }) => value),
    ["a.example.net", "b.example.net", "i.example.net"],
  );
  assert.equal(indicators[2]?.report.comment, "the dropper");
  assert.equal(indicators[2]?.report.firstSeen, Date.parse("2026-10-01") / 1000);
  assert.equal(attributes, 10);
  assert.deepEqual(Object.fromEntries(skipped), {
    "to_ids is 0": 3,
    "deleted in MISP": 2,
    "a type that Tipline does not know": 1,
    "type vulnerability: a CVE id only annotates a finding": 1,
  });
  assert.equal(
    readEvent(event({ Attribute: [attribute("domain", "c.example.net", { to_ids: "0" })] }), {
      feed: "f",
      toIdsOnly: false,
    }).indicators.length,
    1,
  );
});

test("the event's context: numbers as words, bounded, link by id or UUID", () => {
  const full = readEvent(
    event({
      id: 12,
      threat_level_id: "2",
      timestamp: "1795296423",
      published: "1",
      date: "2026-11-15",
      Orgc: { name: "CERT" },
      info: "x".repeat(9999),
      Tag: [{ name: "tlp:amber" }],
    }),
    { feed: "f", linkBase: "https://misp.example/" },
  ).event;
  assert.deepEqual(
    { ...full, info: full.info.length },
    {
      uuid: UUID,
      info: 512,
      tags: ["tlp:amber"],
      id: "12",
      date: "2026-11-15",
      orgc: "CERT",
      threatLevel: 2,
      timestamp: 1795296423,
      published: true,
      link: "https://misp.example/events/view/12",
    },
  );
  const bare = readEvent(event({ id: "1; drop", date: "yesterday", threat_level_id: "9", timestamp: {} }), {
    feed: "f",
    linkBase: "https://m",
  }).event;
  assert.deepEqual(bare, { uuid: UUID, info: "an event", tags: [], link: `https://m/events/view/${UUID}` });
});

test("times in MISP's spellings", () => {
  for (const spelled of ["1795296423", 1795296423, "1795296423000", "1795296423000000", "2026-11-21T21:27:03+00:00"])
    assert.equal(epochSeconds(spelled), 1795296423, String(spelled));
  for (const wrong of ["", "0", 0, "soon", null, {}, true]) assert.equal(epochSeconds(wrong as JsonValue), undefined);
});

test("an attribute without a UUID gets a stable one", () => {
  const one = read(attribute("domain", "a.example.net", { uuid: "" })).indicators[0]?.report.attributeUuid;
  const again = read(attribute("domain", "a.example.net", { uuid: 7 })).indicators[0]?.report.attributeUuid;
  assert.match(one ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(one, again);
});

test("a wrong type refuses that attribute only, with what it was", () => {
  const { indicators, refused } = read(
    attribute("domain", { a: 1 }),
    attribute("domain", ["x"]),
    attribute("domain", null),
    attribute("domain", "  "),
    attribute("domain", "x".repeat(9000)),
    attribute("md5", "not a hash"),
    "no attribute",
    7,
    null,
    attribute("domain", "good.example.net"),
  );
  assert.deepEqual(
    indicators.map(({ value }) => value),
    ["good.example.net"],
  );
  assert.equal(refused.length, 9);
  for (const { reason, value } of refused) assert.ok(reason.length > 5 && value.length <= 256);
});
