import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noEvents } from "../../src/pipeline/events.ts";
import { pump } from "../../src/pipeline/pump.ts";
import http from "../../src/sources/http.ts";
import { openJournal } from "../../src/store/journal.ts";
import { makeFinding } from "../support/finding.ts";
import { FluentBitClient } from "../support/fluent-bit-client.ts";
import { readNdjson } from "../support/independent-count.ts";
import { brokenLine, caseName, indicatorList, matchingAlert, quietAlert } from "../support/independent-count-alerts.ts";
import { LineRig, unusedPort } from "../support/line-process-rig.ts";
import { until } from "../support/pipeline.ts";
import { pushRig } from "../support/push-source.ts";
import { tempDir } from "../support/temp.ts";

const ALERTS = 600;
const KILLS = 4;

/** One line in ten matches, one in a hundred is broken. */
function lineOf(n: number): string {
  if (n % 10 === 0) return matchingAlert(n);
  return n % 100 === 55 ? brokenLine(n) : quietAlert(n);
}

async function runningLine(t: TestContext, more: object = {}) {
  const port = await unusedPort();
  const rig = await LineRig.create(t, (made) => ({
    http: { listen: `127.0.0.1:${port}` },
    sources: { fb: { type: "http", token: "tok" } },
    feeds: { mine: { type: "list-file", path: made.write("list.txt", indicatorList(ALERTS)) } },
    sinks: { out: { type: "ndjson", path: made.path("out.ndjson") } },
    ...more,
  }));
  return { rig, url: `http://127.0.0.1:${port}`, out: rig.path("out.ndjson") };
}

test("whatever the moment of a kill: every alert is taken, and no chunk twice", async (t) => {
  const { rig, url, out } = await runningLine(t);
  const client = new FluentBitClient({ url: `${url}/v1/alerts`, token: "tok", gzip: true, chunkBytes: 6_000 });
  t.after(() => client.stop());
  let fed = 0;
  for (let life = 0; life < KILLS; life++) {
    const line = rig.start();
    await line.ready();
    const to = Math.ceil((ALERTS * (life + 1)) / KILLS);
    client.feed(Array.from({ length: to - fed }, (_, n) => lineOf(fed + n)));
    fed = to;
    // In the middle of them.
    const before = client.delivered;
    await line.until("something delivered", () => client.delivered > before);
    await line.kill("SIGKILL");
  }
  const last = rig.start();
  await client.drained();
  assert.deepEqual([client.delivered, client.dropped], [ALERTS, 0]);
  const matching = Array.from({ length: ALERTS / 10 }, (_, n) => caseName("m", n * 10));
  const missing = () => {
    const there = new Set(readNdjson(out).map((arrival) => arrival.case));
    return matching.filter((name) => !there.has(name));
  };
  await last.until("all findings in the file", () => missing().length === 0);
  await last.until("nothing left", () => last.isDrained());
  // A chunk that was taken twice would have been seen by storm control as repeats; this ends its windows.
  client.feed([matchingAlert(ALERTS - 1, { time: Date.now() + 5 * 3_600_000 })]);
  await client.drained();
  await last.until("the last one", () => readNdjson(out).some(({ case: name }) => name === caseName("m", ALERTS - 1)));
  await last.until("nothing left", () => last.isDrained());
  assert.deepEqual(
    readNdjson(out).filter(({ repeats, spread }) => repeats > 0 || spread),
    [],
  );
  assert.equal((await last.kill("SIGTERM")).code, 0);
  const letters = await rig.deadLetters();
  assert.equal(letters.length, ALERTS / 100, "each broken line is a dead letter once");
});

test("a full journal is 503 until there is room, and then nothing is missing", async (t) => {
  const journal = await openJournal({
    dir: join(tempDir(t), "j"),
    readers: [{ name: "storm", stream: "raw", required: true }],
    maxBytes: 8_000,
  });
  // Requests wait a moment only.
  const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms === 25_000 ? 50 : ms, signal) };
  const { source, url } = await pushRig(t, (context) => http.create(http.config.parse({}), context), { clock });
  const abort = new AbortController();
  const pumping = pump(
    {
      name: "in",
      source,
      journal,
      clock: systemClock,
      log: silentLog,
      events: noEvents,
      handle:
        () =>
        ({ bytes }) => ({ findings: [makeFinding(JSON.parse(bytes.toString()).n)], deadLetters: [], confirmed: [] }),
    },
    abort.signal,
  );
  const client = new FluentBitClient({ url: `${url}/v1/alerts`, chunkBytes: 200 });
  t.after(() => client.stop());
  client.feed(Array.from({ length: 100 }, (_, n) => JSON.stringify({ n })));
  await until("refusals", () => (client.statuses.get(503) ?? 0) >= 5);
  const seen: string[] = [];
  const stage = (async () => {
    while (!abort.signal.aborted) {
      await journal.wait("raw", "storm", abort.signal);
      const entries = journal.read("raw", "storm", 10);
      seen.push(...entries.map(({ finding }) => finding.id));
      const last = entries.at(-1);
      if (last !== undefined) await journal.advanceStage("storm", last.seq, new Map(), []);
    }
  })();
  await client.drained();
  await until("all findings", () => seen.length >= 100);
  abort.abort();
  await Promise.all([pumping, stage]);
  await journal.close();
  assert.equal(client.dropped, 0);
  assert.deepEqual(
    seen.sort(),
    Array.from({ length: 100 }, (_, n) => makeFinding(n).id),
  );
});

test("notifications are deduplicated by the event's id over a restart, and a lookup answers beside them", async (t) => {
  const { rig, url, out } = await runningLine(t, {
    sources: { gl: { type: "graylog", token: "tok" } },
    lookup: { token: "tok" },
  });
  const headers = { authorization: "Bearer tok", "content-type": "application/json" };
  const backlog = [{ id: "m1", message: matchingAlert(1), fields: {} }];
  const notify = async (id: string) =>
    (await fetch(`${url}/v1/graylog`, { method: "POST", headers, body: JSON.stringify({ event: { id }, backlog }) }))
      .status;
  const first = rig.start();
  await first.ready();
  await first.until("an answer", async () => (await notify("01A")) === 200);
  const told = await fetch(`${url}/v1/lookup?value=${"host.n000001.tipline-kill.net"}`, { headers });
  assert.equal(((await told.json()) as { verdict: string }).verdict, "malicious");
  await first.until("the finding", () => readNdjson(out).length === 1);
  await first.kill("SIGKILL");
  const second = rig.start();
  await second.ready();
  await second.until("an answer", async () => (await notify("01A").catch(() => 0)) === 200);
  const metrics = await second.metrics();
  assert.equal(metrics.get('tipline_repeated_deliveries_total{source="gl"}'), 1);
  assert.equal(metrics.get('tipline_alerts_read_total{source="gl"}') ?? 0, 0);
  assert.equal((await second.kill("SIGTERM")).code, 0);
});
