import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { TcpIntake, type TcpIntakeOptions } from "../../src/clients/tcp-intake.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { parseListenAddress } from "../../src/lib/http-front-listen.ts";
import { silentLog } from "../../src/lib/log.ts";
import tcp from "../../src/sources/tcp.ts";
import { tlsFixture } from "../support/http-server.ts";
import { until } from "../support/pipeline.ts";
import { SourceRun } from "../support/source-run.ts";

const context = { name: "raw", log: silentLog, clock: systemClock, cacheDir: "" };

async function rig(t: TestContext, over: Partial<TcpIntakeOptions> = {}) {
  const intake = new TcpIntake({
    address: parseListenAddress("127.0.0.1:0", "listen"),
    owner: "sources.raw",
    maxConnections: 8,
    clock: systemClock,
    log: silentLog,
    ...over,
  });
  const run = new SourceRun({ read: (_, signal) => intake.read(signal), lag: () => intake.lag() });
  t.after(() => run.stop());
  await until("a port", () => intake.port !== undefined);
  const open = () => {
    const socket = connect(intake.port as number, "127.0.0.1").on("error", () => undefined);
    t.after(() => socket.destroy());
    return socket;
  };
  return { intake, run, open };
}

/** Also when it was closed before somebody asked. */
const closed = (socket: Socket) =>
  new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve()).resume()));

test("the last line counts without its end when it is whole; torn, it is a rejected record with where it came from", async (t) => {
  const { run, open } = await rig(t);
  open().end('{"id":"1"}\n{"id":"2"}');
  await run.until("two lines", () => run.lines.length === 2);
  open().end('{"id":"3"}\n{"id":');
  await run.until("the torn one", () => run.rejected.length === 1);
  assert.deepEqual(run.lines, ['{"id":"1"}', '{"id":"2"}', '{"id":"3"}']);
  assert.match(run.rejected[0]?.origin ?? "", /^tcp 127\.0\.0\.1:\d+:11$/);
  const torn = open();
  torn.write('{"id":"4"}\n{"reset":');
  await run.until("the fourth", () => run.lines.length === 4);
  torn.resetAndDestroy();
  await run.until("the reset one", () => run.rejected.length === 2);
});

test("a client that half-closes has all it sent taken", async (t) => {
  const { run, open } = await rig(t);
  const socket = open();
  const lines = Array.from({ length: 5_000 }, (_, n) => `{"id":"${n}","pad":"${"p".repeat(200)}"}`);
  socket.end(`${lines.join("\n")}\n`);
  await run.until("all lines", () => run.lines.length === lines.length);
  assert.deepEqual(run.lines, lines);
  await closed(socket);
});

test("Fluent Bit's records are the lines inside", async (t) => {
  const { run, open } = await rig(t);
  open().end('{"date":1795296565.147436,"log":"{\\"id\\":\\"1\\",\\"t\\":\\"\\u00fc\\"}"}\n');
  await run.until("a line", () => run.lines.length === 1);
  assert.deepEqual(run.lines, ['{"id":"1","t":"ü"}']);
});

test("nothing is read while nothing is taken: the client waits, and what waits is bounded", async (t) => {
  const { intake } = await rig(t);
  let taken = 0;
  let go: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  const slow = new TcpIntake({
    address: parseListenAddress("127.0.0.1:0", "listen"),
    owner: "sources.slow",
    maxConnections: 8,
    clock: systemClock,
    log: silentLog,
  });
  const abort = new AbortController();
  const reading = (async () => {
    for await (const { records } of slow.read(abort.signal)) {
      if (taken === 0) await held;
      taken += records.length;
    }
  })();
  await until("a port", () => slow.port !== undefined && intake.port !== undefined);
  const line = `{"pad":"${"p".repeat(10_000)}"}\n`;
  const clients = [1, 2, 3].map(() => connect(slow.port as number, "127.0.0.1"));
  for (const client of clients) client.write(line.repeat(1_500));
  await until("a full house", () => slow.lag().bytes >= 4 * 1024 * 1024);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(slow.lag().bytes < 4 * 1024 * 1024 + 3 * 65_536 + 10_020, `${slow.lag().bytes}`);
  go();
  await until("all of it", () => taken === 4_500);
  for (const client of clients) client.destroy();
  abort.abort();
  await reading;
});

