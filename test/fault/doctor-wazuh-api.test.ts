import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../src/lib/clock.ts";
import { renderRules } from "../../src/setup/wazuh/rules.ts";
import { applyRemedy, type ByHand } from "../support/doctor-cure.ts";
import { DoctorRig, told } from "../support/doctor-rig.ts";
import { FakeWazuhApi, PASSWORD, USER } from "../support/fake-wazuh-api.ts";
import { tlsFixture } from "../support/http-server.ts";

interface ApiRig {
  readonly rig: DoctorRig;
  readonly api: FakeWazuhApi;
  readonly passwordFile: string;
  /** The configuration with these settings of the sink. */
  readonly sinks: (changes?: object) => Readonly<Record<string, unknown>>;
}

/** A line that sends by the API, beside the manager whose alerts it reads. */
async function byApi(t: TestContext, rules = renderRules({ api: true })): Promise<ApiRig> {
  const api = await FakeWazuhApi.start(t, systemClock, { tls: true });
  const rig = await DoctorRig.create(t, { wazuh: { rules }, run: false });
  const passwordFile = join(rig.dir, "api.password");
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  const sink = {
    type: "wazuh-api",
    url: api.url,
    user: USER,
    password_file: passwordFile,
    ca_file: tlsFixture("ca.pem"),
    timeout_seconds: 5,
  };
  return { rig, api, passwordFile, sinks: (changes = {}) => ({ sinks: { wazuh: { ...sink, ...changes } } }) };
}

test("a sink that sends by the API is looked at up to its right, without a single event", async (t) => {
  const { rig, api, sinks } = await byApi(t);
  await rig.runOn(sinks());
  const checks = await rig.doctor();
  assert.deepEqual(told(checks), []);
  assert.match(
    checks.find(({ name }) => name === "wazuh-api wazuh: login")?.found ?? "",
    /is taken, and may send events$/,
  );
  assert.deepEqual([api.eventRequests, api.queue.length], [0, 0]);
});

const WRONG = "Wr0ng-of-the-API!";

const FAULTS: readonly {
  readonly what: string;
  readonly found: RegExp;
  readonly settings?: object;
  readonly inject?: (made: ApiRig) => void;
  readonly byHand: (made: ApiRig) => ByHand;
}[] = [
  {
    what: "a wrong password",
    found: /answered the login with 401/,
    inject: ({ passwordFile }) => writeFileSync(passwordFile, `${WRONG}\n`),
    byHand:
      ({ passwordFile }) =>
      () =>
        writeFileSync(passwordFile, `${PASSWORD}\n`),
  },
  {
    what: "nobody listens at its url",
    found: /127\.0\.0\.1:9\b/,
    settings: { url: "https://127.0.0.1:9" },
    byHand:
      ({ sinks }) =>
      (rig) =>
        rig.configure(sinks()),
  },
  {
    what: "a certificate of another authority",
    found: /certificate/i,
    settings: { ca_file: tlsFixture("client-ca.pem") },
    byHand:
      ({ sinks }) =>
      (rig) =>
        rig.configure(sinks()),
  },
  {
    what: "a user without the right to send events",
    found: /no role of user tipline allows event:ingest/,
    inject: ({ api }) => {
      api.mayIngest = false;
    },
    byHand:
      ({ api }) =>
      () => {
        api.mayIngest = true;
      },
  },
];

for (const { what, found, settings, inject, byHand } of FAULTS)
  test(`${what} is named at the sink's hop alone, without a secret, and its remedy cures it`, async (t) => {
    const made = await byApi(t);
    const { rig } = made;
    inject?.(made);
    await rig.runOn(made.sinks(settings));
    const checks = await rig.doctor();
    assert.deepEqual(
      [...new Set(told(checks).map(({ hop }) => hop))],
      ["wazuh-api wazuh"],
      JSON.stringify(told(checks)),
    );
    const [check] = told(checks);
    assert.equal(check?.status, "fail");
    assert.match(check?.found ?? "", found);
    for (const secret of [PASSWORD, WRONG, Buffer.from(`${USER}:${WRONG}`).toString("base64")])
      assert.ok(!JSON.stringify(checks).includes(secret));
    await applyRemedy(rig, check?.advice ?? "", byHand(made));
    assert.deepEqual(told(await rig.doctor()), []);
  });

test("rules that do not take what comes in by the API are named, and the printed command installs those that do", async (t) => {
  const { rig, sinks } = await byApi(t, renderRules());
  await rig.runOn(sinks());
  const checks = told(await rig.doctor());
  assert.deepEqual([...new Set(checks.map(({ hop }) => hop))], ["rules for the API"], JSON.stringify(checks));
  assert.match(checks[0]?.found ?? "", /does not take location API-Webhook/);
  assert.match(checks[0]?.advice ?? "", /^tipline install wazuh .*--api$/);
  await applyRemedy(rig, checks[0]?.advice ?? "");
  await rig.prove();
  assert.deepEqual(told(await rig.doctor()), []);
});
