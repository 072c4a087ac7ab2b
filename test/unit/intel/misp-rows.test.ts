import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type RowBatch, type RowReader, rowReader, type WantedRows } from "../../../src/intel/misp-rows.ts";
import { threadedRowReader } from "../../../src/intel/misp-rows-thread.ts";
import { decodeBatch, encodeBatch } from "../../../src/intel/misp-rows-wire.ts";
import { RemoteError } from "../../../src/lib/remote-error.ts";
import type { EventContext } from "../../../src/model/indicator.ts";

const SLICES = {
  path: ["response", "Attribute"],
  maxElementBytes: 100_000,
  name: "https://misp.test/attributes/restSearch",
};
const NO_FILTERS: WantedRows["filters"] = {
  tags: { include: [], exclude: ["private%"] },
  orgs: { include: [], exclude: [] },
  types: { include: [], exclude: ["md5"] },
  threat_level: "undefined",
  max_tlp: "red",
  max_pap: "red",
};

const uuid = (n: number) => `5b1e0000-0000-4000-8000-${String(n).padStart(12, "0")}`;
const event = (n: number): EventContext => ({ id: String(n), uuid: uuid(n), info: `event ${n}`, tags: ["tlp:green"] });
const wanted: WantedRows = {
  events: new Map([1, 2, 3].map((n) => [String(n), event(n)])),
  feed: "misp",
  toIdsOnly: true,
  filters: NO_FILTERS,
  now: 1_700_000_000_000,
};

const rowArbitrary = fc.record(
  {
    event_id: fc.constantFrom("1", "2", "3", "4"),
    uuid: fc.oneof(fc.nat(50).map(uuid), fc.constantFrom("", "no uuid")),
    type: fc.constantFrom(
      "ip-dst",
      "domain",
      "url",
      "md5",
      "sha256",
      "domain|ip",
      "filename|md5",
      "comment",
      "nonsense",
    ),
    category: fc.constantFrom("Network activity", "Payload delivery", "", "Ünïcode"),
    value: fc.oneof(
      fc.ipV4(),
      fc.domain(),
      fc.webUrl(),
      fc.constantFrom(
        "d41d8cd98f00b204e9800998ecf8427e",
        "Evil[.]Example.COM|5.6.7.8",
        "a.exe|0123456789abcdef0123456789abcdef",
      ),
      fc.string(),
    ),
    to_ids: fc.constantFrom<boolean | string>(true, false, "1", "0"),
    comment: fc.constantFrom("", "seen in the wild", '"quoted" \\ \u2028'),
    timestamp: fc.constantFrom<string | number>("1600000000", 1_600_000_001, ""),
    first_seen: fc.constantFrom<string | null>(null, "2020-01-01T00:00:00+00:00"),
    last_seen: fc.constantFrom<string | null>(null, "1600000002"),
    Tag: fc.constantFrom<readonly { name: string }[]>(
      [],
      [{ name: "tlp:red" }],
      [{ name: "private:x" }, { name: "b" }],
    ),
    deleted: fc.boolean(),
  },
  { requiredKeys: ["event_id", "type", "value", "to_ids"] },
);

async function readAll(reader: RowReader, body: Buffer, chunk: number): Promise<readonly [number, RowBatch[]]> {
  const place = reader.join();
  const answer = reader.open(SLICES, place);
  for (let at = 0; at < body.length; at += chunk) await answer.take(body.subarray(at, at + chunk));
  const rows = await answer.end();
  const batches: RowBatch[] = [];
  for await (const batch of answer.read(wanted)) batches.push(batch);
  place.leave();
  return [rows, batches];
}

test("a batch comes over to another thread as it was", async () => {
  const property = fc.asyncProperty(fc.array(rowArbitrary, { maxLength: 30 }), async (rows) => {
    const [, batches] = await readAll(
      rowReader(),
      Buffer.from(JSON.stringify({ response: { Attribute: rows } })),
      4096,
    );
    const contexts = new Map([...wanted.events.values()].map((context) => [context.uuid, context]));
    for (const batch of batches) assert.deepEqual(decodeBatch(encodeBatch(batch), "misp", contexts), batch);
  });
  await fc.assert(property);
});

