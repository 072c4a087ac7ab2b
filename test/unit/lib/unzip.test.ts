import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TiplineError } from "../../../src/lib/errors.ts";
import { unpacked } from "../../../src/lib/read-bounded.ts";
import { isZip } from "../../../src/lib/unzip.ts";
import { type ZipEntry, zipOf } from "../../support/zip.ts";

const read = async (entries: readonly ZipEntry[], wanted?: string, maxBytes = 1_000_000) =>
  (await unpacked(zipOf(entries), "feed.zip", maxBytes, wanted)).toString();

const refused = (zip: Buffer | readonly ZipEntry[], says: RegExp, maxBytes = 1_000_000, wanted?: string) =>
  assert.rejects(
    unpacked(Buffer.isBuffer(zip) ? zip : zipOf(zip), "feed.zip", maxBytes, wanted),
    (error) => error instanceof TiplineError && error.code === "TIP_FEED_INVALID" && says.test(error.message),
  );

test("the only entry, the first text entry, or the named one; folders and paths do not matter", async () => {
  assert.equal(await read([{ name: "a.bin", content: "x" }]), "x");
  const several = [
    { name: "folder/", content: "" },
    { name: "folder/readme.pdf", content: "no" },
    { name: "../../etc/csv.txt", content: "first" },
    { name: "C:\\x\\other.csv", content: "other" },
    { name: "/abs.json", content: "{}", stored: true },
  ];
  assert.equal(await read(several), "first");
  assert.equal(await read(several, "other.csv"), "other");
  assert.equal(await read(several, "abs.json"), "{}");
  await refused(several, /expected "none.csv".*found "readme.pdf", "csv.txt"/, 1000, "none.csv");
});

test("encrypted, empty, too large, too many, damaged and cut archives are refused and say why", async () => {
  const one = { name: "a.csv", content: "1.2.3.4\n".repeat(500) };
  await refused([{ ...one, encrypted: true }], /encrypted/);
  await refused([], /found no file/);
  await refused([one], /larger than the limit of 300 bytes/, 300);
  await refused(
    Array.from({ length: 1001 }, (_, n) => ({ name: `${n}.txt`, content: "" })),
    /at most 1000 entries/,
  );
  await refused([{ ...one, method: 12 }], /method that is not known/);
  await refused([{ ...one, crc: 1 }], /checksum/);
  await refused([{ ...one, claims: 10 }], /whole|larger/);
  const zip = zipOf([one]);
  await refused(zip.subarray(0, zip.length - 10), /not a whole zip/);
  await refused(Buffer.concat([zip.subarray(0, 40), Buffer.alloc(30), zip.subarray(70)]), /feed\.zip/);
});

test("a bomb is refused before it is unpacked", async () => {
  const bomb = { name: "a.txt", content: Buffer.alloc(50_000_000) };
  await refused([bomb], /zip bomb/, 100_000_000);
  // An archive that lies about the size stops where it said it would.
  await refused([{ ...bomb, claims: 1000 }], /feed\.zip/, 100_000_000);
});

test("any bytes behind the magic number are an archive or an error, never a crash", async () => {
  const zip = zipOf([{ name: "a.csv", content: "198.51.100.7\n".repeat(20) }]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(zip.length - 1), fc.nat(255)), { maxLength: 6 }), async (edits) => {
      const bytes = Buffer.from(zip);
      for (const [at, byte] of edits) if (at > 3) bytes[at] = byte;
      assert.ok(isZip(bytes));
      await unpacked(bytes, "feed.zip", 10_000).then(
        (content) => assert.ok(content.length <= 10_000),
        (error) => assert.ok(error instanceof TiplineError, String(error)),
      );
    }),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 300) },
  );
});
