import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "../../src/model/json.ts";
import type { HopCheck } from "../../src/setup/doctor-line-walk.ts";
import { type CanaryState, writeCanaryState } from "../../src/store/canary-state.ts";
import { serveControl } from "../../src/store/control.ts";
import { openJournal } from "../../src/store/journal.ts";
import { lockState } from "../../src/store/state-lock.ts";
import { applyRemedy } from "../support/doctor-cure.ts";
import { DoctorRig, told } from "../support/doctor-rig.ts";
import { makeFinding } from "../support/finding.ts";
import { tipline } from "../support/line-process.ts";
import { serveMispSim } from "../support/misp-sim/http.ts";
import { createMispSim } from "../support/misp-sim/sim.ts";

const HEALTHY = {
  pid: process.pid,
  generation: "20260101T000000-00000000",
  ready: true,
  troubles: [],
  feed_ages: { main: 10 },
  feed_errors: {},
  sources: { wazuh: { bytes: 0, seconds: 0 } },
  unconfirmed: { wazuh: 0 },
  holding: [],
} satisfies JsonObject;

/** A rig whose running line says what the test has it say. */
async function saying(t: TestContext, report: () => JsonObject | Promise<JsonObject>): Promise<DoctorRig> {
  const rig = await DoctorRig.create(t, { run: false });
  const control = await serveControl(rig.stateDir, { status: async () => report() });
  t.after(() => control.close());
  return rig;
}

function hops(checks: readonly HopCheck[]): readonly string[] {
  return [...new Set(told(checks).map(({ hop }) => hop))];
}

/** What is said, the remedy, and that nothing is said when the line is as it should be again. */
const SAID: readonly (readonly [string, JsonObject, string, RegExp, RegExp])[] = [
  ["no generation", { ready: false, generation: "none" }, "generation", /there is none/, /^tipline sync --config \S+$/],
  ["a stale feed", { feed_ages: { main: 90_000 } }, "generation", /main was last pulled 1d 1h ago/, /^tipline sync /],
  [
    "a feed that is held",
    { feed_errors: { main: "held: it lost more than 30% at once" } },
    "generation",
    /main held: it lost more than 30%/,
    /^tipline sync --config \S+ --confirm-shrink main /,
  ],
  [
    "a journal that is full",
    { holding: ["wazuh"], troubles: ["source wazuh waits: the journal is full of what a required sink has not taken"] },
    "reading",
    /the journal is full/,
    /^raise journal\.max_bytes/,
  ],
  [
    "a source that stands still",
    { sources: { wazuh: { bytes: 5e6, seconds: 4000 } } },
    "reading",
    /4\.8 MiB behind, 1h 6m/,
    /start/,
  ],
  [
    "no indicators at all",
    { indicators: 0 },
    "generation",
    /holds 0 indicators/,
    /^tipline doctor misp --feed-name main /,
  ],
  [
    "a canary that is missing, without its file",
    { troubles: ["canary: it was sent and its alert was not read within 2m"] },
    "canary",
    /^it was sent and its alert was not read within 2m$/,
    /look again/,
  ],
  [
    "another configuration than the file's",
    { config: { path: null, digest: "another" } },
    "configuration in force",
    /tipline\.yaml was changed after the start: what it says now is not in force/,
    /^stop and start/,
  ],
  [
    "a trouble that nothing above explains",
    { troubles: ["sink wazuh: EIO: the disk is on fire"] },
    "health",
    /on fire/,
    /mend what it says/,
  ],
];

for (const [what, report, hop, found, advice] of SAID)
  test(`the running line: ${what} is named at "${hop}" alone`, async (t) => {
    let now: JsonObject = { ...HEALTHY, ...report };
    const rig = await saying(t, () => now);
    const checks = await rig.doctor();
    assert.deepEqual(hops(checks), [hop], JSON.stringify(told(checks)));
    assert.match(told(checks)[0]?.found ?? "", found);
    assert.match(told(checks)[0]?.advice ?? "", advice);
    now = HEALTHY;
    assert.deepEqual(told(await rig.doctor()), []);
  });

test("a line that hangs is told from one that does not run", async (t) => {
  let hangs = true;
  const never = new Promise<JsonObject>(() => undefined);
  const rig = await saying(t, () => (hangs ? never : HEALTHY));
  const checks = await rig.doctor();
  assert.deepEqual(hops(checks), ["run"]);
  assert.match(told(checks)[0]?.found ?? "", /it runs and does not answer: no answer on the control socket/);
  hangs = false;
  assert.deepEqual(told(await rig.doctor()), []);
});

test("a trouble of the line that follows from a broken hop is not told twice", async (t) => {
  const rig = await saying(t, () => ({
    ...HEALTHY,
    troubles: [
      "sink wazuh: ECONNREFUSED: nobody listens",
      "feed main: cannot be reached",
      "canary: it could not be sent",
    ],
  }));
  await rig.sim.stop();
  rig.mispDown = true;
  assert.deepEqual(hops(await rig.doctor()), ["misp main", "analysisd"]);
});

