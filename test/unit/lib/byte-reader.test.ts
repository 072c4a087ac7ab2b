import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { constants, deflateRawSync, gzipSync } from "node:zlib";
import { PackedReader } from "../../../src/lib/byte-reader.ts";
import { tempDir } from "../../support/temp.ts";

test("a damaged packed file gives all that is before the damage, then throws, wherever the damage is", async (t) => {
  const path = join(tempDir(t), "damaged.gz");
  const header = gzipSync("").subarray(0, 10);
  for (const bytes of [10, 5_000, 3_000_000]) {
    const content = Buffer.from(randomBytes(bytes / 2).toString("hex"));
    const whole = gzipSync(content);
    const wrongSum = Buffer.from(whole);
    wrongSum.writeUInt8(wrongSum.readUInt8(wrongSum.length - 8) ^ 1, wrongSum.length - 8);
    // A block of a kind that there is not.
    const badBlock = Buffer.concat([
      header,
      deflateRawSync(content, { finishFlush: constants.Z_SYNC_FLUSH }),
      Buffer.from([7, 7, 7, 7]),
      randomBytes(4_000),
    ]);
    for (const damaged of [Buffer.concat([whole, Buffer.from("not packed")]), wrongSum, badBlock]) {
      writeFileSync(path, damaged);
      const reader = await PackedReader.open(path);
      const found: Buffer[] = [];
      const all = async () => {
        for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) found.push(chunk);
      };
      await assert.rejects(all(), { code: "Z_DATA_ERROR" });
      assert.ok(Buffer.concat(found).equals(content), `${Buffer.concat(found).length} of ${content.length} bytes`);
      assert.equal(reader.position, content.length);
      await reader.close();
    }
  }
});
