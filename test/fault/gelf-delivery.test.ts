import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { tlsSettings } from "../../src/clients/http-dispatcher.ts";
import { createLineSocket, type LineSocket, type LineSocketOptions } from "../../src/clients/line-socket.ts";
import type { Frame } from "../../src/clients/line-unproven.ts";
import { silentLog } from "../../src/lib/log.ts";
import { fastClock } from "../support/fake-clocks.ts";
import { TcpInput, type TcpInputOptions } from "../support/gelf-sim/tcp-input.ts";
import { tlsFixture } from "../support/http-server.ts";

const NEVER = new AbortController().signal;
const frames = (from: number, count: number, bytes = 100): Frame[] =>
  Array.from({ length: count }, (_, n) => {
    const key = `f${from + n}`;
    return { key, bytes: Buffer.from(`${key} ${"x".repeat(bytes)}\0`) };
  });
const keys = (list: readonly Frame[]) => list.map(({ key }) => key);
const received = (input: TcpInput) => [...new Set(input.frames.map((frame) => frame.toString().split(" ")[0]))];

interface Rig {
  readonly input: TcpInput;
  readonly socket: LineSocket;
}

async function rig(
  t: TestContext,
  options: Partial<LineSocketOptions> = {},
  inputOptions: TcpInputOptions = {},
): Promise<Rig> {
  const input = await TcpInput.start(t, inputOptions);
  const socket = createLineSocket({
    target: { host: "127.0.0.1", port: input.port },
    timeoutMs: 30_000,
    prove: true,
    clock: fastClock(20),
    log: silentLog,
    ...options,
  });
  t.after(() => socket.close());
  return { input, socket };
}

