import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createLog } from "../../../src/lib/create-log.ts";
import { redact } from "../../../src/pipeline/redact.ts";
import webhook from "../../../src/sinks/webhook.ts";
import { JumpClock } from "../../support/fake-clocks.ts";
import { makeFinding } from "../../support/finding.ts";
import { tempDir } from "../../support/temp.ts";
import { badly, OTHER_SECRET, SECRET, WebhookReceiver } from "../../support/webhook-receiver.ts";
import { eventually, openWebhook } from "../../support/webhook-sink.ts";

const NEVER = new AbortController().signal;

function quick(): { clock: JumpClock; log: ReturnType<typeof createLog>; lines: string[] } {
  const lines: string[] = [];
  return { clock: new JumpClock(), log: createLog("debug", { write: (line) => void lines.push(line) }), lines };
}

async function scene(t: TestContext, settings: Readonly<Record<string, unknown>> = {}) {
  const around = quick();
  const receiver = await WebhookReceiver.start(t, { now: () => around.clock.now() });
  const dir = tempDir(t);
  const open = () => openWebhook(t, dir, { url: receiver.url, window: "7d", ...settings }, around);
  return { ...around, receiver, open, rig: await open() };
}

test("a message tried again has the same id and body and another timestamp, and is signed anew", async (t) => {
  const { receiver, rig, clock } = await scene(t, { secrets: [OTHER_SECRET, SECRET] });
  receiver.behave = (response, _request, nth) => void response.writeHead(nth < 3 ? 500 : 200).end();
  assert.deepEqual(await rig.sink.send([makeFinding(1)], NEVER), { status: "sent" });
  await eventually("the first attempt", () => rig.house.outcomes.length === 1);
  clock.jump(4_000);
  assert.equal(receiver.requests.length, 1);
  clock.jump(2_000);
  await eventually("the second attempt", () => rig.house.outcomes.length === 2);
  clock.jump(290_000);
  assert.equal(receiver.requests.length, 2);
  clock.jump(50_000);
  await eventually("the third attempt", () => rig.house.outcomes.includes("delivered"));
  const [first, second, third] = receiver.requests;
  assert.deepEqual(
    receiver.requests.map(({ refused }) => refused),
    [undefined, undefined, undefined],
  );
  assert.ok(first && second && third);
  assert.deepEqual([second.id, third.id, second.body, third.body], [first.id, first.id, first.body, first.body]);
  assert.ok(Number(second.timestamp) >= Number(first.timestamp) + 5);
  assert.ok(Number(third.timestamp) >= Number(second.timestamp) + 300);
  assert.deepEqual(rig.house.outcomes, ["failed", "failed", "delivered"]);
  const { type, data } = JSON.parse(first.body);
  assert.deepEqual([type, data.finding_ids, data.misp.value], ["tipline.finding", ["f00000001"], "203.0.113.7"]);
});

test("410 disables until it is enabled, also over restarts; another address enables", async (t) => {
  const { receiver, rig, open, lines, clock, log } = await scene(t);
  receiver.behave = badly.status(410);
  await rig.sink.send([makeFinding(1)], NEVER);
  await eventually("the disabling", () => rig.sink.outbox?.backlog().disabled === true);
  assert.match(
    rig.sink.outbox?.backlog().trouble ?? "",
    /disabled since .* 410 Gone; 1 findings wait.*tipline notices enable chat/,
  );
  assert.ok(
    lines.some((line) => /"level":50.*gone for good/.test(line)),
    "loud",
  );
  await rig.sink.close?.();
  receiver.behave = badly.status(200);
  const again = await open();
  await again.sink.send([makeFinding(2, { key: { indicator: "ip:8.8.8.8", entity: "agent:002" } })], NEVER);
  assert.equal(again.sink.outbox?.backlog().disabled, true);
  assert.equal(receiver.requests.length, 1);
  assert.equal(await again.sink.outbox?.enable(), true);
  await eventually("both", () => receiver.requests.length === 3);
  assert.equal(await again.sink.outbox?.enable(), false);
  assert.equal(again.sink.outbox?.backlog().trouble, undefined);

  receiver.behave = badly.status(410);
  await again.sink.send([makeFinding(3, { key: { indicator: "ip:9.9.9.9", entity: "agent:002" } })], NEVER);
  await eventually("the disabling", () => again.sink.outbox?.backlog().disabled === true);
  await again.sink.close?.();
  const other = await WebhookReceiver.start(t, { now: () => clock.now() });
  await openWebhook(t, again.keepDir.replace(/outbox$/, ""), { url: other.url, window: "7d" }, { clock, log });
  await eventually("the other receiver", () => other.requests.length === 1);
});

test("a redirect is a failure; 429 stops all messages for as long as the receiver says", async (t) => {
  const { receiver, rig, clock } = await scene(t);
  const elsewhere = await WebhookReceiver.start(t);
  receiver.behave = badly.status(302, { location: elsewhere.url });
  await rig.sink.send([makeFinding(1)], NEVER);
  await eventually("an attempt", () => rig.house.outcomes.length > 0);
  assert.deepEqual(rig.house.outcomes.slice(0, 1), ["failed"]);
  assert.equal(elsewhere.requests.length, 0);
  receiver.behave = badly.status(429, { "retry-after": "7200" });
  clock.jump(6_000);
  await eventually("429", () => rig.house.outcomes.includes("throttled"));
  receiver.behave = badly.status(200);
  const { length } = receiver.requests;
  await rig.sink.send([makeFinding(2, { key: { indicator: "ip:8.8.8.8", entity: "agent:002" } })], NEVER);
  clock.jump(7_100_000);
  await rig.sink.send([], NEVER);
  assert.equal(receiver.requests.length, length, "not before two hours, not even another message");
  clock.jump(200_000);
  await eventually("both", () => rig.house.outcomes.filter((outcome) => outcome === "delivered").length === 2);
});

