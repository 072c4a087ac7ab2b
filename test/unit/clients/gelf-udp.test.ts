import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { fitDatagrams, gelfDatagrams, MAX_CHUNKS } from "../../../src/clients/gelf-udp.ts";
import { ChunkAssembler } from "../../support/gelf-sim/chunks.ts";

function assembled(datagrams: readonly Buffer[]): Buffer | undefined {
  const assembler = new ChunkAssembler();
  let message: Buffer | undefined;
  for (const datagram of datagrams) message = assembler.take(datagram, 0) ?? message;
  return message;
}

test("a message that fits is one datagram without a header", () => {
  const payload = Buffer.from("{}");
  assert.deepEqual(gelfDatagrams(payload, 1420), [payload]);
});

test("chunks carry the message, at most 128 of them, none longer than asked for", () => {
  for (const size of [1421, 1408 * 2, 1408 * 128]) {
    const payload = randomBytes(size);
    // Bytes of chance may begin like a compressed message.
    payload[0] = 0x7b;
    const datagrams = gelfDatagrams(payload, 1420) ?? [];
    assert.ok(datagrams.length <= MAX_CHUNKS && datagrams.every(({ length }) => length <= 1420));
    assert.deepEqual(assembled(datagrams), payload);
  }
  assert.equal(gelfDatagrams(Buffer.alloc(1408 * 128 + 1), 1420), undefined);
});

test("a message of too many chunks is asked for again, smaller", () => {
  const asked: number[] = [];
  const write = (maxBytes: number) => {
    asked.push(maxBytes);
    return randomBytes(Math.floor(maxBytes / 2)).toString("hex");
  };
  const datagrams = fitDatagrams(write, { chunkBytes: 512, gzip: true, maxBytes: 400_000 });
  assert.ok(datagrams.length > 1 && datagrams.length <= MAX_CHUNKS);
  assert.deepEqual(asked, [400_000, 200_000, 100_000]);
});
