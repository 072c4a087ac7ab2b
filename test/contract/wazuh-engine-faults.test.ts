import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  AF_UNIX,
  loadLibc,
  MSG_DONTWAIT_NOSIGNAL,
  SOCK_DGRAM_NONBLOCK_CLOEXEC,
  unixAddress,
} from "../../src/clients/libc.ts";
import { EVENT, MISP_RULES } from "../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim, type WazuhSim } from "../support/wazuh-sim/sim.ts";

/** The ways in which the real daemon fails, by the plain system calls. */
const libc = await loadLibc();
const NAMES = new Map(
  (["EAGAIN", "ECONNREFUSED", "ENOTCONN", "ENOENT", "EPIPE", "EMSGSIZE"] as const).map((name) => [
    constants.errno[name],
    name,
  ]),
);
const DATAGRAM = Buffer.from(`1:misp:${EVENT}`);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Sender {
  /** `sent`, or errno's name. */
  send(datagram?: Buffer): string;
  connect(): string;
}

function sender(t: TestContext, path: string): Sender {
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  t.after(() => libc.close(fd));
  const named = (result: number) => (result < 0 ? (NAMES.get(libc.errno()) ?? "?") : "sent");
  const made: Sender = {
    send: (datagram = DATAGRAM) => named(libc.send(fd, datagram, datagram.length, MSG_DONTWAIT_NOSIGNAL)),
    connect: () => {
      const address = unixAddress(path);
      return named(libc.connect(fd, address.bytes, address.length));
    },
  };
  made.connect();
  return made;
}

async function sendAll(client: Sender, count: number): Promise<void> {
  for (let sent = 0; sent < count; ) {
    const result = client.send();
    if (result === "sent") sent += 1;
    else if (result === "EAGAIN") await pause(1);
    else assert.fail(result);
  }
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await pause(5);
}

const rig = async (t: TestContext): Promise<{ sim: WazuhSim; client: Sender }> => {
  const sim = await createWazuhSim({ t, rules: MISP_RULES });
  return { sim, client: sender(t, sim.paths.queueSocket) };
};

test("a datagram on the socket becomes an alert", async (t) => {
  const { sim, client } = await rig(t);
  assert.equal(client.send(), "sent");
  const [alert] = await sim.waitForAlerts((all) => all.length === 1);
  assert.equal(alert.data.misp.value, "8.8.8.8");
});

test("a datagram that is too long for the engine is taken by the kernel, and lost in silence", async (t) => {
  const { sim, client } = await rig(t);
  const long = Buffer.from(`1:misp:${EVENT.replace("8.8.8.8", "x".repeat(100_000))}`);
  assert.equal(client.send(long), "sent");
  assert.equal(client.send(), "sent");
  await sim.waitForAlerts((all) => all.length === 1);
  assert.equal(sim.counters.eventsReceived, 2);
});

test("only far above that the kernel refuses: EMSGSIZE", async (t) => {
  const { client } = await rig(t);
  assert.equal(client.send(Buffer.alloc(1 << 20, "x")), "EMSGSIZE");
});

test("down: ECONNREFUSED, and the file stays", async (t) => {
  const { sim } = await rig(t);
  await sim.stop();
  assert.ok(statSync(sim.paths.queueSocket).isSocket());
  const client = sender(t, sim.paths.queueSocket);
  assert.equal(client.connect(), "ECONNREFUSED");
});

test("after its restart a connected socket is told, then gives ENOTCONN until it connects again", async (t) => {
  const { sim, client } = await rig(t);
  assert.equal(client.send(), "sent");
  await sim.restart();
  assert.equal(client.send(), "ECONNREFUSED");
  assert.equal(client.send(), "ENOTCONN");
  assert.equal(client.connect(), "sent");
  assert.equal(client.send(), "sent");
  await sim.waitForAlerts((all) => all.length === 2);
});

