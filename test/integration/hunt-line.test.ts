import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readNdjson } from "../support/independent-count.ts";
import { indicatorList, indicatorOf, matchingAlert, quietAlert } from "../support/independent-count-alerts.ts";
import type { LineProcess } from "../support/line-process.ts";
import { LineRig } from "../support/line-process-rig.ts";
import { WazuhManager } from "../support/line-process-wazuh.ts";

const INDICATORS = 20;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

test("indicators that a sync brings are hunted in the alerts of the time before, and only they", async (t) => {
  const { rig, wazuh, line } = await running(t);
  const now = Date.now();
  // Seen two days ago (packed), an hour ago, and outside the window.
  packedDay(wazuh, now - 2 * DAY, [matchingAlert(100, { time: now - 2 * DAY }), quietAlert(7)]);
  packedDay(wazuh, now - 9 * DAY, [matchingAlert(100, { time: now - 9 * DAY, agent: 5 })]);
  wazuh.files.appendLine(matchingAlert(100, { time: now - HOUR, agent: 2 }));
  // Known from the beginning: found live, and never hunted.
  wazuh.files.appendLine(matchingAlert(1, { time: now - HOUR }));
  await line.until("the live finding", () => findings(rig).length === 1);
  assert.deepEqual(findings(rig), [`${indicatorOf(1)} live`]);

  writeFileSync(rig.path("feed.txt"), `${indicatorList(INDICATORS)}${indicatorOf(100)}\n`);
  assert.equal((await rig.command(["sync"])).code, 0);
  await line.until("both of the past", () => findings(rig).length === 3);
  assert.deepEqual(findings(rig).slice(1), [`${indicatorOf(100)} retro`, `${indicatorOf(100)} retro`]);
  await line.until("its end", async () => (await line.metrics()).get('tipline_hunts_total{outcome="done"}') === 1);
  const metrics = await line.metrics();
  assert.equal(metrics.get("tipline_hunt_findings_total"), 2);
  assert.equal(metrics.get("tipline_hunt_pending_indicators"), 0);
  assert.deepEqual(await line.health(), { status: 200, body: "ok\n" });

  // Reported anew with another comment: nothing has arrived.
  writeFileSync(rig.path("feed.txt"), `# again\n${indicatorOf(100)}\n${indicatorList(INDICATORS)}`);
  assert.equal((await rig.command(["sync"])).code, 0);
  // The next one is hunted in its turn, by the sketches of before.
  wazuh.files.appendLine(quietAlert(8));
  writeFileSync(rig.path("feed.txt"), `${indicatorList(INDICATORS)}${indicatorOf(100)}\n${indicatorOf(101)}\n`);
  assert.equal((await rig.command(["sync"])).code, 0);
  await line.until("another hunt", async () => (await line.metrics()).get('tipline_hunts_total{outcome="done"}') === 2);
  const after = await line.metrics();
  assert.ok(
    after.get('tipline_hunt_bytes_total{how="ruled_out"}')! > metrics.get('tipline_hunt_bytes_total{how="ruled_out"}')!,
  );
  assert.equal(findings(rig).length, 3);
  assert.equal(line.logs.filter(({ msg }) => String(msg).startsWith("indicators have arrived")).length, 2);
  await endCleanly(line);
});

test("what arrives just before a kill, or while no line runs, is hunted after the restart", async (t) => {
  const { rig, wazuh, line } = await running(t);
  const now = Date.now();
  packedDay(wazuh, now - DAY, [matchingAlert(100, { time: now - DAY }), matchingAlert(101, { time: now - DAY })]);
  writeFileSync(rig.path("feed.txt"), `${indicatorList(INDICATORS)}${indicatorOf(100)}\n`);
  assert.equal((await rig.command(["sync"])).code, 0);
  await line.until("it is written down", () => arrivals(rig) === 1);
  await line.kill("SIGKILL");
  writeFileSync(rig.path("feed.txt"), `${indicatorList(INDICATORS)}${indicatorOf(100)}\n${indicatorOf(101)}\n`);
  assert.equal((await rig.command(["sync"])).code, 0);
  assert.equal(arrivals(rig), 2);
  const again = rig.start();
  await again.ready();
  await again.until("both", () => findings(rig).length === 2);
  assert.deepEqual(findings(rig).sort(), [`${indicatorOf(100)} retro`, `${indicatorOf(101)} retro`]);
  await again.until("nothing waits", () => arrivals(rig) === 0);
  await endCleanly(again);
});

