import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ALERT_FIELDS, MISP_FIELDS, OWN_FIELDS } from "../../../../src/clients/gelf-fields.ts";
import { allowlistEntries } from "../../../../src/setup/graylog/allowlist.ts";
import { DEFAULT_OPTIONS, lookupUrl, notifyUrl } from "../../../../src/setup/graylog/options.ts";
import { makePack, markIn, PACK_REVISION } from "../../../../src/setup/graylog/pack.ts";
import { parameters, values } from "../../../../src/setup/graylog/parameters.ts";
import { ASKED_FIELDS } from "../../../../src/setup/graylog/rules.ts";
import { FUNCTIONS } from "../../../support/content-pack-validator/rule-functions.ts";
import { packFaults } from "../../../support/content-pack-validator/validate.ts";
import { sharedOrSkip } from "../../../support/shared.ts";

const pack = makePack(DEFAULT_OPTIONS);

test("the pack is one that Graylog takes, whatever it is made for", () => {
  const variants = [
    DEFAULT_OPTIONS,
    { ...DEFAULT_OPTIONS, inputs: [] },
    { ...DEFAULT_OPTIONS, inputs: ["raw"] as const },
    { ...DEFAULT_OPTIONS, inputTls: { certFile: "/c", keyFile: "/k", clientCaFile: "/ca" } },
    { ...DEFAULT_OPTIONS, tiplineUrl: "https://tipline.example.org/ti", minScore: 0, hosts: 10, silentAfter: "7d" },
  ];
  for (const options of variants)
    for (const allowlist of [false, true]) assert.deepEqual(packFaults(makePack(options, { allowlist })), []);
});

test("inputs, stream, rules, lookup, events, notification and dashboard are in it", () => {
  const count = (type: string) => pack.entities.filter((entity) => entity.type.name === type).length;
  assert.deepEqual(
    [
      "input",
      "stream",
      "pipeline",
      "lookup_table",
      "lookup_adapter",
      "lookup_cache",
      "notification",
      "event_definition",
      "dashboard",
    ].map(count),
    [2, 1, 2, 1, 1, 1, 1, 4, 1],
  );
  assert.deepEqual(
    pack.parameters.map(({ name }) => name),
    ["BIND_ADDRESS", "GELF_PORT", "RAW_PORT", "LOOKUP_URL", "LOOKUP_AUTHORIZATION", "NOTIFY_URL", "NOTIFY_HEADERS"],
  );
});

test("the same options give the same bytes", () => {
  assert.equal(JSON.stringify(makePack(DEFAULT_OPTIONS)), JSON.stringify(pack));
  assert.notEqual(markIn(makePack({ ...DEFAULT_OPTIONS, minScore: 71 }).description), markIn(pack.description));
});

test("whoever changes the pack's content gives it a new revision", () => {
  assert.deepEqual(
    [PACK_REVISION, markIn(pack.description)],
    [1, "Content 6cea6d6a901c43be."],
    "content changed: raise PACK_REVISION unless this revision was never released, and write the new mark here",
  );
});

test("every parameter gets a value of its type; tokens have no default and stay as they were", () => {
  const before = { LOOKUP_AUTHORIZATION: { "@type": "string", "@value": "Bearer old" } };
  const given = values(DEFAULT_OPTIONS, { lookup: undefined, notify: "new" }, before);
  assert.deepEqual(
    Object.keys(given),
    parameters(DEFAULT_OPTIONS).map(({ name }) => name),
  );
  assert.equal(given["GELF_PORT"]?.["@type"], "integer");
  assert.equal(given["LOOKUP_AUTHORIZATION"]?.["@value"], "Bearer old");
  assert.equal(given["NOTIFY_HEADERS"]?.["@value"], "Authorization: Bearer new");
  for (const name of ["LOOKUP_AUTHORIZATION", "NOTIFY_HEADERS"])
    assert.equal(pack.parameters.find((one) => one.name === name)?.default_value, undefined);
});

test("the allowlist lets just the lookup's URLs through, whatever the value, and the notification's", () => {
  const options = { ...DEFAULT_OPTIONS, tiplineUrl: "https://tipline.example.org:9628" };
  const [lookup, notification] = allowlistEntries(options);
  const allows = new RegExp(lookup?.value ?? "");
  for (const key of ["203.0.113.7", "a%20b%26c", "$" + "{key}"])
    assert.match(
      lookupUrl(options).replace(/\$\{key\}/, () => key),
      allows,
    );
  for (const other of [
    "https://tipline-example.org:9628/v1/lookup?value=x",
    "https://evil.example/?u=https://tipline.example.org:9628/v1/lookup?value=x",
    "https://tipline.example.org:9628/v1/lookup?value=x&admin=1",
    "https://tipline.example.org:9628/v1/lookupXvalue=x",
  ])
    assert.doesNotMatch(other, allows);
  assert.deepEqual([notification?.type, notification?.value], ["literal", notifyUrl(options)]);
});

test("rules, events and dashboard use the documented fields only", () => {
  const known = new Set([
    ...[...ALERT_FIELDS, ...MISP_FIELDS].map(({ name }) => name),
    ...Object.keys(OWN_FIELDS),
    ...ASKED_FIELDS.map((field) => `tipline_lookup_${field}`),
    ...["tipline_lookup", "tipline_via", "tipline_trouble"],
  ]);
  for (const { id, data } of pack.entities)
    for (const [name] of JSON.stringify(data).matchAll(/\b(?:tipline|wazuh)_[a-z_0-9]+/g))
      assert.ok(known.has(name), `${id}: ${name}`);
  const raw = pack.entities.filter(({ id }) => /^tipline-[12]0/.test(id)).map(({ data }) => JSON.stringify(data));
  for (const { name } of [...ALERT_FIELDS, ...MISP_FIELDS])
    assert.ok(
      raw.some((source) => source.includes(`set_field(field: \\"${name}\\"`)),
      name,
    );
});

test("the functions in the rules are Graylog's, with the arguments that it knows", (t) => {
  const folder = sharedOrSkip(t);
  if (folder === undefined) return;
  const theirs = JSON.parse(readFileSync(join(folder, "data/graylog/pipeline-functions-7.2dev.json"), "utf8"));
  for (const [name, { params }] of Object.entries(FUNCTIONS))
    for (const param of Object.keys(params)) {
      // Functions with a time zone take it from their common base class.
      const inherited = param === "timezone?";
      assert.ok(inherited || theirs[name]?.includes(param.replace("?", "")), `${name} ${param}`);
    }
});
