import assert from "node:assert/strict";
import { test } from "node:test";
import { engineAlert } from "../../support/wazuh-engine.ts";

/** The model against what was seen on the real engine, one behaviour a test. */
const event = (misp: string) => `{"integration":"misp","misp":${misp}}`;
const GOOD = event('{"event_id":"241","category":"Network activity","type":"ip-dst","value":"8.8.8.8"}');
const alertOf = (message: string, location = "misp") => engineAlert(Buffer.from(`1:${location}:${message}`));
const dataOf = (members: string) => alertOf(event(`{"category":"c",${members}}`))?.data.misp;

test("a match fires 100622 as agent 000", () => {
  const alert = alertOf(GOOD);
  assert.equal(alert?.rule.id, "100622");
  assert.deepEqual(alert?.agent, { id: "000", name: "wazuh" });
  assert.equal(alert?.location, "misp");
  assert.deepEqual(
    { ...alert?.data.misp },
    { event_id: "241", category: "Network activity", type: "ip-dst", value: "8.8.8.8" },
  );
});

test("the location gives the agent, with | as escape", () => {
  const alert = alertOf(GOOD, "[001] (we||b|:01) 2001|:db8|:|:1->misp");
  assert.deepEqual(alert?.agent, { id: "001", name: "we|b:01", ip: "2001:db8::1" });
  assert.deepEqual(alertOf(GOOD, "[001] (web-01) any->misp")?.agent, { id: "001", name: "web-01" });
  assert.equal(alertOf(GOOD, "[001] (web-01) 2001:db8::1->misp"), undefined);
});

test("a log file's path as location raises nothing", () => {
  for (const path of ["/var/log/app.json", "[001] (a) any->/var/log/misp", "[001] (a) any->/var/log/app.json"]) {
    assert.equal(alertOf(GOOD, path), undefined);
  }
});

test("65,535 bytes are read, one more is cut silently", () => {
  const padded = (size: number) => {
    const head = `1:misp:${event('{"category":"c","x":"')}`.slice(0, -1);
    return Buffer.from(`${head}${"y".repeat(size - head.length - 3)}"}}`);
  };
  assert.equal(padded(65_535).length, 65_535);
  assert.ok(engineAlert(padded(65_535)));
  assert.equal(engineAlert(padded(65_536)), undefined);
});

test("two documents give one alert, trailing garbage is harmless", () => {
  assert.ok(alertOf(`${GOOD}\n${GOOD}`));
  assert.ok(alertOf(`${GOOD}\n`));
  assert.ok(alertOf(`${GOOD} garbage`));
});

test("silence for every form that the decoder does not take", () => {
  const silent = [
    ` ${GOOD}`,
    `\n${GOOD}`,
    `\ufeff${GOOD}`,
    JSON.stringify(JSON.parse(GOOD), null, 2),
    `[${GOOD}]`,
    GOOD.slice(0, -1),
    GOOD.replace("241", "2\0 41"),
    GOOD.replace("241", "\\ud83d"),
    event('{"event_id":"1","category":""}'),
    event('{"event_id":"1"}'),
    event('{"category":["a"]}'),
    '{"integration":"other","misp":{"category":"c"}}',
  ];
  for (const message of silent) assert.equal(alertOf(message), undefined, message);
  assert.ok(alertOf(GOOD.replace("{", "{  ")));
});

test("\\u0000 cuts the value", () => assert.equal(dataOf('"value":"a\\u0000b"').value, "a"));

test("scalars become strings, empty ones and {} go", () => {
  const members = '"a":5,"b":1.5,"c":2147483648,"d":1e-9,"e":true,"f":null,"g":"","h":{}';
  assert.deepEqual(
    { ...dataOf(members) },
    { category: "c", a: "5", b: "1.500000", c: "2147483648.000000", d: "0.000000", e: "true", f: "null" },
  );
});

test("arrays stay arrays, and a string that reads as one becomes one", () => {
  assert.deepEqual(dataOf('"a":["x","y"]').a, ["x", "y"]);
  assert.deepEqual(dataOf('"a":"[1]"').a, [1]);
  assert.equal(dataOf('"a":"[1] x"').a, "[1] x");
});

test("dotted keys are expanded; the first of a clash wins, whatever its case", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(dataOf('"a.b":"1"'))), { category: "c", a: { b: "1" } });
  assert.equal(dataOf('"a":"1","A":"2"').a, "1");
  assert.equal(dataOf('"a":"1","A":"2"').A, undefined);
  assert.equal(dataOf('"a":"1","a":{"b":"2"}').a, "1");
  assert.deepEqual({ ...dataOf('"a":{"b":"2"},"a":"1"').a }, { b: "2" });
});

test("256 fields: later ones are dropped, and a late integration fires no rule", () => {
  const many = Array.from({ length: 300 }, (_, index) => `"k${index}":"v"`).join(",");
  const shown = Object.keys(dataOf(many));
  assert.equal(shown.length, 255);
  assert.equal(alertOf(`{"misp":{"category":"c",${many}},"integration":"misp"}`), undefined);
});

test("a long value stays literal in the rule's description", () => {
  assert.match(
    alertOf(event(`{"category":"c","value":"${"v".repeat(2000)}"}`))?.rule.description ?? "",
    /\$\(misp\.value\)/,
  );
});

test("an error event fires 100621", () => assert.equal(alertOf(event('{"error":"down"}'))?.rule.id, "100621"));
