import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { eventOfMessage } from "../../../src/intel/misp-hint.ts";
import { sharedOrSkip } from "../../support/shared.ts";

const UUID = "cb167d6c-678b-42fb-b6e2-95895b02659b";
const message = (topic: string, body: unknown) => Buffer.from(`${topic} ${JSON.stringify(body)}`);

test("names the event by UUID, or by the id that a part of it carries", () => {
  assert.equal(eventOfMessage(message("misp_json", { Event: { id: "7", uuid: UUID } })), UUID);
  assert.equal(
    eventOfMessage(message("misp_json_event", { Event: { uuid: UUID.toUpperCase() }, action: "edit" })),
    UUID,
  );
  assert.equal(
    eventOfMessage(message("misp_json_attribute", { Attribute: { event_id: "9" }, Event: { id: "9", uuid: UUID } })),
    UUID,
  );
  assert.equal(eventOfMessage(message("misp_json_object", { Object: { event_id: "1402" } })), "1402");
  assert.equal(eventOfMessage(message("misp_json_tag", { Tag: { event_id: "1402", attribute_id: "3" } })), "1402");
});

test("is about no event: heartbeats, sightings, other topics and what is forged", () => {
  for (const [topic, body] of [
    ["misp_json_self", { status: "alive", uptime: 28 }],
    ["misp_json_sighting", { Sighting: { event_id: "1402" } }],
    ["misp_json_warninglist", { Warninglist: { id: "27" } }],
    ["misp_json_tag", { Tag: { event_id: "0" } }],
    ["misp_json_event", { Event: { uuid: `${UUID}' OR 1=1`, id: "1 OR 1" } }],
    ["misp_json_event", { Event: { id: ["1"] } }],
    ["misp_json_evil", { Event: { uuid: UUID } }],
    ["misp_json", null],
  ] as const)
    assert.equal(eventOfMessage(message(topic, body)), undefined, topic);
});

test("a very large event is known by its beginning", () => {
  const Event = {
    id: "1402",
    orgc_id: "1",
    info: "x",
    uuid: UUID,
    Attribute: [{ value: "y".repeat(9 * 1024 * 1024) }],
  };
  assert.equal(eventOfMessage(message("misp_json", { Event })), UUID);
});

test("is total", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom("misp_json ", "misp_json_event ", ""),
      (bytes, head) => {
        const found = eventOfMessage(Buffer.concat([Buffer.from(head), bytes]));
        assert.ok(found === undefined || /^[0-9a-f-]{1,36}$/.test(found));
      },
    ),
  );
});

test("the recorded messages of a MISP: what changes an event names it", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const file = join(shared, "data/misp/recordings/zmq_messages.json");
  const messages = JSON.parse(readFileSync(file, "utf8")) as readonly { topic: string; raw: string }[];
  for (const { topic, raw } of messages) {
    const found = eventOfMessage(Buffer.from(`${topic} ${raw}`));
    if (/self|sighting|warninglist/.test(topic)) assert.equal(found, undefined, topic);
    else assert.match(found ?? "", /^(?:cb167d6c-678b-42fb-b6e2-95895b02659b|1402)$/, topic);
  }
});
