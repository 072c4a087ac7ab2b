import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { mapConcurrent } from "../../../src/lib/concurrent.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { readBounded } from "../../../src/lib/read-bounded.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { secretFrom } from "../../../src/lib/secret-schema.ts";
import { httpUrl } from "../../../src/lib/url-schema.ts";
import { tempDir } from "../../support/temp.ts";

const isInvalid = (error: unknown) => error instanceof TiplineError && error.code === "TIP_FEED_INVALID";

test("reads plain and packed files, and no more than the limit of either", async (t) => {
  const dir = tempDir(t);
  const file = (name: string, content: Buffer) => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  const text = Buffer.alloc(5000, "a");
  assert.deepEqual(await readBounded(file("plain", text), 5000), text);
  assert.deepEqual(await readBounded(file("packed", gzipSync(text)), 5000), text);
  for (const bad of [
    file("a", Buffer.alloc(5001)),
    file("b", gzipSync(Buffer.alloc(5001))),
    file("c", gzipSync(text).subarray(0, 20)),
    dir,
    join(dir, "absent"),
  ])
    await assert.rejects(readBounded(bad, 5000), isInvalid, bad);
});

test("concurrent work comes out in order, never more than the limit at once, and a failure when its turn comes", async () => {
  let running = 0;
  let most = 0;
  const work = async (n: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (n === 7) throw new Error("seven");
    return n;
  };
  const found: number[] = [];
  await assert.rejects(async () => {
    for await (const n of mapConcurrent([1, 2, 3, 4, 5, 6, 7, 8, 9], 3, work)) found.push(n);
  }, /seven/);
  assert.deepEqual(found, [1, 2, 3, 4, 5, 6]);
  assert.ok(most <= 3);
});

test("secrets come from a file of one line, and are never in a message", (t) => {
  const file = join(tempDir(t), "key");
  for (const [content, expected] of [
    ["s3cret\n", "s3cret"],
    ["  s3cret", "s3cret"],
  ] as const) {
    writeFileSync(file, content);
    assert.equal(secretFrom(file, undefined)?.reveal(), expected);
  }
  for (const content of ["", "\n", "s3cret\nother", "s3cret".repeat(20_000)]) {
    writeFileSync(file, content);
    assert.throws(
      () => secretFrom(file, undefined),
      (error) => error instanceof TiplineError && error.code === "TIP_CONFIG_INVALID" && !/s3cret/.test(error.message),
    );
  }
  const given = new Secret("x");
  assert.equal(secretFrom(undefined, given), given);
});

test("a URL is http or https and holds no credentials", () => {
  for (const good of ["https://misp.example", "http://127.0.0.1:8080/misp/"])
    assert.equal(httpUrl("x").safeParse(good).success, true);
  for (const bad of ["ftp://x.example", "misp.example", "https://u:p@misp.example", "https://u@misp.example", ""])
    assert.equal(httpUrl("x").safeParse(bad).success, false, bad);
});