test("a canary that is missing is named, unless what is broken above explains it", async (t) => {
  const rig = await saying(t, () => HEALTHY);
  const at = Date.now() - 600_000;
  const state: CanaryState = {
    enabled: true,
    updatedAt: at,
    intervalMs: 300_000,
    timeoutMs: 120_000,
    sent: 3,
    lost: 1,
  };
  const missing = { hop: "rule", since: at, message: "no rule fired for it", explained: false } as const;
  writeCanaryState(rig.stateDir, { ...state, missing });
  const checks = await rig.doctor();
  assert.deepEqual(hops(checks), ["canary"]);
  assert.match(told(checks)[0]?.found ?? "", /is missing since .*: no rule fired for it/);
  await rig.sim.stop();
  assert.deepEqual(hops(await rig.doctor()), ["analysisd"]);
  await rig.sim.start();
  writeCanaryState(rig.stateDir, { ...state, lastReturnedAt: Date.now() - 4_200_000 });
  assert.match(told(await rig.doctor())[0]?.found ?? "", /none came back for 1h 10m/);
  writeCanaryState(rig.stateDir, { ...state, lastReturnedAt: at, roundTripMs: 2100 });
  assert.deepEqual(told(await rig.doctor()), []);
});

test("undelivered findings are named, and the printed replay delivers them", async (t) => {
  const rig = await DoctorRig.create(t, { run: false });
  const wazuh = { type: "wazuh", socket: rig.sim.paths.queueSocket, confirm: false };
  rig.configure({ sinks: { wazuh }, canary: { enabled: false } });
  const lost = makeFinding(1);
  const lock = lockState(rig.stateDir);
  mkdirSync(join(rig.stateDir, "journal"), { recursive: true });
  const journal = await openJournal({
    dir: join(rig.stateDir, "journal"),
    readers: [
      { name: "storm", stream: "raw", required: true },
      { name: "wazuh", stream: "out", required: true },
    ],
  });
  const dead = {
    kind: "finding",
    component: "wazuh",
    time: Date.now(),
    reason: "the test refused it",
    finding: lost,
  } as const;
  await journal.advanceSink("wazuh", 0, { dead: [dead], awaiting: [] });
  await journal.close();
  lock.release();
  await rig.startRun();
  const checks = await rig.doctor();
  assert.deepEqual(hops(checks), ["dead letters"]);
  const [check] = told(checks);
  assert.equal(check?.status, "warn");
  assert.match(check?.found ?? "", /^1; the newest, of wazuh: the test refused it$/);
  await applyRemedy(rig, check?.advice ?? "");
  await rig.sim.waitForAlerts((alerts) => alerts.some(({ data }) => data?.misp?.finding_id === lost.id));
  assert.deepEqual(told(await rig.doctor()), []);
});

test("a server that shows nothing is no healthy one: no event, or none that is published", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } }, run: false });
  const misp = createMispSim();
  const url = await serveMispSim(t, misp, { tls: true });
  const { main } = rig.settings()["feeds"] as { readonly main: object };
  rig.configure({ feeds: { main: { ...main, url } }, canary: { enabled: false } });
  await rig.startRun();
  assert.deepEqual(hops(await rig.doctor()), ["generation"]);
  const event = misp.edit.addEvent({ info: "a draft" });
  misp.edit.addAttribute(event, { type: "ip-dst", value: "45.5.200.9", toIds: true });
  const [check] = told(await rig.doctor());
  assert.match(check?.found ?? "", /^it holds 0 indicators: no alert can match$/);
  const looked = await tipline((check?.advice ?? "").replace(/^tipline | \([^()]*\)$/g, "").split(" "));
  assert.match(looked.stdout, /0 published.*nothing is left: look at .*published/s);
  misp.edit.publish(event);
  await untilSilent(rig);
});

test("a feed of which nothing is taken is named though another one has indicators", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } }, run: false });
  const url = await serveMispSim(t, createMispSim(), { tls: true });
  const list = join(rig.dir, "list.txt");
  writeFileSync(list, "# nothing yet\n");
  const { main } = rig.settings()["feeds"] as { readonly main: object };
  const allowed = { type: "list-file", path: list, allow_empty: true };
  await rig.runOn({ feeds: { main, bare: { ...main, url }, allowed }, canary: { enabled: false } });
  await until(async () => told(await rig.doctor()).length > 0);
  const [check, ...more] = told(await rig.doctor());
  assert.deepEqual(more, []);
  assert.equal(check?.status, "warn", check?.found);
  assert.match(check?.found ?? "", /^nothing is taken of bare: 0 indicators$/);
  assert.match(check?.advice ?? "", /^tipline doctor misp --feed-name bare --config /);
});

test("what the file says is not in force before the restart, whatever was changed; layout and comments are no change", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } } });
  const same = readFileSync(rig.configPath, "utf8");
  writeFileSync(rig.configPath, `# a word more\n${same}`);
  assert.deepEqual(told(await rig.doctor()), []);
  rig.configure({ canary: { enabled: false }, log: { level: "debug" } });
  const checks = await rig.doctor();
  assert.deepEqual(hops(checks), ["configuration in force"]);
  await applyRemedy(rig, told(checks)[0]?.advice ?? "");
  assert.deepEqual(told(await rig.doctor()), []);
});

test("a first canary that was never seen again is overdue like any other", async (t) => {
  const rig = await saying(t, () => HEALTHY);
  const lastSentAt = Date.now() - 86_400_000;
  const state = { enabled: true, updatedAt: lastSentAt, intervalMs: 300_000, timeoutMs: 120_000, sent: 1, lost: 0 };
  writeCanaryState(rig.stateDir, { ...state, lastSentAt, waitsFor: "read" });
  assert.match(told(await rig.doctor())[0]?.found ?? "", /^the first one did not come back for 1d/);
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 1; !(await holds()); attempt++) {
    assert.ok(attempt < 60);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const untilSilent = (rig: DoctorRig) => until(async () => told(await rig.doctor()).length === 0);
