import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { cliCommand } from "../support/cli.ts";
import { layPrefix } from "../support/install-rig.ts";
import { SHAPES } from "../support/ossec-shapes.ts";
import { tempDir } from "../support/temp.ts";

const readOnlyFolder = new URL(
  `../support/read-only-folder.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`,
  import.meta.url,
);
const mayMount =
  process.geteuid?.() === 0 && spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

/**
 * Installs where `folder` is an empty file system that nobody can write to, as in a container that is read-only; without the right
 * to mount one, where every call that would write there is answered as such a file system answers.
 */
function installOn(folder: string, prefix: string, ...flags: readonly string[]) {
  const [node = "", ...rest] = cliCommand();
  const main = rest.pop() ?? "";
  const install = ["install", "wazuh", "--prefix", prefix, "--no-user", "--no-reload", "--yes", ...flags];
  if (!mayMount) {
    const env = { ...process.env, TIPLINE_TEST_READ_ONLY: folder };
    const args = [...rest, "--import", fileURLToPath(readOnlyFolder), main, ...install];
    return spawnSync(node, args, { encoding: "utf8", env });
  }
  const script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"';
  return spawnSync("unshare", ["-m", "sh", "-c", script, "sh", folder, node, ...rest, main, ...install], {
    encoding: "utf8",
  });
}

function ground(t: TestContext) {
  const root = tempDir(t);
  const prefix = join(root, "ossec");
  layPrefix(prefix, SHAPES["stock"] ?? "");
  return { root, prefix, rules: join(prefix, "etc/rules/tipline_rules.xml") };
}

test("without a place for the configuration the rules are installed all the same", (t) => {
  const { prefix, rules } = ground(t);
  const { status, stderr } = installOn("/etc", prefix);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /no \/etc\/tipline\/tipline\.yaml was written/);
  assert.ok(existsSync(rules));
});

test("a file that cannot be written where it was asked for: all is put back", (t) => {
  const { root, prefix, rules } = ground(t);
  const folder = join(root, "read-only");
  mkdirSync(folder);
  const { status, stderr } = installOn(folder, prefix, "--config-file", join(folder, "tipline/tipline.yaml"));
  assert.equal(status, 1);
  assert.match(stderr, /its file system is read-only.*\nnothing is changed: what was done was put back/);
  assert.ok(!existsSync(rules) && !existsSync(join(prefix, "backup")));
});