describe("a thread of its own", () => {
  test("reads what this thread reads, in the same batches, several answers at a time", async () => {
    const threaded = threadedRowReader();
    try {
      const property = fc.asyncProperty(
        fc.array(fc.array(rowArbitrary, { maxLength: 20 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 3000 }),
        async (answers, chunk) => {
          const bodies = answers.map((rows) => Buffer.from(JSON.stringify({ response: { Attribute: rows } })));
          const here = await Promise.all(bodies.map((body) => readAll(rowReader(), body, chunk)));
          const there = await Promise.all(bodies.map((body) => readAll(threaded, body, chunk)));
          assert.deepEqual(there, here);
          assert.deepEqual(
            here.map(([rows]) => rows),
            answers.map((rows) => rows.length),
          );
        },
      );
      await fc.assert(property, { numRuns: 60 });
    } finally {
      await threaded.close();
    }
  });

  test("an answer that is not what was expected fails alone, with what was found", async () => {
    const threaded = threadedRowReader();
    try {
      const good = Buffer.from(
        `{"response":{"Attribute":[${JSON.stringify({ event_id: "1", type: "ip-dst", value: "5.6.7.8", to_ids: true })}]}}`,
      );
      const [cut, page, broken] = [
        good.subarray(0, -5),
        Buffer.from("<html>"),
        Buffer.from('{"response":{"Attribute":[{"a":}]}}'),
      ];
      const kinds = await Promise.all(
        [cut, page, broken].map((body) => readAll(threaded, body, 7).catch((thrown: unknown) => thrown)),
      );
      assert.deepEqual(
        kinds.map((thrown) => (thrown instanceof RemoteError ? thrown.kind : thrown)),
        ["cut-short", "unexpected", "unexpected"],
      );
      const dropped = threaded.open(SLICES, threaded.join());
      await dropped.take(good);
      dropped.drop();
      assert.equal((await readAll(threaded, good, 7))[0], 1);
    } finally {
      await threaded.close();
    }
  });

  test("answers that wait for their turn hold 8 MiB at most, and the one whose turn it is never waits", async () => {
    const threaded = threadedRowReader();
    try {
      const row = `${JSON.stringify({ event_id: "1", type: "ip-dst", value: "5.6.7.8", to_ids: true, comment: "x".repeat(900) })},`;
      const chunk = Buffer.from(row.repeat(64)).subarray(0, 64 * row.length);
      const places = [threaded.join(), threaded.join(), threaded.join()] as const;
      const [first, ...later] = places.map((place) => threaded.open(SLICES, place));
      for (const answer of [first, ...later]) void answer?.take(Buffer.from('{"response":{"Attribute":['));
      const waits = await Promise.all(
        later.map(async (answer) => {
          for (let bytes = 0; bytes < 64 * 1024 * 1024; bytes += chunk.length) {
            const waiting = answer.take(chunk);
            if (waiting !== undefined) return { bytes, waiting };
            await new Promise((resolve) => setImmediate(resolve));
          }
          throw new Error("nothing bounds what waits");
        }),
      );
      assert.ok(waits.reduce((sum, { bytes }) => sum + bytes, 0) <= 8 * 1024 * 1024);
      for (let n = 0; n < 200; n++) assert.equal(first?.take(chunk), undefined);
      const last = Buffer.from(`${row.slice(0, -1)}]}}`);
      await first?.take(last);
      assert.equal(await first?.end(), 200 * 64 + 1);
      let read = 0;
      for await (const batch of first?.read(wanted) ?? []) read += batch.attributes;
      assert.equal(read, 200 * 64 + 1);
      places[0].leave();
      await waits[0]?.waiting;
      later[0]?.drop();
      places[1].leave();
      await waits[1]?.waiting;
    } finally {
      await threaded.close();
    }
  });

  test("its end fails what is under way instead of leaving it waiting", async () => {
    const threaded = threadedRowReader();
    const answer = threaded.open(SLICES, threaded.join());
    const end = answer.end();
    const after = assert.rejects(end, /thread that reads MISP's answers failed/);
    await threaded.close();
    await after;
    await assert.rejects(threaded.open(SLICES, threaded.join()).end(), /thread that reads MISP's answers failed/);
  });
});
