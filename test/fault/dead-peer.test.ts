import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import {
  type Arrival,
  casesOf,
  countArrivals,
  countOnDisk,
  readDatagram,
  readNdjson,
} from "../support/independent-count.ts";
import { caseName, indicatorList, matchingAlert, quietAlert } from "../support/independent-count-alerts.ts";
import type { LineProcess } from "../support/line-process.ts";
import { LineRig } from "../support/line-process-rig.ts";
import { WazuhManager } from "../support/line-process-wazuh.ts";

const INDICATORS = 4000;

test("Wazuh's socket is absent, appears, stalls, dies with its queue, and comes back: every finding is seen again", async (t) => {
  const { rig, wazuh } = await withManager(t, (wazuh) => ({
    wazuh: { type: "wazuh", socket: wazuh.socketPath, confirm_timeout: "2s" },
  }));
  const append = appender(wazuh);
  append(50);
  const line = rig.start();
  await line.ready();
  await retried(line, "wazuh", 3);
  assert.match((await line.health())?.body ?? "", /sink wazuh: .*ENOENT.*is the manager running/);

  wazuh.receiver.start();
  await settled(line, wazuh, 50);
  await line.until("health again", async () => (await line.health())?.status === 200);

  wazuh.receiver.stall();
  append(200);
  await line.until(
    "the queue to be full",
    async () => (await line.metrics()).get('tipline_backlog_findings{reader="wazuh"}')! > 0,
  );
  wazuh.receiver.resume();
  await settled(line, wazuh, 250);

  wazuh.receiver.stall();
  append(100);
  await line.until(
    "datagrams in the queue",
    async () => (await line.metrics()).get('tipline_unconfirmed_findings{sink="wazuh"}')! > 0,
  );
  await wazuh.receiver.stop({ drain: false });
  append(50);
  await retried(line, "wazuh", 1);
  wazuh.receiver.resume();
  wazuh.receiver.start();
  await settled(line, wazuh, 400);

  wazuh.loses = true;
  append(20);
  await line.until("datagrams that come to nothing", () => ids(wazuh).size >= 420);
  wazuh.loses = false;
  await settled(line, wazuh, 420);

  await endCleanly(line);
  assert.deepEqual(await rig.deadLetters(), []);
  const { findings, arrivals } = countArrivals(wazuh.received.map(readDatagram));
  assert.equal(findings.size, 420);
  t.diagnostic(`${findings.size} findings in ${arrivals} datagrams`);
});

test("a finding that Wazuh never shows ends in the dead letter, health fails, and a replay delivers it", async (t) => {
  const { rig, wazuh } = await withManager(t, (wazuh) => ({
    wazuh: { type: "wazuh", socket: wazuh.socketPath, confirm_timeout: "2s", confirm_resends: 1 },
  }));
  wazuh.receiver.start();
  wazuh.loses = true;
  appender(wazuh)(3);
  const line = rig.start();
  await line.until("three dead letters", async () =>
    /3 findings were never seen again/.test((await line.health())?.body ?? ""),
  );
  assert.equal((await line.health())?.status, 503);
  assert.equal(wazuh.received.length, 6, "each was sent twice");
  const letters = await rig.deadLetters();
  assert.deepEqual(new Set(letters.map(({ finding }) => finding?.id)), ids(wazuh));
  wazuh.loses = false;
  const replay = await rig.command(["dead-letter", "replay", "--component", "wazuh"]);
  assert.deepEqual([replay.code, replay.stdout], [0, "3 replayed\n"], replay.stderr);
  await settled(line, wazuh, 3);
  assert.deepEqual(await rig.deadLetters(), []);
  await endCleanly(line);
});

test("an NDJSON file that cannot be written costs time only", async (t) => {
  const { rig, wazuh } = await withManager(t, (_, rig) => ({
    file: { type: "ndjson", path: rig.path("later", "findings.ndjson") },
  }));
  const append = appender(wazuh);
  append(100);
  const line = rig.start();
  await line.ready();
  await retried(line, "file", 2);
  mkdirSync(rig.path("later"));
  const path = rig.path("later", "findings.ndjson");
  await line.until("the findings", () => readNdjson(path).length >= 100);
  await line.until("nothing left", () => line.isDrained());
  await endCleanly(line);
  checkFile(readNdjson(path), wazuh);
  assert.deepEqual(await rig.deadLetters(), []);
});

