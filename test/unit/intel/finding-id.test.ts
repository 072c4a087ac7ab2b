import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { derivedId, findingId, isOurs } from "../../../src/intel/finding-id.ts";

const key = Buffer.alloc(32, 7);
const parts = { node: "wazuh-1", rawHash: "ab".repeat(32), mode: "live" } as const;

test("equal parts give equal ids; each part counts", () => {
  const id = findingId(key, parts);
  assert.match(id, /^[0-9a-f]{40}$/);
  assert.equal(findingId(Buffer.from(key), { ...parts }), id);
  const others = [
    findingId(key, { ...parts, node: "wazuh-2" }),
    findingId(key, { ...parts, rawHash: "cd".repeat(32) }),
    findingId(key, { ...parts, mode: "retro" }),
    findingId(key, { ...parts, mode: "retro", indicator: "ip:198.18.0.7" }),
    findingId(key, { ...parts, mode: "retro", indicator: "" }),
    findingId(Buffer.alloc(32, 8), parts),
    derivedId(key, ["repeats", id]),
  ];
  assert.equal(new Set([id, ...others]).size, others.length + 1);
});

test("moving bytes from one part to the next gives another id", () => {
  assert.notEqual(derivedId(key, ["ab", "c"]), derivedId(key, ["a", "bc"]));
  assert.notEqual(derivedId(key, ["a", ""]), derivedId(key, ["a"]));
  assert.notEqual(derivedId(key, ["1:a"]), derivedId(key, ["", "a"]));
});

test("an id proves itself; no changed or foreign one does", () => {
  const id = findingId(key, parts);
  assert.ok(isOurs(key, id));
  assert.ok(!isOurs(Buffer.alloc(32, 8), id));
  for (let at = 0; at < id.length; at++) {
    const changed = id.slice(0, at) + (id[at] === "0" ? "1" : "0") + id.slice(at + 1);
    assert.ok(!isOurs(key, changed), `digit ${at}`);
  }
  for (const odd of ["", id.toUpperCase(), `${id} `, id.slice(1), `${id}0`, "é".repeat(40)])
    assert.ok(!isOurs(key, odd));
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => !isOurs(key, text)));
});
