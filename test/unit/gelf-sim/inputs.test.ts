import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import { ChunkAssembler } from "../../support/gelf-sim/chunks.ts";
import { HttpInput } from "../../support/gelf-sim/http-input.ts";
import { TcpInput } from "../../support/gelf-sim/tcp-input.ts";

const chunk = (id: number, at: number, count: number, text: string) =>
  Buffer.concat([Buffer.from([0x1e, 0x0f, 0, 0, 0, 0, 0, 0, 0, id, at, count]), Buffer.from(text)]);

test("chunks come together in any order", () => {
  const assembler = new ChunkAssembler();
  assert.equal(assembler.take(chunk(1, 1, 2, "b"), 0), undefined);
  assert.equal(String(assembler.take(chunk(1, 0, 2, "a"), 1)), "ab");
});

test("chunks that take longer than five seconds are lost", () => {
  const assembler = new ChunkAssembler();
  assembler.take(chunk(1, 0, 2, "a"), 0);
  assert.equal(assembler.take(chunk(1, 1, 2, "b"), 5_001), undefined);
  assert.deepEqual(assembler.lost, ["1 of 2 chunks within 5 s"]);
});

test("more than 128 chunks are lost", () => {
  const assembler = new ChunkAssembler();
  assert.equal(assembler.take(chunk(1, 0, 129, "a"), 0), undefined);
  assert.equal(assembler.lost.length, 1);
});

test("gzip, zlib and plain text are told apart by their first bytes", () => {
  const assembler = new ChunkAssembler();
  for (const payload of [gzipSync("x"), deflateSync("x"), deflateSync("x", { level: 0 }), Buffer.from("x")])
    assert.equal(String(assembler.take(payload, 0)), "x");
});

test("what is larger than 8 MiB unpacked is cut in silence", () => {
  const unpacked = new ChunkAssembler().take(gzipSync(Buffer.alloc(9 * 1024 * 1024)), 0);
  assert.equal(unpacked?.length, 8 * 1024 * 1024);
});

test("the HTTP input takes POST /gelf alone, bounded, with its header, and answers before it decodes", async (t) => {
  const input = await HttpInput.start(t, { maxBody: 100, header: { name: "x-key", value: "k" } });
  const ask = async (url: string, init: RequestInit) => (await fetch(url, init)).status;
  const headers = { "x-key": "k" };
  assert.equal(await ask(input.url, { method: "POST", headers, body: "no json" }), 202);
  assert.equal(await ask(input.url, { method: "GET", headers }), 405);
  assert.equal(await ask(`${input.url}?a=1`, { method: "POST", headers, body: "x" }), 404);
  assert.equal(await ask(input.url, { method: "POST", body: "x" }), 401);
  assert.equal(await ask(input.url, { method: "POST", headers, body: "x".repeat(101) }), 413);
  assert.equal(
    await ask(input.url, { method: "POST", headers: { ...headers, "content-encoding": "gzip" }, body: gzipSync("y") }),
    202,
  );
  assert.deepEqual(input.frames.map(String), ["no json", "y"]);
});

test("the TCP input cuts at NUL, drops long frames, and takes a last frame without delimiter", async (t) => {
  const input = await TcpInput.start(t, { maxFrame: 10 });
  const socket = connect(input.port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.end(`a\0${"x".repeat(11)}\0b\0c`);
  await input.quiet();
  assert.deepEqual(input.frames.map(String), ["a", "b", "c"]);
  assert.equal(input.dropped, 1);
});
