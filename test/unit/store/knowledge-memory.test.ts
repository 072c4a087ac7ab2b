import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { createMisp } from "../../../src/clients/misp.ts";
import { mispKnowledge } from "../../../src/clients/misp-knowledge.ts";
import { createWarninglists } from "../../../src/intel/warninglist-set.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { KnowledgeStore } from "../../../src/store/knowledge.ts";
import { json, serve } from "../../support/http-server.ts";
import { tempDir } from "../../support/temp.ts";

const ENTRIES = 300_000;

test("a list of many megabytes takes memory in proportion to its values, from the server to the lookup", async (t) => {
  let count = 10;
  let bytes = 0;
  const url = await serve(t, async ({ path }, response) => {
    const row = {
      id: "58",
      name: "List",
      type: "cidr",
      version: String(count),
      enabled: true,
      valid_attributes: "ip-dst",
    };
    if (path === "/warninglists/index/enabled:1") json(response, 200, { Warninglists: [{ Warninglist: row }] });
    else if (path === "/warninglists/view/58") bytes = await writeList(response, count);
    else
      json(
        response,
        200,
        path === "/users/view/me"
          ? { User: { org_id: "1" } }
          : path === "/sightings/restSearch"
            ? { response: [] }
            : [],
      );
  });
  const misp = createMisp({
    url,
    key: new Secret("0".repeat(40)),
    clock: systemClock,
    timeoutMs: 20_000,
    retries: 0,
    maxBytes: 1e9,
  });
  t.after(() => misp.close());
  const store = new KnowledgeStore(tempDir(t), silentLog);
  const wanted = { warninglists: true, sightings: false, ownSources: [], now: Date.now(), trouble: () => undefined };
  const whole = async () => {
    const pieces = mispKnowledge(misp, wanted, await store.versions("misp"), new AbortController().signal);
    await store.replace("misp", pieces, 1);
    return createWarninglists(store.warninglists("misp"));
  };
  assert.equal((await whole()).entries, 10, "warm");

  count = ENTRIES;
  const before = process.memoryUsage().rss;
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 2);
  const set = await whole();
  peak = Math.max(peak, process.memoryUsage().rss);
  clearInterval(watch);
  assert.deepEqual([set.entries, bytes > 30_000_000], [ENTRIES, true]);
  t.diagnostic(`${Math.round((peak - before) / 1e6)} MB for ${Math.round(bytes / 1e6)} MB`);
  assert.ok(peak - before < 5 * bytes, `${Math.round((peak - before) / 1e6)} MB for ${Math.round(bytes / 1e6)} MB`);
});

/** As MISP prints it, in pieces, so that the server's side of this process holds none of it. */
async function writeList(response: ServerResponse, count: number): Promise<number> {
  response.writeHead(200, { "content-type": "application/json" });
  let bytes = 0;
  const write = async (text: string) => {
    bytes += text.length;
    if (!response.write(text)) await once(response, "drain");
  };
  await write('{\n    "Warninglist": {\n        "id": "58",\n        "WarninglistEntry": [\n');
  for (let from = 0; from < count; from += 1000) {
    const rows = [];
    for (let n = from; n < Math.min(count, from + 1000); n++) {
      const value = `${1 + ((n >> 16) % 200)}.${(n >> 8) & 255}.${n & 255}.7`;
      rows.push(JSON.stringify({ id: String(141_988 + n), value, warninglist_id: "58", comment: null }, null, 10));
    }
    await write(`${from === 0 ? "" : ",\n"}${rows.join(",\n")}`);
  }
  await write('\n        ],\n        "WarninglistType": []\n    }\n}');
  response.end();
  return bytes;
}
