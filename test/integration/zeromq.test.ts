import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Publisher } from "zeromq";
import { zeroMqHints } from "../../src/clients/zeromq.ts";
import { eventOfMessage } from "../../src/intel/misp-hint.ts";
import { systemClock } from "../../src/lib/clock.ts";

const UUID = "cb167d6c-678b-42fb-b6e2-95895b02659b";

async function publisher(t: TestContext, address = "tcp://127.0.0.1:*") {
  const socket = new Publisher({ linger: 0 });
  // The port of a closed socket is free a moment later.
  for (const end = Date.now() + 60_000; ; ) {
    try {
      await socket.bind(address);
      break;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  t.after(() => socket.close());
  const say = (topic: string, body: unknown) => socket.send(`${topic} ${JSON.stringify(body)}`);
  return { socket, address: socket.lastEndpoint!, say };
}

function listen(t: TestContext, address: string) {
  const stop = new AbortController();
  const batches: (readonly string[])[] = [];
  const running = (async () => {
    for await (const batch of zeroMqHints({ address }, eventOfMessage, systemClock, stop.signal)) batches.push(batch);
  })();
  t.after(async () => {
    stop.abort();
    await running;
  });
  const ids = () => new Set(batches.flat());
  return { ids, stop, running };
}

/** A subscription takes a moment, and what is sent before is lost: it is sent until it is heard. */
async function until(holds: () => boolean, send: () => Promise<void>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error("waited in vain");
    await send();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("messages of a real publisher come as hints; foreign topics do not", async (t) => {
  const { address, say } = await publisher(t);
  const { ids } = listen(t, address);
  await until(
    () => ids().has(UUID),
    async () => {
      await say("snort_rules", { Event: { uuid: "00000000-0000-4000-8000-000000000000" } });
      await say("misp_json_self", { status: "alive" });
      await say("misp_json_event", { Event: { uuid: UUID }, action: "edit" });
    },
  );
  assert.deepEqual([...ids()], [UUID]);
});

test("a publisher that goes away and comes back is heard again", async (t) => {
  const first = await publisher(t);
  const { ids } = listen(t, first.address);
  await until(
    () => ids().has("1"),
    () => first.say("misp_json_tag", { Tag: { event_id: "1" } }),
  );
  first.socket.close();
  const second = await publisher(t, first.address);
  await until(
    () => ids().has("2"),
    () => second.say("misp_json_tag", { Tag: { event_id: "2" } }),
  );
});

test("ends at once when it is aborted, connected or not", async (t) => {
  const { stop, running } = listen(t, "tcp://127.0.0.1:1");
  stop.abort();
  await running;
});
