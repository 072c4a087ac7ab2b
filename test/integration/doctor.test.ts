import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { test } from "node:test";
import type { HopCheck } from "../../src/setup/doctor-line-walk.ts";
import { DoctorRig } from "../support/doctor-rig.ts";
import { LineProcess, tipline } from "../support/line-process.ts";

test("a healthy chain prints nothing but that all is well, and -v every hop", async (t) => {
  const rig = await DoctorRig.create(t);
  const quiet = await tipline(["doctor", "--config", rig.configPath]);
  assert.deepEqual([quiet.code, quiet.stdout], [0, ""], quiet.stderr);
  assert.match(quiet.stderr, /^all is well \(\d\d checks\)\n$/);
  const verbose = await tipline(["doctor", "-v", "--config", rig.configPath]);
  assert.equal(verbose.code, 0);
  assert.match(verbose.stdout, /^ {2}ok {4}logtest +a finding fires rule 100622 \(level 12\)/m);
  assert.match(verbose.stdout, /^ {2}ok {4}canary /m);
});

test("a fault is printed with its remedy, exit code 1; --json gives every check as one object", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } } });
  chmodSync(rig.keyFile, 0o644);
  const warned = await tipline(["doctor", "--config", rig.configPath]);
  assert.equal(warned.code, 0, "warnings alone are 0");
  assert.match(warned.stdout, /^ {2}warn {2}misp main: key file +.* can be read by other users\n +→ chmod 600 \S+\n$/);
  assert.match(warned.stderr, /^1 to look at, \d+ well\n$/);
  await rig.sim.stop();
  const failed = await tipline(["doctor", "--config", rig.configPath]);
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /^ {2}FAIL {2}analysisd +is down: nobody listens on \S+\n +→ \S+wazuh-control start/m);
  const json = await tipline(["doctor", "--json", "--config", rig.configPath]);
  assert.equal(json.code, 1);
  assert.equal(json.stderr, "");
  const checks = json.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as HopCheck);
  assert.deepEqual(
    checks.filter(({ status }) => status === "fail").map(({ hop }) => hop),
    ["analysisd"],
  );
  for (const check of checks) assert.deepEqual(Object.keys(check).sort(), ["advice", "found", "hop", "name", "status"]);
});

test("the side of Wazuh alone needs no configuration, and says honestly that there is no manager", async (t) => {
  const rig = await DoctorRig.create(t, { run: false });
  const options = { env: { TIPLINE_CONFIG: "" } };
  const well = await tipline(["doctor", "wazuh", "--prefix", rig.sim.prefix], options);
  assert.deepEqual([well.code, well.stdout], [0, ""], well.stderr);
  const none = await tipline(["doctor", "wazuh", "--prefix", "/nonexistent"], options);
  assert.equal(none.code, 1);
  assert.match(none.stdout, /FAIL {2}installation +expected a Wazuh manager in \/nonexistent/);
});

test("flags of a sub-command reach it", async (t) => {
  const rig = await DoctorRig.create(t, { run: false });
  const { code, stdout } = await tipline(["doctor", "misp", "--json", "--config", rig.configPath]);
  assert.equal(code, 0, stdout);
  const [first] = stdout.split("\n");
  assert.equal((JSON.parse(first ?? "") as { server: string }).server, "main");
});

test("Tipline's user is that of the process that runs", async (t) => {
  const rig = await DoctorRig.create(t, { run: false });
  const line = new LineProcess(rig.configPath, 0);
  t.after(() => line.kill("SIGKILL"));
  await line.until("its control socket", async () => {
    const { stdout } = await tipline(["doctor", "-v", "--config", rig.configPath]);
    return new RegExp(`user and groups +\\S+ \\(process ${line.child.pid}\\)`).test(stdout);
  });
});
