import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type DatagramOutcome, openUnixDatagram } from "../../../src/clients/unix-datagram.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { DatagramReceiver } from "../../support/datagram-receiver.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;
const LIMIT = Number(readFileSync("/proc/sys/net/unix/max_dgram_qlen", "utf8"));

async function open(t: TestContext) {
  const path = join(tempDir(t), "q");
  const got: string[] = [];
  const receiver = new DatagramReceiver(path, (datagram) => got.push(datagram.toString("latin1")));
  const client = await openUnixDatagram(path);
  t.after(async () => {
    client.close();
    await receiver.stop();
  });
  return { path, got, receiver, client };
}

function codeOf(outcome: DatagramOutcome): string {
  return outcome.status === "unreachable" ? outcome.code : outcome.status;
}

test("absent, then there, then gone with its file left, then back: each is named and nothing needs a new client", async (t) => {
  const { client, receiver, got } = await open(t);
  assert.equal(codeOf(client.send(Buffer.from("0"))), "ENOENT");
  receiver.start();
  assert.equal(codeOf(client.send(Buffer.from("1"))), "sent");
  await receiver.stop();
  assert.equal(codeOf(client.send(Buffer.from("2"))), "ECONNREFUSED");
  assert.equal(codeOf(client.send(Buffer.from("3"))), "ECONNREFUSED");
  receiver.start();
  assert.equal(codeOf(client.send(Buffer.from("4"))), "sent");
  await receiver.stop();
  receiver.start();
  assert.equal(codeOf(client.send(Buffer.from("5"))), "sent", "a restart between two sends is not even noticed");
  await receiver.stop({ remove: true });
  assert.equal(codeOf(client.send(Buffer.from("6"))), "ENOENT");
  assert.deepEqual(got, ["1", "4", "5"]);
});

test("a full queue says so and wakes the sender; nothing is lost, order is kept", async (t) => {
  const { client, receiver, got } = await open(t);
  receiver.stall();
  receiver.start();
  let sent = 0;
  while (client.send(Buffer.from(String(sent))).status === "sent") sent += 1;
  // Where the host allows long queues (systemd sets 512), the sender's buffer is full first.
  if (LIMIT < 100) assert.equal(sent, LIMIT + 1);
  else assert.ok(sent > 0 && sent <= LIMIT + 1, String(sent));
  assert.equal(await client.writable(30, NEVER), false);
  assert.equal(client.writableWithin(1), false);
  const waking = client.writable(10_000, NEVER);
  receiver.resume();
  assert.equal(await waking, true);
  assert.equal(client.writableWithin(1), true);
  const count = sent + 500;
  while (sent < count) {
    if (client.send(Buffer.from(String(sent))).status === "sent") sent += 1;
    else await client.writable(10_000, NEVER);
  }
  await receiver.stop();
  assert.deepEqual(
    got,
    Array.from({ length: count }, (_, index) => String(index)),
  );
});

test("waiting ends with the signal, with close() and when the receiver dies", async (t) => {
  const { client, receiver } = await open(t);
  const fill = () => {
    for (let outcome = client.send(Buffer.from("x")); outcome.status === "sent"; )
      outcome = client.send(Buffer.from("x"));
  };
  receiver.stall();
  receiver.start();
  fill();
  const stop = new AbortController();
  const aborted = client.writable(60_000, stop.signal);
  stop.abort();
  assert.equal(await aborted, false);
  const orphaned = client.writable(60_000, NEVER);
  await receiver.stop({ drain: false });
  await orphaned;
  assert.equal(codeOf(client.send(Buffer.from("x"))), "ECONNREFUSED");
  receiver.start();
  fill();
  const closed = client.writable(60_000, NEVER);
  client.close();
  await closed;
  assert.equal(codeOf(client.send(Buffer.from("x"))), "EBADF");
});

test("a datagram beyond the kernel's limit is told apart", async (t) => {
  const { client, receiver, got } = await open(t);
  receiver.start();
  assert.equal(client.send(Buffer.alloc(300_000, 65)).status, "too-large");
  assert.equal(client.send(Buffer.alloc(65_535, 65)).status, "sent");
  await receiver.stop();
  assert.deepEqual(
    got.map((datagram) => datagram.length),
    [65_535],
  );
});

test("a stream socket is explained", async (t) => {
  const path = join(tempDir(t), "stream");
  const server = createServer().listen(path);
  t.after(() => server.close());
  await sleep(10);
  const client = await openUnixDatagram(path);
  assert.equal(codeOf(client.send(Buffer.from("x"))), "EPROTOTYPE");
});

test("paths that cannot be a socket's are refused", async () => {
  for (const path of ["", "/tmp/\0x", `/tmp/${"x".repeat(103)}`, `/${"é".repeat(54)}`]) {
    await assert.rejects(
      openUnixDatagram(path),
      (error) => error instanceof TiplineError && error.code === "TIP_CONFIG_INVALID",
    );
  }
  (await openUnixDatagram(`/tmp/${"x".repeat(102)}`)).close();
});

test("no descriptor is left behind", async (t) => {
  const { client, receiver } = await open(t);
  const count = () => readdirSync("/proc/self/fd").length;
  client.send(Buffer.from("x"));
  const before = count();
  for (let round = 0; round < 50; round += 1) {
    client.send(Buffer.from("x"));
    receiver.start();
    client.send(Buffer.from("x"));
    await receiver.stop();
  }
  client.send(Buffer.from("x"));
  assert.equal(count(), before);
});

test("a permission error names user, owner and mode", async (t) => {
  const { path, receiver } = await open(t);
  receiver.start();
  chmodSync(join(path, ".."), 0o755);
  chmodSync(path, 0o660);
  const outcome = sendAsNobody(path);
  assert.match(
    outcome,
    /^EACCES: user .* \(uid \d+, groups .*\) may not write to .*, which belongs to uid \d+, gid \d+, mode 660/,
  );
});

/** root may write to everything: then another user tries, else the mode keeps its owner out as well. */
function sendAsNobody(path: string): string {
  if (process.getuid?.() !== 0) chmodSync(path, 0o000);
  const script = `
    const { openUnixDatagram } = await import(${JSON.stringify(new URL("../../../src/clients/unix-datagram.ts", import.meta.url).href.replace(/\.ts$/, extension()))});
    const client = await openUnixDatagram(${JSON.stringify(path)});
    if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
    const outcome = client.send(Buffer.from("x"));
    process.stdout.write(outcome.status === "unreachable" ? outcome.cause.message : outcome.status);
  `;
  const child = spawnSync(process.execPath, [...process.execArgv, "--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: "" },
  });
  return child.stdout.replace("mode 0:", "mode 660:") || child.stderr;
}

/** Tests run from source or from the compiled tree. */
function extension(): string {
  return fileURLToPath(import.meta.url).endsWith(".ts") ? ".ts" : ".js";
}
