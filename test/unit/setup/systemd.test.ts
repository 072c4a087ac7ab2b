import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { packageRoot } from "../../../src/lib/package-root.ts";
import { applySystemd, planSystemd, type Ran, removeSystemd, type SystemdOptions } from "../../../src/setup/systemd.ts";
import { tempDir } from "../../support/temp.ts";

interface Host {
  readonly options: SystemdOptions;
  readonly unit: string;
  readonly calls: string[];
  /** Answers by program and first argument; others end well. */
  readonly answers: Map<string, Partial<Ran>>;
}

function host(t: TestContext, { live = true, config = "feeds: {}\n" } = {}): Host {
  const dir = tempDir(t);
  const unitDir = join(dir, "system");
  for (const folder of ["system", "keys", "run", ...(live ? ["run/systemd", "run/systemd/system"] : [])])
    mkdirSync(join(dir, folder));
  writeFileSync(join(dir, "tipline.yaml"), config);
  const calls: string[] = [];
  const { uid, gid } = statSync(dir);
  const answers = new Map<string, Partial<Ran>>([
    ["getent passwd", { stdout: `tipline:x:${uid}:${gid}::/:/bin/false\n` }],
  ]);
  const options: SystemdOptions = {
    config: join(dir, "tipline.yaml"),
    prefix: "/var/ossec",
    user: "tipline",
    wazuhGroup: "wazuh",
    credentialsDir: join(dir, "keys"),
    unitDir,
    node: "/usr/bin/node",
    package: packageRoot(),
    root: dir,
    async run(program, args) {
      calls.push([program, ...args].join(" "));
      return { code: 0, stdout: "", stderr: "", ...answers.get(`${program} ${args[0]}`) };
    },
  };
  return { options, unit: join(unitDir, "tipline.service"), calls, answers };
}

const failing = (checks: readonly { name: string; status: string }[]) =>
  checks.flatMap(({ name, status }) => (status === "fail" ? [name] : []));

/** A test's files are in /tmp and a checkout may be in a home folder, which a service cannot see: not the subject. */
const others = (checks: readonly { name: string; status: string }[]) =>
  failing(checks).filter((name) => !["node", "package", "config"].includes(name));

test("a plan changes nothing; applied, it is verified, systemd is told, and a second time there is nothing to do", async (t) => {
  const { options, unit, calls } = host(t);
  const plan = await planSystemd(options);
  assert.deepEqual(others(plan.checks), []);
  assert.ok(!existsSync(unit) && plan.diff.includes("+ExecStart=/usr/bin/node"));
  calls.length = 0;
  await applySystemd(plan, options.run, true);
  assert.equal(readFileSync(unit, "utf8"), plan.after);
  assert.equal(statSync(unit).mode & 0o777, 0o644);
  assert.deepEqual(calls, [
    `systemd-analyze verify --man=no ${unit}`,
    "systemctl daemon-reload",
    "systemctl enable tipline.service",
    "systemctl restart tipline.service",
  ]);
  const again = await planSystemd(options);
  assert.equal(again.diff, "");
  calls.length = 0;
  assert.deepEqual(await applySystemd(again, options.run, false), []);
  assert.deepEqual(calls, []);
});

test("where systemd does not run the unit is written and nobody is told", async (t) => {
  const { options, unit, calls } = host(t, { live: false });
  const plan = await planSystemd(options);
  calls.length = 0;
  await applySystemd(plan, options.run, true);
  assert.ok(existsSync(unit));
  assert.deepEqual(calls, [`systemd-analyze verify --man=no ${unit}`]);
  calls.length = 0;
  await removeSystemd(options.unitDir, options.run, options.root);
  assert.deepEqual(calls, []);
  assert.ok(!existsSync(unit));
});

