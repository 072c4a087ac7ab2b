import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeDatagram, encodeEvent, encodeLocation, trimToFit } from "../../../src/clients/wazuh-queue.ts";
import { makeFinding } from "../../support/finding.ts";
import { engineAlert } from "../../support/wazuh-engine.ts";

test("locations", () => {
  const rows: [Parameters<typeof encodeLocation>[0], string][] = [
    [undefined, "misp"],
    [{ id: "" }, "misp"],
    [{ id: "000", name: "manager" }, "misp"],
    [{ id: "001", name: "web-01", ip: "10.0.0.5" }, "[001] (web-01) 10.0.0.5->misp"],
    [{ id: "001", name: "web-01" }, "[001] (web-01) any->misp"],
    [{ id: "001", name: "web-01", ip: "any" }, "[001] (web-01) any->misp"],
    [{ id: "001", name: "web-01", ip: "10.0.0.5->x:{}" }, "[001] (web-01) any->misp"],
    [{ id: "001", name: "web-01", ip: "2001:db8::1" }, "[001] (web-01) 2001|:db8|:|:1->misp"],
    [{ id: "001" }, "[001] (001) any->misp"],
    [{ id: "1]:x", name: "a|b:c" }, "[1__x] (a||b|:c) any->misp"],
    [{ id: "001", name: "a) 1.2.3.4->x\n(\0\u0085" }, "[001] (a_ 1.2.3.4-_x____) any->misp"],
    [{ id: "001", name: "é".repeat(100) }, `[001] (${"é".repeat(64)}) any->misp`],
  ];
  for (const [agent, location] of rows) assert.equal(encodeLocation(agent), location);
});

test("the event is compact, integration first, and made of strings", () => {
  const misp = { ...makeFinding(1).misp, score: 70 as unknown as string, tags: [], event_info: "", mitre: ["T1059"] };
  const event = encodeEvent(misp);
  assert.match(event ?? "", /^\{"integration":"misp","misp":\{"event_id":"241","category":"Network activity"/);
  const parsed = JSON.parse(event ?? "");
  assert.equal(parsed.misp.score, "70");
  assert.deepEqual(parsed.misp.mitre, ["T1059"]);
  assert.ok(!("tags" in parsed.misp) && !("event_info" in parsed.misp));
});

test("the members of the contract are never missing, empty or lists", () => {
  const odd = { ...makeFinding(1).misp, event_id: "", category: ["a"], type: undefined, value: "[1]" };
  const alert = engineAlert(encodeDatagram(odd as never) ?? Buffer.alloc(0));
  const { event_id, category, type, value } = alert?.data.misp ?? {};
  assert.deepEqual(
    { event_id, category, type, value },
    { event_id: "unknown", category: "unknown", type: "unknown", value: "'[1]'" },
  );
});

test("members that the model does not know, and inherited ones, are not sent", () => {
  const hostile = JSON.parse(
    JSON.stringify(makeFinding(1).misp).replace("{", '{"__proto__":{"link":"x"},"constructor":"x",'),
  );
  const sent = JSON.parse(encodeEvent(hostile) ?? "").misp;
  assert.deepEqual(sent, makeFinding(1).misp);
});

test("the least important goes first, and truncated says what", () => {
  const misp = {
    ...makeFinding(1).misp,
    comment: "c".repeat(30_000),
    event_info: "e".repeat(30_000),
    others: ["o".repeat(30_000)],
    warninglist: "List of known benign values",
  };
  const fitted = trimToFit(misp, 60_000);
  assert.equal(fitted?.event_info?.length, 30_000);
  assert.equal(fitted?.comment?.length, 512);
  assert.equal(fitted?.others?.[0]?.length, 256);
  assert.equal(fitted?.truncated, "others,comment");
  assert.equal(fitted?.warninglist, misp.warninglist);
  assert.deepEqual(trimToFit(makeFinding(1).misp, 60_000), makeFinding(1).misp);
});

test("no leaf is longer than an index takes, whatever the room", () => {
  const fitted = trimToFit({ ...makeFinding(1).misp, value: "é".repeat(20_000) }, 1_000_000);
  assert.equal(Buffer.byteLength(fitted?.value ?? ""), 32_764);
  assert.equal(fitted?.truncated, "value");
});

test("too little room is an answer, not a broken event", () => {
  assert.equal(trimToFit({ ...makeFinding(1).misp, value: "\u0001".repeat(9000) }, 1000), undefined);
});

test("around the limit of 65,535 bytes nothing is cut too late or too early", () => {
  const finding = (link: number) => ({
    ...makeFinding(1).misp,
    comment: "c".repeat(32_000),
    event_info: "e".repeat(32_000),
    link: "l".repeat(link),
  });
  const rest = (encodeDatagram(finding(1))?.length ?? 0) - 1;
  for (const [size, cut] of [
    [65_500, false],
    [65_535 - 30, false],
    [65_536, true],
    [65_600, true],
  ] as const) {
    const datagram = encodeDatagram(finding(size - rest)) ?? Buffer.alloc(0);
    assert.ok(datagram.length <= 65_535);
    const alert = engineAlert(datagram);
    assert.equal(alert?.data.misp.truncated, cut ? "comment" : undefined);
    assert.equal(alert?.data.misp.link.length, size - rest);
  }
});
