import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { casesOf, countArrivals, countOnDisk, readDatagram, readNdjson } from "../support/independent-count.ts";
import {
  brokenLine,
  indicatorList,
  indicatorOf,
  matchingAlert,
  oversizedLine,
  quietAlert,
} from "../support/independent-count-alerts.ts";
import type { LineProcess } from "../support/line-process.ts";
import { LineRig } from "../support/line-process-rig.ts";
import { WazuhManager } from "../support/line-process-wazuh.ts";

const INDICATORS = 500;

test("metrics and health say what happened", async (t) => {
  const { rig, wazuh, line } = await running(t);
  for (let n = 0; n < 30; n += 1) wazuh.files.appendLine(matchingAlert(n));
  for (let n = 30; n < 50; n += 1) wazuh.files.appendLine(quietAlert(n));
  wazuh.files.appendLine(brokenLine(50));
  wazuh.files.appendLine(oversizedLine(51));
  await findings(line, rig, 30);
  await line.until("all read, sent and seen again", async () => {
    const disk = countOnDisk(wazuh.files.root);
    // A line over the limit is no alert that was read.
    return (
      disk.echoes === 30 && (await line.metrics()).get('tipline_alerts_read_total{source="wazuh"}') === disk.lines - 1
    );
  });
  await line.until("nothing left", () => line.isDrained());

  const metrics = await line.metrics();
  assert.equal(metrics.get('tipline_dead_letters_total{component="wazuh"}'), 2);
  assert.equal(metrics.get('tipline_delivered_total{sink="wazuh"}'), 30);
  assert.equal(metrics.get('tipline_delivered_total{sink="file"}'), 30);
  assert.equal(metrics.get('tipline_matches_total{type="domain"}'), 30);
  assert.equal(metrics.get('tipline_indicators{type="domain"}'), INDICATORS);
  assert.equal(metrics.get("tipline_healthy"), 1);
  assert.ok(metrics.get("tipline_index_bytes")! > 0);
  const made = [...metrics].filter(([name]) => name.startsWith("tipline_findings_total{"));
  assert.equal(
    made.reduce((sum, [, count]) => sum + count, 0),
    30,
  );
  assert.deepEqual(await line.health(), { status: 200, body: "ok\n" });
  await endCleanly(line);
});

test("an allow entry made beside the running line is in force at once", async (t) => {
  const { rig, wazuh, line } = await running(t);
  wazuh.files.appendLine(matchingAlert(1));
  await findings(line, rig, 1);
  const allow = await rig.command(["allow", indicatorOf(2), "--reason", "our own test bed"]);
  assert.deepEqual([allow.code, allow.stdout], [0, `allowed: domain ${indicatorOf(2)}\n`], allow.stderr);
  wazuh.files.appendLine(matchingAlert(2));
  wazuh.files.appendLine(matchingAlert(3));
  await findings(line, rig, 3);
  const [first, allowed, third] = readNdjson(rig.path("findings.ndjson")).map(({ text }) => JSON.parse(text).data.misp);
  assert.match(String(allowed.warninglist), /our own test bed/);
  assert.equal(allowed.band, "benign");
  for (const misp of [first, third]) assert.notEqual(misp.band, "benign");

  const back = await rig.command(["allow", indicatorOf(2), "--remove"]);
  assert.equal(back.code, 0, back.stderr);
  wazuh.files.appendLine(matchingAlert(2, { agent: 7 }));
  await findings(line, rig, 4);
  assert.notEqual(JSON.parse(readNdjson(rig.path("findings.ndjson"))[3]!.text).data.misp.band, "benign");
  await endCleanly(line);
});

test("a sync asked for beside the running line is in force when the command ends", async (t) => {
  const { rig, wazuh, line } = await running(t);
  writeFileSync(rig.path("feed.txt"), indicatorList(INDICATORS + 1));
  const sync = await rig.command(["sync", "--json"]);
  assert.equal(sync.code, 0, sync.stderr);
  const result = JSON.parse(sync.stdout);
  assert.deepEqual(
    [result.changed, result.feeds[0].status, result.feeds[0].reports_after],
    [true, "applied", INDICATORS + 1],
  );
  wazuh.files.appendLine(matchingAlert(INDICATORS));
  await findings(line, rig, 1);
  const misp = JSON.parse(readNdjson(rig.path("findings.ndjson"))[0]!.text).data.misp;
  assert.deepEqual([misp.value, misp.generation], [indicatorOf(INDICATORS), result.generation]);
  await endCleanly(line);
});