test("a full journal holds the source for Wazuh, and spills what the file did not take into the dead letter", async (t) => {
  const { rig, wazuh } = await withManager(
    t,
    (wazuh, rig) => ({
      wazuh: { type: "wazuh", socket: wazuh.socketPath, confirm: false },
      file: { type: "ndjson", path: rig.path("absent", "findings.ndjson") },
    }),
    { journal: { max_bytes: "128KiB" } },
  );
  wazuh.receiver.start();
  const append = appender(wazuh);
  append(300);
  const line = rig.start();
  await line.until("all of them at Wazuh", () => ids(wazuh).size >= 300);
  wazuh.receiver.stall();
  let written = 300;
  await line.until("the source to wait", async () => {
    if (/source wazuh waits/.test((await line.health())?.body ?? "")) return true;
    // What is read at once goes in whole when the journal is empty, whatever its limit; so it comes in pieces.
    if (written < 1500 && (await line.metrics()).get('tipline_source_lag_bytes{source="wazuh"}') === 0) {
      append(50);
      written += 50;
    }
    return false;
  });
  wazuh.receiver.resume();
  await line.until("all of them at Wazuh", () => ids(wazuh).size >= written);
  mkdirSync(rig.path("absent"));
  await line.until("nothing left", () => line.isDrained());
  await endCleanly(line);

  const file = readNdjson(rig.path("absent", "findings.ndjson"));
  const spilled = (await rig.deadLetters()).map(({ kind, component, finding }) => {
    assert.deepEqual([kind, component], ["finding", "file"]);
    return finding?.id ?? "";
  });
  assert.ok(spilled.length > 0, "something was spilled");
  const both = [...countArrivals(file).findings.keys(), ...spilled].sort();
  assert.deepEqual(both, [...ids(wazuh)].sort(), "the file's and the spilled ones make all, each once");
  assert.equal(both.length, written);
  t.diagnostic(`${file.length} in the file, ${spilled.length} spilled`);
});

test("a feed that is down at the start: nothing is read before its first sync; later failures keep the last good one", async (t) => {
  const feed = await feedServer(t);
  const { rig, wazuh } = await withManager(
    t,
    (_, rig) => ({ file: { type: "ndjson", path: rig.path("findings.ndjson") } }),
    {
      feeds: { remote: { type: "list-file", url: feed.url, interval: "1s" } },
    },
  );
  const append = appender(wazuh);
  append(40);
  const line = rig.start();
  await line.until("the failure to be told", async () =>
    /no generation of indicators yet[\s\S]*feed remote: /.test((await line.health())?.body ?? ""),
  );
  assert.equal((await line.health())?.status, 503);
  assert.equal((await line.metrics()).get('tipline_alerts_read_total{source="wazuh"}') ?? 0, 0, "nothing is read");

  feed.answer = { status: 200, body: indicatorList(INDICATORS) };
  const path = rig.path("findings.ndjson");
  await line.until("the findings", () => readNdjson(path).length >= 40);

  const faults = [
    { status: 500, body: "" },
    { status: 200, body: "<!doctype html><title>Sign in</title>" },
  ];
  let expected = 40;
  for (const fault of faults) {
    feed.answer = fault;
    const before = feed.asked;
    await line.until("the failure to be told", async () => {
      const health = await line.health();
      return feed.asked > before && health?.status === 503 && health.body.includes("feed remote");
    });
    append(10);
    expected += 10;
    await line.until("the findings", () => readNdjson(path).length >= expected);
    feed.answer = { status: 200, body: `${indicatorList(INDICATORS)}extra${expected}.tipline-kill.net\n` };
    await line.until("health", async () => (await line.health())?.status === 200);
  }

  feed.answer = { status: 200, body: indicatorList(INDICATORS / 4) };
  await line.until("the shrunken feed to be held", async () =>
    /feed remote: held/.test((await line.health())?.body ?? ""),
  );
  const far = INDICATORS - 1;
  wazuh.files.appendLine(matchingAlert(far));
  await line.until("a match of the held feed", () =>
    readNdjson(path).some((arrival) => arrival.case === caseName("m", far)),
  );
  await endCleanly(line);
  checkFile(readNdjson(path), wazuh);
});

