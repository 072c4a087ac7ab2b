import assert from "node:assert/strict";
import { test } from "node:test";
import { signingKey, webhookHeaders } from "../../../src/clients/webhook-signature.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { OTHER_SECRET, refusal, SECRET } from "../../support/webhook-receiver.ts";

const keyOf = (secret: string) => signingKey(new Secret(secret), "secrets.0");

test("the published test vector of the signature", () => {
  const headers = webhookHeaders(
    [keyOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1_614_265_330,
    '{"test": 2432232314}',
  );
  assert.deepEqual(headers, {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

test("while a secret is replaced, receivers with the old and with the new one verify; a changed body verifies nowhere", () => {
  const headers = webhookHeaders([keyOf(SECRET), keyOf(OTHER_SECRET)], "n1", 1000, "{}");
  assert.equal(headers["webhook-signature"]?.split(" ").length, 2);
  for (const secret of [SECRET, OTHER_SECRET]) {
    assert.equal(refusal(headers, "{}", secret, 1001), undefined);
    assert.equal(refusal(headers, "{ }", secret, 1001), "no signature fits");
    assert.equal(refusal(headers, "{}", secret, 2000), "the time is off");
  }
});

test("a secret that is none is refused, and not shown", () => {
  const short = Buffer.alloc(23, 1).toString("base64");
  const long = Buffer.alloc(65, 1).toString("base64");
  for (const bad of [
    "",
    "whsec_",
    "hunter2hunter2hunter2hunter2",
    `whsec_${short}`,
    `whsec_${long}`,
    `${SECRET}!`,
    `whsec_ ${SECRET}`,
  ])
    assert.throws(
      () => keyOf(bad),
      ({ code, message }: { code: string; message: string }) =>
        code === "TIP_CONFIG_INVALID" &&
        message.startsWith("secrets.0: expected a signing secret") &&
        (bad.length < 10 || !message.includes(bad)),
    );
  for (const bytes of [24, 32, 64]) keyOf(`whsec_${Buffer.alloc(bytes, 7).toString("base64")}`);
});
