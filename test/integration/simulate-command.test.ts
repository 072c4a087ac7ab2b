import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderRules } from "../../src/setup/wazuh/rules.ts";
import { CanaryLine } from "../support/canary-line.ts";
import { tipline } from "../support/line-process.ts";
import { tempDir } from "../support/temp.ts";
import { createWazuhSim } from "../support/wazuh-sim/sim.ts";

test("simulate --list names every scenario, for people and machines", async () => {
  const { code, stdout } = await tipline(["simulate", "--list", "--json"]);
  assert.equal(code, 0);
  const names = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).name);
  assert.deepEqual(names.slice(0, 2), ["ssh-login", "sysmon-process"]);
  const people = await tipline(["simulate", "--list"]);
  for (const name of names) assert.ok(people.stdout.includes(name));
});

test("simulate shows each hop and ends with 0, or with 1 at the one that it did not pass", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const line = await CanaryLine.start(t, sim, { config: { canary: { enabled: false } } });
  const passed = await tipline(["simulate", "web-access", "--json", "--wait", "20s", "-c", line.config]);
  assert.equal(passed.code, 0, passed.stderr);
  const hops = passed.stdout
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text));
  assert.deepEqual(hops.map(({ hop }) => hop).slice(1), ["sent", "alert", "read", "matched", "delivered", "rule"]);
  assert.equal(hops.at(-1).rule, "100622");
  await line.stop();
  const stopped = await tipline(["simulate", "web-access", "--wait", "8s", "-c", line.config]);
  assert.equal(stopped.code, 1);
  assert.match(stopped.stdout, /failed +read +no Tipline is running.*\n.*→ start it: `tipline run`/);
  const printed = await tipline(["simulate", "ssh-login", "--as", "log", "-c", line.config]);
  assert.equal(printed.code, 0);
  assert.match(printed.stdout, /sshd\[4242\]: Accepted password for tipline-sim-/);
});

test("simulate refuses what it cannot mean", async (t) => {
  const dir = tempDir(t);
  for (const [args, says] of [
    [["nonsense"], /expected one of ssh-login/],
    [[], /expected one of ssh-login/],
    [["ssh-login", "--as", "smoke"], /--as: expected event, log, alert/],
    [["ssh-login", "--as", "event", "--append", join(dir, "x")], /--append: an event goes into Wazuh's queue/],
    [["ssh-login", "--wait", "soon"], /--wait: expected a duration/],
  ] as const) {
    const { code, stderr } = await tipline(["simulate", ...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, says);
  }
});

test("simulate never makes a key, since an event with another one would look like an attack", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const line = await CanaryLine.start(t, sim, { config: { canary: { enabled: false } } });
  await line.stop();
  const settings = JSON.parse(readFileSync(line.config, "utf8"));
  const fresh = join(line.dir, "fresh.yaml");
  writeFileSync(fresh, JSON.stringify({ ...settings, state_dir: join(line.dir, "fresh") }));
  const without = await tipline(["simulate", "ssh-login", "-c", fresh]);
  assert.equal(without.code, 1);
  assert.match(without.stderr, /no key at .*finding\.key yet: start `tipline run` once/);
});

test("simulate without a sink of type wazuh: no event without a socket, and the note fits the shape", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const line = await CanaryLine.start(t, sim, { config: { canary: { enabled: false } } });
  const settings = JSON.parse(readFileSync(line.config, "utf8"));
  const config = join(line.dir, "api.yaml");
  const wazuh = { type: "wazuh-api", url: "http://127.0.0.1:9", user: "tipline", password: "none" };
  writeFileSync(config, JSON.stringify({ ...settings, sinks: { wazuh } }));
  const event = await tipline(["simulate", "ssh-login", "--as", "event", "-c", config]);
  assert.deepEqual([event.code, event.stdout], [2, ""]);
  assert.match(event.stderr, /--as event: .*no sink of type wazuh: give --socket/);
  const alert = await tipline(["simulate", "ssh-login", "-c", config]);
  assert.equal(alert.code, 0, alert.stderr);
  assert.match(alert.stdout, /^\{"timestamp"/);
  assert.match(alert.stderr, /printed only: append it with --append FILE to a file that a source reads/);
  assert.doesNotMatch(alert.stderr, /logcollector/);
  const log = await tipline(["simulate", "ssh-login", "--as", "log", "-c", config]);
  assert.match(log.stderr, /printed only: give it to logcollector with --append FILE/);
});