test("a second line on the same state is refused, and the first goes on", async (t) => {
  const { rig, wazuh, line } = await running(t);
  const second = await rig.command(["run"]);
  assert.equal(second.code, 1);
  assert.match(
    second.stderr,
    new RegExp(`expected ${rig.stateDir} to be free, found it in use by process ${line.child.pid}`),
  );
  wazuh.files.appendLine(matchingAlert(1));
  await findings(line, rig, 1);
  await endCleanly(line);
});

test("SIGTERM delivers what is read, and the next start repeats nothing", async (t) => {
  const { rig, wazuh, line } = await running(t);
  for (let n = 0; n < 400; n += 1) wazuh.files.appendLine(matchingAlert(n));
  await findings(line, rig, 1);
  await endCleanly(line);
  const again = rig.start();
  await findings(again, rig, 400);
  await again.until("nothing left", () => again.isDrained());
  await endCleanly(again);
  const file = countArrivals(readNdjson(rig.path("findings.ndjson")));
  const queue = countArrivals(wazuh.received.map(readDatagram));
  assert.equal(file.findings.size, 400);
  assert.deepEqual([file.duplicates, queue.duplicates], [0, 0]);
  assert.deepEqual([...queue.findings.keys()].sort(), [...file.findings.keys()].sort());
  assert.deepEqual(
    [...file.findings.values()].map((arrival) => arrival.case).sort(),
    casesOf(countOnDisk(wazuh.files.root), "m"),
  );
});

test("dead records are replayed beside the running line", async (t) => {
  const { rig, wazuh, line } = await running(t);
  wazuh.files.appendLine(brokenLine(1));
  wazuh.files.appendLine(oversizedLine(2));
  wazuh.files.appendLine(matchingAlert(3));
  await findings(line, rig, 1);
  const letters = await rig.deadLetters();
  assert.equal(letters.length, 2);
  const show = await rig.command(["dead-letter", "show", letters[0]!.id, "--json"]);
  assert.deepEqual(JSON.parse(show.stdout), letters[0]);
  const replay = await rig.command(["dead-letter", "replay", "--all", "--json"]);
  assert.equal(replay.code, 1, "neither can ever be read");
  const { replayed, refused } = JSON.parse(replay.stdout);
  assert.deepEqual(replayed, []);
  const reasons = refused.map(({ reason }: { readonly reason: string }) => reason).sort();
  assert.match(reasons[0], /not JSON/);
  assert.match(reasons[1], /only its first bytes were kept/);
  assert.deepEqual(await rig.deadLetters(), letters, "they stay");
  await endCleanly(line);
});

async function running(t: TestContext): Promise<{ rig: LineRig; wazuh: WazuhManager; line: LineProcess }> {
  let wazuh: WazuhManager | undefined;
  const rig = await LineRig.create(
    t,
    (rig) => {
      wazuh = new WazuhManager(rig.dir);
      return {
        sources: { wazuh: { type: "wazuh-alerts", path: wazuh.files.path, start: "beginning" } },
        feeds: { numbered: { type: "list-file", path: rig.write("feed.txt", indicatorList(INDICATORS)) } },
        sinks: {
          wazuh: { type: "wazuh", socket: wazuh.socketPath },
          file: { type: "ndjson", path: rig.path("findings.ndjson") },
        },
        sync: { interval: "1h" },
      };
    },
    () => wazuh?.close(),
  );
  assert.ok(wazuh);
  wazuh.receiver.start();
  const line = rig.start();
  await line.ready();
  return { rig, wazuh, line };
}

async function findings(line: LineProcess, rig: LineRig, count: number): Promise<void> {
  await line.until(`${count} findings`, () => readNdjson(rig.path("findings.ndjson")).length >= count);
}

async function endCleanly(line: LineProcess): Promise<void> {
  assert.deepEqual(await line.kill("SIGTERM"), { code: 0, signal: null }, line.stderr.slice(-4000));
}
