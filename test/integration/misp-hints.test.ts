import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Publisher } from "zeromq";
import mispServer from "../../src/feeds/misp-server.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { SyncResult } from "../../src/pipeline/sync.ts";
import { createSyncLoop } from "../../src/pipeline/sync-loop.ts";
import { openGenerations } from "../../src/store/generations.ts";
import { READONLY_KEY } from "../support/misp-sim/defaults.ts";
import { serveMispSim } from "../support/misp-sim/http.ts";
import { createMispSim } from "../support/misp-sim/sim.ts";
import { tempDir } from "../support/temp.ts";

const HOUR_MS = 3_600_000;

/** A MISP with a publisher, and a loop that would look at it by itself once an hour. */
async function line(t: TestContext) {
  const sim = createMispSim();
  const url = await serveMispSim(t, sim);
  const publisher = new Publisher({ linger: 0 });
  await publisher.bind("tcp://127.0.0.1:*");
  t.after(() => publisher.close());
  const settings = mispServer.config.parse({ url, key: READONLY_KEY, zmq: publisher.lastEndpoint });
  const context = { name: "misp", log: silentLog, clock: systemClock, cacheDir: tempDir(t) };
  const feed = await mispServer.create(settings, context);
  const store = openGenerations({ dir: tempDir(t), log: silentLog });
  const results: SyncResult[] = [];
  const hinted: SyncResult[] = [];
  const loop = createSyncLoop([{ name: "misp", feed, intervalMs: HOUR_MS }], store, {
    clock: systemClock,
    log: silentLog,
    onResult: (result) => results.push(result),
    onHinted: (result) => hinted.push(result),
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
    store.close();
    await feed.close?.();
  });
  const values = () => [...(store.current()?.index.all() ?? [])].map(({ value }) => String(value)).sort();
  /** Says it again and again: what is published before the subscription is there is lost. */
  const sayUntil = async (topic: string, body: unknown, holds: () => boolean) => {
    const end = Date.now() + 60_000;
    while (!holds()) {
      if (Date.now() > end) throw new Error(`waited in vain: ${values()}`);
      await publisher.send(`${topic} ${JSON.stringify(body)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const first = async () => {
    const end = Date.now() + 60_000;
    while (results.length === 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { sim, values, sayUntil, first, results, hinted };
}

test("what a message names is asked for at once, long before the next pull", async (t) => {
  const { sim, values, sayUntil, first, results } = await line(t);
  const old = sim.edit.addEvent({ info: "old" });
  sim.edit.addAttribute(old, { type: "domain", value: "old.badcorp-lab.net", toIds: true });
  sim.edit.publish(old);
  sim.advance(60);
  await first();
  const fresh = sim.edit.addEvent({ info: "fresh" });
  sim.edit.addAttribute(fresh, { type: "domain", value: "fresh.badcorp-lab.net", toIds: true });
  sim.edit.publish(fresh);
  await sayUntil("misp_json", { Event: { id: String(fresh.id), uuid: fresh.uuid } }, () =>
    values().includes("fresh.badcorp-lab.net"),
  );
  assert.deepEqual(values(), ["fresh.badcorp-lab.net", "old.badcorp-lab.net"]);
  const attribute = sim.edit.addAttribute(old, { type: "domain", value: "later.badcorp-lab.net", toIds: true });
  sim.edit.publish(old);
  await sayUntil("misp_json_attribute", { Attribute: { event_id: String(attribute.eventId) } }, () =>
    values().includes("later.badcorp-lab.net"),
  );
  assert.equal(results.length, 1, "no regular pull was needed");
});

test("forged messages change nothing, whatever they name", async (t) => {
  const { sim, values, sayUntil, first, hinted } = await line(t);
  const event = sim.edit.addEvent({ info: "known" });
  sim.edit.addAttribute(event, { type: "domain", value: "known.badcorp-lab.net", toIds: true });
  sim.edit.publish(event);
  sim.advance(60);
  await first();
  const draft = sim.edit.addEvent({ info: "a draft" });
  sim.edit.addAttribute(draft, { type: "domain", value: "draft.badcorp-lab.net", toIds: true });
  for (const body of [
    { Event: { uuid: "00000000-0000-4000-8000-000000000000" } },
    { Event: { uuid: draft.uuid, published: true, Attribute: [{ type: "domain", value: "forged.badcorp-lab.net" }] } },
    { Event: { uuid: event.uuid }, action: "delete" },
  ]) {
    const before = hinted.length;
    await sayUntil("misp_json_event", body, () => hinted.length > before);
  }
  assert.deepEqual(values(), ["known.badcorp-lab.net"]);
  assert.ok(hinted.every(({ feeds }) => feeds[0]?.status === "unchanged"));
});
