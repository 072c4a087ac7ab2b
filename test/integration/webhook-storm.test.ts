import assert from "node:assert/strict";
import { test } from "node:test";
import { PRESETS } from "../../src/clients/webhook-presets.ts";
import { JumpClock } from "../support/fake-clocks.ts";
import { makeFinding } from "../support/finding.ts";
import { tempDir } from "../support/temp.ts";
import { WebhookReceiver } from "../support/webhook-receiver.ts";
import { eventually, openWebhook } from "../support/webhook-sink.ts";

const TOTAL = 10_000;
const KEYS = 50;
const MOST_BODY = { standard: 20_000, slack: 36_000, mattermost: 16_000, teams: 25_000 };

const idOf = (n: number) => `f${String(n).padStart(39, "0")}`;

for (const preset of PRESETS)
  test(`${preset}: 10,000 findings over 50 keys are at most 50 notices and one digest, whose bodies name each id once`, async (t) => {
    const clock = new JumpClock();
    const receiver = await WebhookReceiver.start(t, { now: () => clock.now() });
    const { sink } = await openWebhook(t, tempDir(t), { url: receiver.url, preset, max_notices: 50 }, { clock });
    for (let n = 0; n < TOTAL; n += 500) {
      const batch = Array.from({ length: 500 }, (_, i) => {
        const key = (n + i) % KEYS;
        const id = idOf(n + i);
        return makeFinding(n + i, {
          id,
          key: { indicator: `ip:203.0.113.${key}`, entity: "agent:001" },
          misp: { value: `203.0.113.${key}`, finding_id: id },
        });
      });
      assert.deepEqual(await sink.send(batch, new AbortController().signal), { status: "sent" });
    }
    await eventually("the notices", () => sink.outbox?.backlog().messages === 0);
    clock.jump(3_600_000);
    await eventually("the digest", () => sink.outbox?.backlog().findings === 0);

    const messages = new Map(receiver.requests.map(({ id, body }) => [id, body]));
    const kind = (letter: string) => [...messages.keys()].filter((id) => id.startsWith(letter));
    assert.ok(kind("n").length <= KEYS, `${kind("n").length} notices`);
    assert.equal(new Set(kind("d").map((id) => id.replace(/_\d+$/, ""))).size, 1, "one digest");
    assert.ok(kind("d").length <= 30, `in ${kind("d").length} parts`);
    const listed = [...messages.values()].flatMap((body) => {
      assert.ok(Buffer.byteLength(body) <= MOST_BODY[preset], `${Buffer.byteLength(body)} bytes`);
      return preset === "standard" ? (JSON.parse(body).data.finding_ids as string[]) : (body.match(/f\d{39}/g) ?? []);
    });
    assert.equal(listed.length, TOTAL);
    assert.equal(new Set(listed).size, TOTAL);
    t.diagnostic(`${kind("n").length} notices, a digest in ${kind("d").length} parts`);
  });
