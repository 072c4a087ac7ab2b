import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cliCommand } from "../support/cli.ts";
import { layPrefix } from "../support/install-rig.ts";
import { SHAPES } from "../support/ossec-shapes.ts";
import { tempDir } from "../support/temp.ts";

const mayMount = process.geteuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0;

/** Installs where `folder` is an empty file system that nobody can write to, as in a container that is read-only. */
function installOn(folder: string, prefix: string, ...flags: readonly string[]) {
  const script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"';
  const install = [...cliCommand(), "install", "wazuh", "--prefix", prefix, "--no-user", "--no-reload", "--yes"];
  const args = ["-m", "sh", "-c", script, "sh", folder, ...install, ...flags];
  return spawnSync("unshare", args, { encoding: "utf8" });
}

function ground(t: TestContext) {
  const root = tempDir(t);
  const prefix = join(root, "ossec");
  layPrefix(prefix, SHAPES["stock"] ?? "");
  return { root, prefix, rules: join(prefix, "etc/rules/tipline_rules.xml") };
}

test("without a place for the configuration the rules are installed all the same", { skip: !mayMount }, (t) => {
  const { prefix, rules } = ground(t);
  const { status, stderr } = installOn("/etc", prefix);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /no \/etc\/tipline\/tipline\.yaml was written/);
  assert.ok(existsSync(rules));
});

test("a file that cannot be written where it was asked for: all is put back", { skip: !mayMount }, (t) => {
  const { root, prefix, rules } = ground(t);
  const folder = join(root, "read-only");
  mkdirSync(folder);
  const { status, stderr } = installOn(folder, prefix, "--config-file", join(folder, "tipline/tipline.yaml"));
  assert.equal(status, 1);
  assert.match(stderr, /its file system is read-only.*\nnothing is changed: what was done was put back/);
  assert.ok(!existsSync(rules) && !existsSync(join(prefix, "backup")));
});