test("what nobody takes for ten attempts is given up, and said", async (t) => {
  const { receiver, rig, clock } = await scene(t);
  receiver.behave = badly.status(404);
  await rig.sink.send([makeFinding(1), makeFinding(2)], NEVER);
  const trouble = () => rig.sink.outbox?.backlog().trouble ?? "";
  for (let attempt = 1; attempt <= 10; attempt++) {
    await eventually(
      `attempt ${attempt}`,
      () => rig.house.outcomes.filter((one) => one === "failed").length === attempt,
    );
    if (attempt === 3) assert.match(trouble(), /were not taken in 3 attempts.*nothing is at this address/);
    assert.deepEqual(rig.house.dead.length > 0 ? attempt : 10, 10, "not before the tenth");
    if (attempt < 10) clock.jump(27 * 3_600_000);
  }
  await eventually("the dead letters", () => rig.house.dead.length === 2);
  assert.match([...rig.house.lots.values()][0]?.reason ?? "", /given up after 10 attempts: the receiver answered 404/);
  await eventually("the end", () => trouble().includes("dead-letter replay --component chat"));
  assert.equal(receiver.requests.length, 10);
});

test("neither the address nor a secret is in a log line or a body", async (t) => {
  const { receiver, rig, lines } = await scene(t, { token: "token-123456" });
  for (const behave of [badly.status(500, {}, "you sent token-123456"), badly.reset, badly.status(404)]) {
    const { length } = rig.house.outcomes;
    receiver.behave = behave;
    const key = { indicator: `ip:8.8.8.${length}`, entity: "agent:001" };
    await rig.sink.send([makeFinding(length, { key })], NEVER);
    await eventually("an attempt", () => rig.house.outcomes.length > length);
  }
  assert.equal(receiver.requests[0]?.headers.authorization, "Bearer token-123456");
  const said =
    lines.join("\n") + receiver.requests.map(({ body }) => body).join("\n") + rig.sink.outbox?.backlog().trouble;
  for (const secret of ["token-123456", SECRET, SECRET.slice(6), "SECRETPATH"])
    assert.ok(!said.includes(secret), secret);
});

test("an outbox that is full leaves the rest in the journal", async (t) => {
  const { receiver, rig, open } = await scene(t, { max_outbox: "1MiB", max_notices: 1 });
  receiver.behave = badly.reset;
  const big = (n: number) => makeFinding(n, { misp: { comment: "x".repeat(200_000) } });
  const result = await rig.sink.send(
    Array.from({ length: 10 }, (_, n) => big(n)),
    NEVER,
  );
  assert.deepEqual([result.status, (result as { taken?: number }).taken], ["retry", 5]);
  assert.match(rig.sink.outbox?.backlog().trouble ?? "", /outbox is full/);
  await rig.sink.close?.();
  assert.equal((await open()).sink.outbox?.backlog().findings, 5);
});

test("above the ceiling nothing but id and link goes out, whatever the preset", async (t) => {
  for (const preset of ["standard", "slack", "mattermost", "teams"]) {
    const { receiver, rig } = await scene(t, { preset });
    const base = makeFinding(1, {
      tlp: "red",
      misp: { link: "https://misp.example/events/view/241", org: "SECRETORG", event_info: "plan" },
    });
    await rig.sink.send([redact(base, "green", (text) => `mac${text.length}`)], NEVER);
    await eventually("the message", () => receiver.requests.length === 1);
    const { body } = receiver.requests[0]!;
    for (const shown of ["f00000001", "https://misp.example/events/view/241"])
      assert.ok(body.includes(shown), `${preset}: ${shown}`);
    for (const secret of ["203.0.113", "203[.]0", "SECRETORG", "plan", "web-01", "high", "mac1", "70", "241 "])
      assert.ok(
        !body.replaceAll(/n[a-z0-9]{8}[0-9a-f]{10}|\d{4}-\d\d-\d\dT[\d:.]+Z/g, "").includes(secret),
        `${preset}: ${secret}`,
      );
  }
});

test("settings that cannot be meant are refused with what is expected", () => {
  const faults = (settings: object) => {
    const result = webhook.config.safeParse({ url: "https://hooks.example.org/x", ...settings });
    return result.success
      ? ""
      : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  };
  assert.match(faults({}), /secrets: expected a signing secret/);
  assert.match(faults({ secrets: ["hunter2"] }), /secrets: expected a signing secret, whsec_(?!.*hunter2)/);
  assert.equal(faults({ preset: "slack" }), "");
  assert.equal(faults({ template: { text: "{{text}}" } }), "");
  assert.match(
    faults({ preset: "slack", template: { text: "{{ nonsense }}" } }),
    /template: expected one of kind, .* found {{nonsense}}/,
  );
  assert.match(faults({ preset: "slack", template: { text: "{{value}}" } }), /expected {{finding_ids}} or {{text}}/);
  assert.match(faults({ preset: "slack", timeout: "5s" }), /timeout: expected 15s to 30s/);
  assert.match(faults({ preset: "slack", url_file: "/x" }), /either url_file or url/);
});
