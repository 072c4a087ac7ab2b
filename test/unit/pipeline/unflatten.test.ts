import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { get, type JsonObject, text } from "../../../src/model/json.ts";
import { unflatten } from "../../../src/pipeline/unflatten.ts";

test("a nested event stays the same object", () => {
  const event = { agent: { id: "1" }, data: { srcip: "1.2.3.4" }, full_log: "x" };
  assert.equal(unflatten(event).event, event);
});

test("names joined by dots and by underscores", () => {
  for (const event of [
    { "data.http.hostname": "a.example", "data.src_ip": "1.2.3.4", "agent.id": "1", "data.win.system.computer": "c" },
    { data_http_hostname: "a.example", data_src_ip: "1.2.3.4", agent_id: "1", data_win_system_computer: "c" },
  ]) {
    const { event: nested, written } = unflatten(event);
    assert.equal(text(nested, "data", "http", "hostname"), "a.example");
    assert.equal(text(nested, "data", "src_ip"), "1.2.3.4");
    assert.equal(text(nested, "agent", "id"), "1");
    assert.equal(text(nested, "data", "win", "system", "computer"), "c");
    assert.equal(written.get("data.http.hostname"), Object.keys(event)[0]);
  }
});

test("what stands there already is not written to, and no prototype is reached", () => {
  const data = { srcip: "1.2.3.4" };
  const event = JSON.parse(
    '{"data.x":"1","data.__proto__.polluted":"1","data.constructor.prototype.y":"1"}',
  ) as JsonObject;
  const { event: nested } = unflatten({ ...event, data });
  assert.equal(get(nested, "data"), data);
  assert.deepEqual(data, { srcip: "1.2.3.4" });
  unflatten(event);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.equal(({} as Record<string, unknown>)["y"], undefined);
});

test("total; every leaf keeps its value", () => {
  const key = fc.array(fc.constantFrom("data", "win", "http", "a", "__proto__", "", "system"), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.constantFrom("_", ".")), { maxLength: 10 }), (keys) => {
      const event: Record<string, string> = Object.create(null);
      for (const [parts, separator] of keys) event[parts.join(separator)] = parts.join("/");
      const { event: nested, written } = unflatten(event);
      for (const [path, name] of written) assert.equal(text(nested, ...path.split(".")) ?? "", event[name]);
    }),
    { numRuns: 300 },
  );
});
