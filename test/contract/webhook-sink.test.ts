import { setTimeout as pause } from "node:timers/promises";
import { JumpClock } from "../support/fake-clocks.ts";
import { tempDir } from "../support/temp.ts";
import { badly, WebhookReceiver } from "../support/webhook-receiver.ts";
import { eventually, openWebhook } from "../support/webhook-sink.ts";
import { type SinkHarness, testSink } from "./sink.contract.ts";

/**
 * The sink's answer is about its outbox, which is what the suite's receiver is here: it is down when the outbox is closed. What
 * becomes of the outbox's messages is in the other tests of the webhook.
 */
testSink(
  "webhook",
  async (t): Promise<SinkHarness> => {
    const clock = new JumpClock();
    const receiver = await WebhookReceiver.start(t, { now: () => clock.now() });
    const dir = tempDir(t);
    const settings = { url: receiver.url, max_body: "1MiB", window: "7d" };
    let open = await openWebhook(t, dir, settings, { clock });
    const behind: SinkHarness["sink"] = {
      send: (findings, signal) => open.sink.send(findings, signal),
      close: async () => open.sink.close?.(),
    };
    return {
      sink: behind,
      async received() {
        const isEmpty = () => open.sink.outbox?.backlog().findings === 0;
        // The window ends, and what failed is due again.
        for (let week = 0; week < 8 && !isEmpty(); week++) {
          clock.jump(8 * 86_400_000);
          for (let wait = 0; wait < 100 && !isEmpty(); wait++) await pause(5);
        }
        await eventually("an empty outbox", isEmpty);
        return idsIn(receiver);
      },
      async down() {
        receiver.behave = badly.reset;
        await open.sink.close?.();
      },
      async up() {
        receiver.behave = badly.status(204);
        await open.sink.close?.();
        open = await openWebhook(t, dir, settings, { clock });
      },
    };
  },
  { stalls: false },
);

/** In the order of their notices and digests. */
function idsIn(receiver: WebhookReceiver): string[] {
  return receiver.bodies.flatMap((body) => (body as { data: { finding_ids: string[] } }).data.finding_ids);
}