/** What the pipeline does. */
async function deliver(socket: LineSocket, list: readonly Frame[]): Promise<number> {
  let rest = list;
  for (let attempts = 1; attempts < 500; attempts += 1) {
    const result = await socket.send(rest, NEVER);
    if (result.status === "sent") return attempts;
    rest = rest.slice(result.taken);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.fail("not delivered in 500 attempts");
}

/** The receiver has shown that it reads: from now on the connection stays open. */
async function trusted(rigged: Rig): Promise<Rig> {
  await deliver(rigged.socket, frames(-1, 1));
  await rigged.input.quiet();
  rigged.input.frames.length = 0;
  rigged.input.connections = 0;
  return rigged;
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries += 1) {
    assert.ok(tries < 2_000, "it did not come to that in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The receiver reads for 5 ms in every 60 until `end`. */
function readsNowAndThen(t: TestContext, input: TcpInput): { end(): void } {
  input.stall();
  let pause: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    input.resume();
    pause = setTimeout(() => input.stall(), 5);
  }, 60);
  const stop = () => {
    clearInterval(timer);
    clearTimeout(pause);
  };
  t.after(stop);
  return {
    end() {
      stop();
      input.resume();
    },
  };
}

test("a stream of batches goes over one connection", async (t) => {
  const { input, socket } = await rig(t, { prove: false });
  for (let n = 0; n < 50; n += 1) await deliver(socket, frames(n * 10, 10));
  await input.quiet();
  assert.equal(input.connections, 1);
  assert.deepEqual(received(input), keys(frames(0, 500)));
});

test("a receiver that dies with messages it has not read gets them again when it is back", async (t) => {
  const { input, socket } = await trusted(await rig(t));
  input.stall();
  // Its kernel takes them; the program never reads them.
  assert.equal((await socket.send(frames(0, 20), NEVER)).status, "sent");
  await input.down();
  input.resume();
  await input.up();
  await until(() => input.frames.length >= 20);
  assert.deepEqual(received(input), keys(frames(0, 20)));
  assert.equal(socket.resent, 20);
  await socket.close();
  assert.equal(socket.uncertain, 0);
});

test("what was proven is not sent again", async (t) => {
  const { input, socket } = await trusted(await rig(t));
  await deliver(socket, frames(0, 20));
  await until(() => input.open === 1 && input.frames.length === 20);
  await until(() => input.open === 0);
  await input.down();
  await input.up();
  await deliver(socket, frames(20, 1));
  await input.quiet();
  assert.equal(input.frames.length, 21);
  assert.equal(socket.resent, 0);
});

test("a reset in the middle of a batch loses nothing", async (t) => {
  const { input, socket } = await rig(t);
  input.resetAfter = 64_000;
  const list = frames(0, 60, 4_000);
  const sending = deliver(socket, list);
  await until(() => input.connections > 2);
  input.resetAfter = undefined;
  await sending;
  await socket.close();
  await input.quiet();
  assert.deepEqual(new Set(received(input)), new Set(keys(list)));
  assert.equal(socket.uncertain, 0);
});

test("resets again and again lose nothing", async (t) => {
  const { input, socket } = await trusted(await rig(t));
  const all: Frame[] = [];
  for (let n = 0; n < 40; n += 1) {
    const batch = frames(n * 5, 5, 2_000);
    all.push(...batch);
    if (n % 3 === 1) input.stall();
    await deliver(socket, batch);
    if (n % 3 === 2) {
      input.reset();
      input.resume();
    }
  }
  input.resume();
  await socket.close();
  await input.quiet();
  assert.deepEqual(new Set(received(input)), new Set(keys(all)));
  assert.equal(socket.uncertain, 0);
});

test("a receiver that closes its own side is not written to any more", async (t) => {
  const { input, socket } = await rig(t, { prove: false });
  await deliver(socket, frames(0, 5));
  await input.quiet();
  input.halfClose();
  await input.quiet();
  await deliver(socket, frames(5, 5));
  await input.quiet();
  assert.equal(input.connections, 2);
  assert.deepEqual(received(input), keys(frames(0, 10)));
});

test("a slow receiver slows the sender: it gets everything, once, over one connection", async (t) => {
  const { input, socket } = await rig(t, { timeoutMs: 2_000, prove: false });
  const list = frames(0, 40, 500_000);
  const slow = readsNowAndThen(t, input);
  await deliver(socket, list);
  slow.end();
  await until(() => input.frames.length >= list.length);
  await input.quiet();
  assert.deepEqual(
    input.frames.map((frame) => frame.toString("utf8", 0, 10).split(" ")[0]),
    keys(list),
  );
  assert.equal(input.connections, 1);
});

test("a receiver that takes nothing is given up, with a reason", async (t) => {
  const { input, socket } = await rig(t, { timeoutMs: 2_000 });
  input.stall();
  const list = frames(0, 40, 500_000);
  let rest: readonly Frame[] = list;
  let result = await socket.send(rest, NEVER);
  for (let n = 0; n < 5 && result.status === "retry" && result.taken > 0; n += 1) {
    rest = rest.slice(result.taken);
    result = await socket.send(rest, NEVER);
  }
  assert.equal(result.status, "retry");
  assert.match(result.status === "retry" ? result.cause.message : "", /took nothing for 2 s/);
  input.resume();
  await deliver(socket, rest);
  await socket.close();
  await input.quiet();
  assert.deepEqual(new Set(received(input)), new Set(keys(list)));
});

test("a receiver that never closes its side: its messages are counted as uncertain, and nothing hangs", async (t) => {
  const { input, socket } = await rig(t, { timeoutMs: 1_000, clock: fastClock(3_000) });
  input.silent = true;
  await deliver(socket, frames(0, 7));
  await until(() => socket.uncertain === 7);
  await deliver(socket, frames(7, 3));
  await socket.close();
  assert.equal(socket.uncertain, 10);
  assert.deepEqual(received(input), keys(frames(0, 10)));
});

test("a receiver that hangs and then dies gets everything again when it is back", async (t) => {
  const { input, socket } = await rig(t, { timeoutMs: 2_000, clock: fastClock(20) });
  input.stall();
  await deliver(socket, frames(0, 3));
  await deliver(socket, frames(3, 20));
  await input.down();
  input.resume();
  await input.up();
  await until(() => received(input).length === 23);
  await socket.close();
  assert.equal(socket.uncertain, 0);
});

test("a receiver that hangs and then goes on has read everything once", async (t) => {
  const { input, socket } = await rig(t, { timeoutMs: 2_000, clock: fastClock(20) });
  input.stall();
  await deliver(socket, frames(0, 3));
  await deliver(socket, frames(3, 20));
  input.resume();
  await until(() => input.frames.length === 23);
  await socket.close();
  assert.equal(input.frames.length, 23);
  assert.deepEqual([socket.uncertain, socket.resent], [0, 0]);
});

test("a receiver that is gone at the end: what it had not proven is counted", async (t) => {
  const { input, socket } = await trusted(await rig(t));
  input.stall();
  assert.equal((await socket.send(frames(0, 5), NEVER)).status, "sent");
  await input.down();
  await socket.close();
  assert.equal(socket.uncertain, 5);
});

test("what waits for proof is bounded: a long stream is proven on the way", async (t) => {
  const { input, socket } = await rig(t);
  for (let n = 0; n < 25; n += 1) await deliver(socket, frames(n * 100, 100, 20));
  await socket.close();
  await input.quiet();
  assert.ok(input.connections >= 2, String(input.connections));
  assert.equal(socket.uncertain, 0);
  assert.equal(input.frames.length, 2_500);
});

test("without proof the oldest are let go, and counted", async (t) => {
  const { input, socket } = await rig(t, { prove: false });
  for (let n = 0; n < 15; n += 1) await deliver(socket, frames(n * 100, 100, 20));
  await input.quiet();
  assert.equal(input.connections, 1);
  assert.ok(socket.uncertain > 0 && socket.uncertain <= 1_500);
  await socket.close();
  assert.equal(socket.uncertain, 1_500);
});

for (const [what, tls, expected] of [
  ["an unknown authority", { caFile: tlsFixture("client-ca.pem") }, /ca_file/],
  ["another name", { caFile: tlsFixture("ca.pem") }, /another name/],
] as const)
  test(`a certificate of ${what} is refused, nothing is sent, and it says what to do`, async (t) => {
    const { input, socket } = await rig(t, {}, { tls: true });
    const target = {
      host: "127.0.0.1",
      port: input.port,
      tls: tlsSettings(tls),
      serverName: what === "another name" ? "graylog.example.org" : undefined,
    };
    const wrong = createLineSocket({ target, timeoutMs: 30_000, prove: true, clock: fastClock(20), log: silentLog });
    t.after(() => wrong.close());
    const result = await wrong.send(frames(0, 3), NEVER);
    assert.equal(result.status, "retry");
    if (result.status !== "retry") return;
    assert.equal(result.taken, 0);
    assert.match(result.cause.message, expected);
    assert.match(result.cause.message, /tls:\/\/127\.0\.0\.1/);
    assert.equal(input.frames.length, 0);
    await socket.close();
  });

test("a receiver that wants a client certificate says so", async (t) => {
  const { input } = await rig(t, {}, { tls: true, clientCertificates: true });
  const target = { host: "127.0.0.1", port: input.port, tls: tlsSettings({ caFile: tlsFixture("ca.pem") }) };
  const bare = createLineSocket({ target, timeoutMs: 30_000, prove: true, clock: fastClock(20), log: silentLog });
  t.after(() => bare.close());
  // With TLS 1.3 the refusal comes after the client's first bytes: the close alone shows that nobody read them.
  const result = await bare.send(frames(0, 3), NEVER);
  assert.match(result.status === "retry" ? result.cause.message : "sent", /client certificate/);
  assert.equal(input.frames.length, 0);
});

test("waiting for a proof ends when the signal aborts", async (t) => {
  const told: string[] = [];
  const log = { ...silentLog, info: (text: string) => told.push(text) };
  const { input, socket } = await trusted(await rig(t, { timeoutMs: 600_000, log }));
  const closedBefore = input.ended;
  input.silent = true;
  await deliver(socket, frames(0, 3));
  await until(() => input.ended > closedBefore);
  // The proof has begun, and holds the lock until it is given up, which is told.
  const stop = new AbortController();
  const sending = socket.send(frames(3, 1), stop.signal);
  stop.abort();
  assert.equal((await sending).status, "retry");
  assert.deepEqual(told, []);
  await until(() => told.length > 0);
});