test("what systemd refuses is taken back, byte for byte", async (t) => {
  for (const [program, before] of [
    ["systemd-analyze verify", undefined],
    ["systemctl daemon-reload", "# Tipline beside a Wazuh manager.\n# an older one\n"],
  ] as const) {
    const { options, unit, answers } = host(t);
    if (before !== undefined) writeFileSync(unit, before, { mode: 0o600 });
    answers.set(program, { code: 1, stderr: "tipline.service:3: bad" });
    await assert.rejects(applySystemd(await planSystemd(options), options.run, false), { code: "TIP_INPUT_INVALID" });
    assert.equal(existsSync(unit) ? readFileSync(unit, "utf8") : undefined, before);
    if (before !== undefined) assert.equal(statSync(unit).mode & 0o777, 0o600);
  }
});

test("without systemd-analyze the unit is written all the same", async (t) => {
  const { options, unit, answers } = host(t);
  answers.set("systemd-analyze verify", { code: undefined });
  await applySystemd(await planSystemd(options), options.run, false);
  assert.ok(existsSync(unit));
});

test("another's unit is neither replaced nor removed, and a link not followed", async (t) => {
  const { options, unit } = host(t);
  writeFileSync(unit, "[Service]\nExecStart=/bin/true\n");
  assert.ok(failing((await planSystemd(options)).checks).includes("unit"));
  await assert.rejects(removeSystemd(options.unitDir, options.run, options.root), { code: "TIP_INPUT_INVALID" });
  assert.ok(existsSync(unit));
  rmSync(unit);
  symlinkSync("/dev/null", unit);
  await assert.rejects(planSystemd(options), { code: "TIP_INPUT_INVALID" });
});

test("removal stops, disables, removes and tells; twice is once", async (t) => {
  const { options, unit, calls } = host(t);
  await applySystemd(await planSystemd(options), options.run, false);
  calls.length = 0;
  assert.equal((await removeSystemd(options.unitDir, options.run, options.root)).length, 2);
  assert.ok(!existsSync(unit));
  assert.deepEqual(calls, ["systemctl disable --now tipline.service", "systemctl daemon-reload"]);
  assert.deepEqual(await removeSystemd(options.unitDir, options.run, options.root), []);
});

test("what the service would miss fails beforehand, with the command that cures it", async (t) => {
  const { options, answers } = host(t, {
    config:
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own
      'state_dir: /nowhere/tipline\nfeeds: { m: { type: misp-server, key_file: "${CREDENTIALS_DIRECTORY}/misp.key" } }\n',
  });
  answers.set("getent passwd", { code: 2 });
  answers.set("getent group", { code: 2 });
  const { checks } = await planSystemd({ ...options, node: "/root/.nvm/node" });
  const bad = new Map(checks.filter(({ status }) => status === "fail").map((check) => [check.name, check]));
  assert.match(bad.get("user")?.advice ?? "", /^useradd --system .*tipline$/);
  assert.match(bad.get("group")?.found ?? "", /wazuh/);
  assert.match(bad.get("credential")?.advice ?? "", /^install -D -m 0600 .*keys\/misp\.key$/);
  assert.match(bad.get("paths")?.advice ?? "", /^install -d -o tipline .*\/nowhere\/tipline$/);
  assert.match(bad.get("node")?.found ?? "", /cannot see \/root/);
});

test("a configuration or key that the service's user may not read is told", async (t) => {
  const { options, answers } = host(t, {
    config: "feeds: { m: { type: misp-server, key_file: /nowhere/misp.key } }\n",
  });
  chmodSync(options.config, 0o640);
  answers.set("getent passwd", { stdout: "tipline:x:4000001:4000001::/:/bin/false\n" });
  const { checks } = await planSystemd(options);
  assert.deepEqual(others(checks), ["readable", "readable"]);
  assert.match(checks.find(({ name }) => name === "readable")?.advice ?? "", /^chgrp tipline .* && chmod 640 /);
});

test("a host without systemd's folder is told so", async (t) => {
  const { options } = host(t);
  const nowhere = { ...options, unitDir: join(options.unitDir, "none") };
  await assert.rejects(planSystemd(nowhere), { code: "TIP_INPUT_INVALID", message: /--unit-dir/ });
  await assert.rejects(removeSystemd(nowhere.unitDir, options.run), { code: "TIP_INPUT_INVALID" });
});