test("without the file: ENOENT", async (t) => {
  const { sim } = await rig(t);
  await sim.stop({ removeSockets: true });
  assert.equal(existsSync(sim.paths.queueSocket), false);
  assert.equal(sender(t, sim.paths.queueSocket).connect(), "ENOENT");
});

test("stalled: the kernel's short queue fills, EAGAIN; nothing is lost", async (t) => {
  const { sim, client } = await rig(t);
  sim.stallInput();
  await pause(30);
  let sent = 0;
  while (client.send() === "sent") sent += 1;
  assert.equal(client.send(), "EAGAIN");
  assert.ok(sent > 0 && sent < 1000, String(sent));
  sim.resumeInput();
  await sim.waitForAlerts((all) => all.length === sent);
});

test("the inner queue drops what it has no room for, counts it and says so once; the sender sees nothing", async (t) => {
  const { sim, client } = await rig(t);
  sim.stallEngine();
  sim.innerQueue = 20;
  await sendAll(client, 100);
  await until(() => sim.counters.eventsReceived === 100);
  assert.equal(sim.counters.eventsDropped, 80);
  sim.resumeEngine();
  await sim.waitForAlerts((all) => all.length === 20);
  sim.flush();
  assert.match(readFileSync(sim.paths.analysisState, "utf8"), /^events_dropped='80'$/m);
  assert.equal(readFileSync(sim.paths.ossecLog, "utf8").match(/Input queue is full/g)?.length, 1);
});

test("a slow engine below the sender's pace drops, above it does not", async (t) => {
  const { sim, client } = await rig(t);
  sim.innerQueue = 50;
  sim.eventsPerSecond = 20;
  await sendAll(client, 300);
  await until(() => sim.counters.eventsReceived === 300);
  assert.ok(sim.counters.eventsDropped > 0);
  const dropped = sim.counters.eventsDropped;
  sim.eventsPerSecond = undefined;
  await sim.waitForAlerts((all) => all.length === 300 - dropped);
  sim.innerQueue = 16_384;
  await sendAll(client, 300);
  await sim.waitForAlerts((all) => all.length === 600 - dropped);
});

test("the counters begin anew with the process", async (t) => {
  const { sim, client } = await rig(t);
  client.send();
  await sim.waitForAlerts((all) => all.length === 1);
  await sim.restart();
  assert.equal(sim.counters.eventsReceived, 0);
});

test("an orderly stop handles what it accepted; a kill loses what was not flushed", async (t) => {
  const orderly = await createWazuhSim({ t, rules: MISP_RULES, flushMs: 3_600_000 });
  sender(t, orderly.paths.queueSocket).send();
  await orderly.stop();
  assert.equal(orderly.alerts().length, 1);
  const killed = await createWazuhSim({ t, rules: MISP_RULES, flushMs: 3_600_000 });
  sender(t, killed.paths.queueSocket).send();
  await until(() => killed.counters.alertsWritten === 1);
  await killed.stop({ kill: true });
  assert.deepEqual(killed.alerts(), []);
});

test("a killed daemon's backlog is lost", async (t) => {
  const { sim, client } = await rig(t);
  sim.stallEngine();
  await sendAll(client, 5);
  await until(() => sim.backlog === 5);
  assert.equal(await sim.restart({ kill: true }), true);
  sim.flush();
  assert.deepEqual(sim.alerts(), []);
});

test("with rules that do not load the daemon does not start", async (t) => {
  const { sim } = await rig(t);
  writeFileSync(join(sim.paths.localRules, "broken.xml"), "<group name='x'>");
  assert.equal(await sim.restart(), false);
  assert.equal(sim.running, false);
  assert.match(
    readFileSync(sim.paths.ossecLog, "utf8"),
    /CRITICAL: \(1220\): Error loading the rules: 'etc\/rules\/broken.xml'/,
  );
  assert.equal(sender(t, sim.paths.queueSocket).connect(), "ECONNREFUSED");
});
