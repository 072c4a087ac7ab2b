import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Store } from "../../../../src/setup/wazuh/backup.ts";
import { install, uninstall } from "../../../../src/setup/wazuh/install.ts";
import { installRig, layPrefix, snapshot } from "../../../support/install-rig.ts";
import { SHAPES } from "../../../support/ossec-shapes.ts";
import { tempDir } from "../../../support/temp.ts";

function ground(t: Parameters<typeof tempDir>[0]) {
  const root = tempDir(t);
  const dir = join(root, "ossec");
  layPrefix(dir, SHAPES["stock"] ?? "");
  const rig = installRig(dir);
  const options = { hook: true, configFile: join(root, "etc/tipline.yaml"), stateDir: join(root, "state") };
  return {
    root,
    dir,
    rig,
    store: join(dir, "backup/tipline"),
    options,
    install: () => install(rig.request, options, rig.world),
    uninstall: (purge = false) => uninstall({ ...rig.request, purge }, rig.world),
  };
}

describe("the installer's backup", () => {
  it("has what was found, with its mode, in a folder of that time that nobody else may enter", async (t) => {
    const { dir, store, install } = ground(t);
    chmodSync(join(dir, "etc/ossec.conf"), 0o640);
    const before = readFileSync(join(dir, "etc/ossec.conf"));
    await install();
    const [stamp = ""] = [...snapshot(store).keys()].filter((path) => /^\d{8}T\d{6}\.\d{3}Z$/.test(path));
    assert.deepEqual(readFileSync(join(store, stamp, "found/etc/ossec.conf")), before);
    assert.equal(statSync(join(store, stamp, "found/etc/ossec.conf")).mode & 0o7777, 0o640);
    assert.equal(statSync(store).mode & 0o7777, 0o700);
  });

  it("keeps a second run out while one is under way", (t) => {
    const { dir } = ground(t);
    const [first, second] = [new Store(dir), new Store(dir)];
    first.open();
    assert.throws(() => second.open(), /another install or uninstall is under way/);
    first.close();
    second.open();
    second.close();
    assert.equal(existsSync(join(dir, "backup")), false, "a store that holds nothing is not left behind");
  });

  it("is not trusted where others may write to it", async (t) => {
    const { dir, store, install } = ground(t);
    mkdirSync(store, { recursive: true });
    chmodSync(store, 0o770);
    const before = snapshot(dir);
    await assert.rejects(
      install(),
      /backup\/tipline: expected a folder of user \d+ that only it may enter, found mode 770/,
    );
    assert.deepEqual(snapshot(dir), before);
  });

  it("is not made through a link", async (t) => {
    const { root, dir, install } = ground(t);
    mkdirSync(join(root, "elsewhere"));
    symlinkSync(join(root, "elsewhere"), join(dir, "backup"));
    await assert.rejects(install(), /expected a folder, found something else at backup/);
    assert.deepEqual([...snapshot(join(root, "elsewhere")).keys()], [""]);
  });

  it("that cannot be understood stops everything, with the way out", async (t) => {
    const { store, install, uninstall } = ground(t);
    await install();
    for (const text of ["{", '{"version":2,"runs":[]}', '{"version":1,"runs":[{"stamp":"../../x"}]}']) {
      writeFileSync(join(store, "installed.json"), text);
      for (const act of [install, uninstall])
        await assert.rejects(act(), /cannot be understood.*put them back by hand/s);
    }
  });

  it("that is gone leaves an uninstall by name", async (t) => {
    const { dir, rig, store, install, uninstall } = ground(t);
    const before = snapshot(dir);
    await install();
    rmSync(store, { recursive: true });
    await uninstall(true);
    assert.ok(rig.plans.at(-1)?.notes.some((note) => note.includes("there is no record")));
    const after = new Map(
      [...snapshot(dir)].filter(([path]) => !path.startsWith("backup") && path !== "queue/tipline"),
    );
    assert.deepEqual(after, before);
  });
});

describe("what uninstall leaves without --purge", () => {
  it("user, state and configuration stay, and go with --purge later", async (t) => {
    const { root, rig, options, install, uninstall } = ground(t);
    const before = snapshot(root);
    await install();
    assert.equal(rig.accounts.made.length, 3);
    await uninstall();
    assert.ok(existsSync(options.configFile));
    assert.ok(existsSync(options.stateDir));
    assert.equal(rig.accounts.made.length, 3);
    await uninstall(true);
    assert.deepEqual(rig.accounts.made, []);
    assert.deepEqual(snapshot(root), before);
  });

  it("an edited configuration and a state that is in use stay even then", async (t) => {
    const { rig, options, install, uninstall } = ground(t);
    await install();
    writeFileSync(options.configFile, "feeds: {}\n");
    writeFileSync(join(options.stateDir, "journal"), "x");
    await uninstall(true);
    assert.equal(readFileSync(options.configFile, "utf8"), "feeds: {}\n");
    assert.ok(rig.plans.at(-1)?.notes.some((note) => note.includes("tipline.yaml stays: it was edited since")));
    assert.ok(existsSync(join(options.stateDir, "journal")));
  });
});