test("alerts written while the first sync is awaited are read, though the log is followed from its end", async (t) => {
  const feed = await feedServer(t);
  let wazuh: WazuhManager | undefined;
  const rig = await LineRig.create(
    t,
    (rig) => {
      wazuh = new WazuhManager(rig.dir);
      return {
        sources: { wazuh: { type: "wazuh-alerts", path: wazuh.files.path, start: "end" } },
        feeds: { remote: { type: "list-file", url: feed.url, interval: "1s" } },
        sinks: { file: { type: "ndjson", path: rig.path("findings.ndjson") } },
      };
    },
    () => wazuh?.close(),
  );
  assert.ok(wazuh);
  const { files } = wazuh;
  for (let n = 0; n < 5; n += 1) files.appendLine(matchingAlert(n));
  const line = rig.start();
  await line.until("the failure to be told", async () => /feed remote: /.test((await line.health())?.body ?? ""));
  await line.until("the starting place to be kept", () => /"starting place is kept"/.test(line.stderr));
  for (let n = 5; n < 25; n += 1) files.appendLine(matchingAlert(n));
  feed.answer = { status: 200, body: indicatorList(INDICATORS) };
  await line.until("all of them", () => readNdjson(rig.path("findings.ndjson")).length >= 20);
  await endCleanly(line);
  assert.equal(countArrivals(readNdjson(rig.path("findings.ndjson"))).findings.size, 20);
});

async function withManager(
  t: TestContext,
  sinks: (wazuh: WazuhManager, rig: LineRig) => object,
  more: object = {},
): Promise<{ rig: LineRig; wazuh: WazuhManager }> {
  let wazuh: WazuhManager | undefined;
  const rig = await LineRig.create(
    t,
    (rig) => {
      wazuh = new WazuhManager(rig.dir);
      return {
        sources: { wazuh: { type: "wazuh-alerts", path: wazuh.files.path, start: "beginning" } },
        feeds: { numbered: { type: "list-file", path: rig.write("feed.txt", indicatorList(INDICATORS)) } },
        sinks: sinks(wazuh, rig),
        ...more,
      };
    },
    () => wazuh?.close(),
  );
  assert.ok(wazuh);
  return { rig, wazuh };
}

/** Appends alerts that match, each once, and one between them that does not. */
function appender({ files }: WazuhManager): (count: number) => void {
  let next = 0;
  return (count) => {
    for (let done = 0; done < count; done += 1, next += 1) {
      files.appendLine(matchingAlert(next));
      if (next % 3 === 0) files.appendLine(quietAlert(next));
    }
  };
}

const ids = (wazuh: WazuhManager): Set<string> => new Set(wazuh.received.map((datagram) => readDatagram(datagram).id));

/** So many findings were sent and all that was sent was seen again. */
async function settled(line: LineProcess, wazuh: WazuhManager, count: number): Promise<void> {
  await line.until(`${count} findings seen again`, async () => ids(wazuh).size >= count && (await line.isDrained()));
  const disk = countOnDisk(wazuh.files.root);
  assert.ok(disk.echoes >= count, `${disk.echoes} echoes of ${count}`);
}

async function retried(line: LineProcess, sink: string, times: number): Promise<void> {
  const name = `tipline_send_retries_total{sink="${sink}"}`;
  const before = (await line.metrics()).get(name) ?? 0;
  await line.until(
    `${times} failed attempts of ${sink}`,
    async () => ((await line.metrics()).get(name) ?? 0) >= before + times,
  );
}

function checkFile(arrivals: readonly Arrival[], wazuh: WazuhManager): void {
  const cases = [...countArrivals(arrivals).findings.values()].map((arrival) => arrival.case).sort();
  assert.deepEqual(cases, casesOf(countOnDisk(wazuh.files.root), "m"));
}

async function endCleanly(line: LineProcess): Promise<void> {
  assert.deepEqual(await line.kill("SIGTERM"), { code: 0, signal: null }, line.stderr.slice(-4000));
}

interface FeedServer {
  readonly url: string;
  /** How often it was asked. */
  asked: number;
  /** Undefined: the connection is cut. */
  answer: { readonly status: number; readonly body: string } | undefined;
}

async function feedServer(t: TestContext): Promise<FeedServer> {
  let feed: FeedServer | undefined;
  const server: Server = createServer((request, response) => {
    if (feed) feed.asked += 1;
    const answer = feed?.answer;
    if (answer === undefined) request.socket.destroy();
    else response.writeHead(answer.status, { "content-type": "text/plain" }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  feed = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/list.txt`, asked: 0, answer: undefined };
  return feed;
}