test("`hunt --deliver` hands its findings to the running line, and a second time nothing", async (t) => {
  const { rig, wazuh, line } = await running(t);
  const now = Date.now();
  packedDay(
    wazuh,
    now - 3 * DAY,
    [1, 2, 3].map((n) => matchingAlert(n, { time: now - 3 * DAY + n })),
  );
  const hunt = () => rig.command(["hunt", "--since", "5d", "--deliver", "--json"]);
  const first = await hunt();
  assert.equal(first.code, 0, first.stderr);
  const report = JSON.parse(first.stdout);
  assert.deepEqual([report.findings, report.delivered], [3, 3]);
  await line.until("three findings", () => findings(rig).length === 3);
  assert.ok(findings(rig).every((text) => text.endsWith(" retro")));
  const second = JSON.parse((await hunt()).stdout);
  assert.deepEqual([second.findings, second.delivered], [3, 0]);
  await endCleanly(line);

  // Without a line they wait in the journal, each once.
  packedDay(wazuh, now - 4 * DAY, [matchingAlert(4, { time: now - 4 * DAY })]);
  const third = await hunt();
  assert.equal(JSON.parse(third.stdout).delivered, 1, third.stderr);
  assert.match(third.stderr, /tipline run. sends them/);
  const again = rig.start();
  await again.ready();
  await again.until("the fourth", () => findings(rig).length === 4);
  await endCleanly(again);
});

function findings(rig: LineRig): string[] {
  return readNdjson(rig.path("findings.ndjson")).map(({ text }) => {
    const { value, mode } = JSON.parse(text).data.misp;
    return `${value} ${mode}`;
  });
}

function arrivals(rig: LineRig): number {
  return readdirSync(join(rig.stateDir, "hunt")).filter(
    (name) => name.startsWith("arrival-") && name.endsWith(".ndjson"),
  ).length;
}

/** A day's file as monitord leaves it. */
function packedDay(wazuh: WazuhManager, time: number, lines: readonly string[]): void {
  const [year = "", month = "", day = ""] = new Date(time).toISOString().slice(0, 10).split("-");
  const folder = join(wazuh.files.root, year, MONTHS[Number(month) - 1] ?? "");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `ossec-alerts-${day}.json.gz`), gzipSync(`${lines.join("\n")}\n`));
}

async function running(t: TestContext): Promise<{ rig: LineRig; wazuh: WazuhManager; line: LineProcess }> {
  let wazuh: WazuhManager | undefined;
  const rig = await LineRig.create(
    t,
    (rig) => {
      wazuh = new WazuhManager(rig.dir, { day: new Date().toISOString().slice(0, 10) });
      return {
        sources: { wazuh: { type: "wazuh-alerts", path: wazuh.files.path, start: "end" } },
        feeds: { numbered: { type: "list-file", path: rig.write("feed.txt", indicatorList(INDICATORS)) } },
        sinks: { file: { type: "ndjson", path: rig.path("findings.ndjson") } },
        sync: { interval: "1h" },
      };
    },
    () => wazuh?.close(),
  );
  assert.ok(wazuh);
  const line = rig.start();
  await line.ready();
  // What is written before is not read: it starts at the end.
  await line.until(
    "its place",
    async () => (await line.metrics()).get('tipline_source_lag_bytes{source="wazuh"}') === 0,
  );
  return { rig, wazuh, line };
}

async function endCleanly(line: LineProcess): Promise<void> {
  assert.deepEqual(await line.kill("SIGTERM"), { code: 0, signal: null }, line.stderr.slice(-4000));
}
