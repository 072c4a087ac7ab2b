import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { install, uninstall } from "../../../../src/setup/fluent-bit/install.ts";
import { render } from "../../../../src/setup/fluent-bit/render.ts";
import { changeDiff } from "../../../../src/setup/wazuh/plan.ts";
import { healthy } from "../../../support/fluent-bit-config.ts";
import { fluentBitRig, TOKEN } from "../../../support/fluent-bit-rig.ts";
import { snapshot } from "../../../support/install-rig.ts";
import { tempDir } from "../../../support/temp.ts";

describe("install fluent-bit", () => {
  test("writes configuration, EnvironmentFile and unit; the secret is in the second alone, 0600", async (t) => {
    const root = tempDir(t);
    const { request, world, dir, units } = fluentBitRig(root, { version: "4.2.8" });
    const { status } = await install(request, world);
    assert.equal(status, "done");
    const conf = readFileSync(join(dir, "tipline.conf"), "utf8");
    assert.equal(conf, render(healthy(), "classic"));
    assert.equal(readFileSync(join(root, "seen"), "utf8"), conf);
    assert.equal(readFileSync(join(dir, "tipline.env"), "utf8"), `TIPLINE_TOKEN=${TOKEN}\n`);
    assert.equal(statSync(join(dir, "tipline.env")).mode & 0o777, 0o600);
    const unit = readFileSync(join(units, "fluent-bit-tipline.service"), "utf8");
    assert.ok(unit.includes(`EnvironmentFile=${dir}/tipline.env`) && unit.includes(`-c ${dir}/tipline.conf`));
    assert.ok(!(conf + unit).includes(TOKEN));
  });

  test("again: nothing to do; another format: the one goes as the other comes", async (t) => {
    const { request, world, dir } = fluentBitRig(tempDir(t));
    await install(request, world);
    const before = snapshot(dir);
    assert.equal((await install({ ...request, token: undefined }, world)).status, "unchanged");
    assert.deepEqual(snapshot(dir), before);
    await install({ ...request, format: "yaml" }, world);
    assert.ok(existsSync(join(dir, "tipline.yaml")) && !existsSync(join(dir, "tipline.conf")));
  });

  test("a dry run writes nothing, and no plan shows the token, also not when it goes", async (t) => {
    const root = tempDir(t);
    const { request, world, dir, plans, said } = fluentBitRig(root);
    const before = snapshot(root);
    assert.equal((await install({ ...request, dryRun: true }, world)).status, "planned");
    assert.deepEqual(snapshot(root), before);
    await install(request, world);
    await uninstall({ dir, dryRun: false }, world);
    assert.equal(plans.length, 3);
    const diffs = plans.flatMap(({ changes }) =>
      changes.map((change) => (change.kind === "file" ? changeDiff(change, dir) : "")),
    );
    assert.ok(diffs.some((diff) => diff.includes("[OUTPUT]")));
    assert.ok(!(diffs.join("") + said.join("")).includes(TOKEN));
  });

  test("uninstall puts everything back, to the byte and mode", async (t) => {
    const root = tempDir(t);
    const { request, world, dir } = fluentBitRig(root);
    writeFileSync(join(dir, "fluent-bit.conf"), "[SERVICE]\n    Flush 1\n");
    writeFileSync(join(dir, "tipline.env"), "OTHER=1\n", { mode: 0o640 });
    const before = snapshot(root);
    await install(request, world);
    assert.equal(readFileSync(join(dir, "tipline.env"), "utf8"), `OTHER=1\nTIPLINE_TOKEN=${TOKEN}\n`);
    await install({ ...request, format: "yaml" }, world);
    assert.equal((await uninstall({ dir, dryRun: false }, world)).status, "done");
    assert.deepEqual(snapshot(root), before);
    assert.equal((await uninstall({ dir, dryRun: false }, world)).status, "unchanged");
    assert.deepEqual(snapshot(root), before);
  });

  test("where fluent-bit --dry-run refuses it, all is put back", async (t) => {
    const root = tempDir(t);
    const { request, world } = fluentBitRig(root, { version: "5.1.1", accepts: false });
    const before = snapshot(root);
    await assert.rejects(install(request, world), /--dry-run does not accept it[\s\S]*nothing is changed/);
    assert.deepEqual(snapshot(root, ["seen"]), before);
  });

  test("a run that ends at any step leaves all or nothing", async (t) => {
    for (let at = 0; at < 8; at++) {
      const root = tempDir(t);
      let step = 0;
      const before = () => {
        if (step++ === at) throw new Error("cut off");
      };
      const { request, world } = fluentBitRig(root, { before });
      const found = snapshot(root);
      const outcome = await install(request, world).catch(() => undefined);
      if (outcome === undefined && step <= 7) assert.deepEqual(snapshot(root), found, `step ${at}`);
    }
  });

  test("files of others, links and a missing folder are refused", async (t) => {
    const { request, world, dir } = fluentBitRig(tempDir(t));
    writeFileSync(join(dir, "tipline.conf"), "[SERVICE]\n    Flush 1\n");
    await assert.rejects(install(request, world), /found another: move it away/);
    const linked = fluentBitRig(tempDir(t));
    symlinkSync("/etc/passwd", join(linked.dir, "tipline.conf"));
    await assert.rejects(install(linked.request, linked.world), /expected a regular file/);
    await assert.rejects(install({ ...request, dir: "/nowhere/fluent-bit" }, world), /--print/);
  });

  test("without the token it says how to give it, and does not start", async (t) => {
    const { request, world, plans } = fluentBitRig(tempDir(t), { live: true });
    await install({ ...request, token: undefined }, world);
    assert.match(plans[0]?.notes.join("\n") ?? "", /TIPLINE_TOKEN=TOKEN, into .*tipline\.env \(root's, mode 0600\)/);
    await assert.rejects(install({ ...request, token: undefined, start: true }, world), { code: "TIP_USAGE_INVALID" });
  });

  test("systemd is told; when it refuses, all is put back", async (t) => {
    const root = tempDir(t);
    const rig = fluentBitRig(root, { live: true });
    await install({ ...rig.request, start: true }, rig.world);
    assert.deepEqual(rig.systemctl, [
      "daemon-reload",
      "enable fluent-bit-tipline.service",
      "restart fluent-bit-tipline.service",
    ]);
    await uninstall({ dir: rig.dir, dryRun: false }, rig.world);
    assert.deepEqual(rig.systemctl.slice(3), ["disable --now fluent-bit-tipline.service", "daemon-reload"]);
    const before = snapshot(root);
    rig.answer = { code: 1, output: "Failed" };
    await assert.rejects(install({ ...rig.request, start: true }, rig.world), /Failed[\s\S]*nothing is changed/);
    assert.deepEqual(snapshot(root), before);
    assert.deepEqual(rig.systemctl.slice(-2), ["daemon-reload", "try-restart fluent-bit-tipline.service"]);
  });

  test("without a unit it says who has to start it, and how", async (t) => {
    const { request, world, plans, units } = fluentBitRig(tempDir(t));
    await install({ ...request, unitDir: undefined }, world);
    assert.ok(!existsSync(join(units, "fluent-bit-tipline.service")));
    assert.match(plans[0]?.notes.join("\n") ?? "", /start Fluent Bit with -c .*in group wazuh/);
  });
});
