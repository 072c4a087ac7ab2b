import assert from "node:assert/strict";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { TiplineError } from "../../../src/lib/errors.ts";
import { type ControlHandler, callControl, serveControl } from "../../../src/store/control.ts";
import { asNobody } from "../../support/nobody.ts";
import { tempDir } from "../../support/temp.ts";

async function serve(t: TestContext, dir: string, handlers: Record<string, ControlHandler>) {
  const server = await serveControl(dir, handlers);
  t.after(() => server.close());
  return server;
}

test("a call reaches its handler and brings the result back", async (t) => {
  const dir = tempDir(t);
  await serve(t, dir, { echo: async (args) => ({ got: args }), nothing: () => null });
  assert.deepEqual(await callControl(dir, "echo", { a: ["ü", "x".repeat(500_000)] }), {
    got: { a: ["ü", "x".repeat(500_000)] },
  });
  assert.equal(await callControl(dir, "nothing", null), null);
  assert.equal(statSync(join(dir, "control.sock")).mode & 0o777, 0o600);
});

test("nobody runs: undefined, also with a socket left behind or without a folder", async (t) => {
  const dir = tempDir(t);
  assert.equal(await callControl(dir, "echo", null), undefined);
  assert.equal(await callControl(join(dir, "absent"), "echo", null), undefined);
  assert.equal(await callControl(join(dir, "d".repeat(120)), "echo", null), undefined);
  const server = await serveControl(dir, {});
  await server.close();
  assert.equal(await callControl(dir, "echo", null), undefined);
});

test("a socket that is not for this user is no absence: what to do is said", async (t) => {
  const dir = tempDir(t);
  await serve(t, dir, { ping: () => "pong" });
  let asked: Promise<unknown> = Promise.resolve();
  asNobody(dir, () => {
    asked = callControl(dir, "ping", null);
    asked.catch(() => undefined);
  });
  await assert.rejects(asked, { code: "TIP_INPUT_INVALID", message: /^a Tipline runs on .*: run this as the user/ });
  assert.equal(await callControl(dir, "ping", null), "pong");
});

test("a socket left by a killed process is replaced", async (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, "control.sock"), "");
  await serve(t, dir, { ping: () => "pong" });
  assert.equal(await callControl(dir, "ping", null), "pong");
});

test("errors of the handler come back with their code, others without their inside", async (t) => {
  const dir = tempDir(t);
  await serve(t, dir, {
    refuse: () => {
      throw new TiplineError("TIP_USAGE_INVALID", "expected a reason, got none");
    },
    fail: () => Promise.reject(new Error("broken")),
  });
  await assert.rejects(callControl(dir, "refuse", null), { code: "TIP_USAGE_INVALID", message: /expected a reason/ });
  await assert.rejects(callControl(dir, "fail", null), { code: "TIP_INTERNAL", message: "broken" });
  for (const name of ["unknown", "__proto__", "constructor", "toString"])
    await assert.rejects(callControl(dir, name, null), { code: "TIP_USAGE_INVALID", message: /refuse, fail/ });
});

test("hostile requests are refused and the server goes on", async (t) => {
  const dir = tempDir(t);
  await serve(t, dir, { ping: () => "pong" });
  const say = (bytes: string | Buffer) =>
    new Promise<string>((resolve) => {
      const socket = connect(join(dir, "control.sock"), () => socket.end(bytes));
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      socket.on("error", () => resolve(answer));
      socket.on("close", () => resolve(answer));
    });
  for (const request of [
    "not json\n",
    "[]\n",
    "null\n",
    '{"name":7}\n',
    "{\n",
    "",
    "half a line",
    Buffer.alloc(2_000_000, 97),
  ]) {
    const answer = await say(request);
    if (answer !== "") assert.equal(JSON.parse(answer).ok, false);
  }
  assert.equal(await callControl(dir, "ping", null), "pong");
});

test("a request that is too long and an answer that takes too long are clear errors", async (t) => {
  const dir = tempDir(t);
  await serve(t, dir, {
    hang: (_, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(null))),
  });
  await assert.rejects(callControl(dir, "hang", "x".repeat(5_000_000)), { code: "TIP_USAGE_INVALID" });
  await assert.rejects(callControl(dir, "hang", null, { timeoutMs: 50 }), { code: "TIP_INTERNAL", message: /50 ms/ });
});

test("a folder whose path is too long for a socket works through the open folder", async (t) => {
  const dir = join(tempDir(t), "d".repeat(150));
  mkdirSync(dir);
  if (process.platform !== "linux") {
    await assert.rejects(serveControl(dir, {}), { code: "TIP_CONFIG_INVALID" });
    return;
  }
  await serve(t, dir, { ping: () => "pong" });
  assert.equal(await callControl(dir, "ping", null), "pong");
  assert.equal(statSync(join(dir, "control.sock")).mode & 0o777, 0o600);
});

test("closing tells a handler under way to stop and waits until it has", async (t) => {
  const dir = tempDir(t);
  const said: string[] = [];
  let begun: () => void = () => undefined;
  const started = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const server = await serveControl(dir, {
    async slow(_, signal) {
      begun();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      await new Promise((resolve) => setTimeout(resolve, 20));
      said.push("handler ended");
      return null;
    },
  });
  const call = callControl(dir, "slow", null).catch(() => undefined);
  await started;
  await server.close();
  said.push("closed");
  await call;
  assert.deepEqual(said, ["handler ended", "closed"]);
});
