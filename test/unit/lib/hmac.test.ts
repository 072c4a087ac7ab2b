import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { hmacSha256 } from "../../../src/lib/hmac.ts";

test("it is the HMAC that everybody else makes, whatever the key's length", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.string({ unit: "grapheme", maxLength: 300 }), { minLength: 1, maxLength: 4 }),
      (key, texts) => {
        for (const text of texts)
          assert.equal(hmacSha256(key, text), createHmac("sha256", key).update(text).digest("hex"));
      },
    ),
  );
});

test("keys around the length of a block, and a document's own example", () => {
  for (const length of [0, 1, 63, 64, 65, 128]) {
    const key = Buffer.alloc(length, 0xaa);
    assert.equal(hmacSha256(key, "text"), createHmac("sha256", key).update("text").digest("hex"));
  }
  // RFC 4231, test case 2.
  const expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  assert.equal(hmacSha256(Buffer.from("Jefe"), "what do ya want for nothing?"), expected);
});