test("what arrived before a stop is handed on", async (t) => {
  const { run, open } = await rig(t);
  const socket = open();
  socket.write('{"id":"1"}\n');
  await run.until("a line", () => run.lines.length === 1);
  const sent = new Promise((resolve) => socket.write('{"id":"2"}\n', resolve));
  await sent;
  await run.stop();
  assert.deepEqual(run.lines, ['{"id":"1"}', '{"id":"2"}']);
});

test("more connections than allowed, and addresses that are not, are closed", async (t) => {
  const { BlockList } = await import("node:net");
  const allowFrom = new BlockList();
  allowFrom.addSubnet("10.0.0.0", 8, "ipv4");
  const { open: openForeign } = await rig(t, { allowFrom });
  await closed(openForeign());
  const { run, open } = await rig(t, { maxConnections: 2 });
  const kept = [open(), open()];
  await Promise.all(kept.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  await closed(open());
  kept[0]?.write('{"id":"1"}\n');
  await run.until("a line", () => run.lines.length === 1);
});

test("TLS: a client without a certificate, with another's, or without TLS gets nothing in", async (t) => {
  const tls = {
    cert_file: tlsFixture("server.pem"),
    key_file: tlsFixture("server.key"),
    client_ca_file: tlsFixture("client-ca.pem"),
  };
  const { intake, run, open } = await rig(t, { tls });
  const dial = (name?: "client" | "server") =>
    connectTls({
      port: intake.port as number,
      host: "127.0.0.1",
      ca: readFileSync(tlsFixture("ca.pem")),
      ...(name === undefined
        ? {}
        : { cert: readFileSync(tlsFixture(`${name}.pem`)), key: readFileSync(tlsFixture(`${name}.key`)) }),
    }).on("error", () => undefined);
  const turnedAway = [dial(), dial("server"), open()].map((socket) => {
    socket.write('{"id":"no"}\n');
    return closed(socket);
  });
  await Promise.all(turnedAway);
  dial("client").end('{"id":"yes"}\n');
  await run.until("a line", () => run.lines.length === 1);
  assert.deepEqual(run.lines, ['{"id":"yes"}']);
});

test("a port that is taken is a trouble until it is free", async (t) => {
  const { intake: first, run } = await rig(t);
  const second = await tcp.create(tcp.config.parse({ listen: `127.0.0.1:${first.port}` }), context);
  const waiting = new SourceRun(second);
  t.after(() => waiting.stop());
  await until("a trouble", () => second.lag?.().trouble !== undefined);
  assert.match(second.lag?.().trouble ?? "", /cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
  await run.stop();
  await until("no trouble", () => second.lag?.().trouble === undefined);
});

test("beyond loopback it wants client certificates or allow_from", () => {
  const make = (settings: object) => () => tcp.create(tcp.config.parse(settings), context);
  assert.throws(make({ listen: "0.0.0.0:9629" }), { code: "TIP_CONFIG_INVALID", message: /allow_from/ });
  assert.doesNotThrow(make({ listen: "0.0.0.0:9629", allow_from: ["10.0.0.0/8", "fd00::/8", "192.0.2.1"] }));
  assert.throws(() => tcp.config.parse({ allow_from: ["10.0.0.0/33"] }));
  assert.throws(make({ tls: { cert_file: "/nowhere.pem", key_file: tlsFixture("server.key") } }), {
    message: /sources\.raw\.tls\.cert_file/,
  });
  assert.throws(make({ tls: { cert_file: tlsFixture("server.pem"), key_file: tlsFixture("client.key") } }), {
    code: "TIP_CONFIG_INVALID",
  });
});

test("lines of one byte do not fill the memory: their number is bounded as well as their bytes", async (t) => {
  const intake = new TcpIntake({
    address: parseListenAddress("127.0.0.1:0", "listen"),
    owner: "sources.flood",
    maxConnections: 8,
    clock: systemClock,
    log: silentLog,
  });
  const abort = new AbortController();
  const reading = intake.read(abort.signal);
  const first = reading.next();
  await until("a port", () => intake.port !== undefined);
  const client = connect(intake.port as number, "127.0.0.1").on("error", () => undefined);
  t.after(() => client.destroy());
  client.write("1\n".repeat(1_000_000));
  await first;
  await until("a full house", () => intake.lag().bytes >= 20_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(intake.lag().bytes < 20_000 + 65_536, `${intake.lag().bytes}`);
  await reading.return();
});
