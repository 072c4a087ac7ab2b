import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cli } from "../support/cli.ts";
import { tempDir } from "../support/temp.ts";

function setUp(t: TestContext) {
  const dir = tempDir(t);
  const units = join(dir, "units");
  mkdirSync(units);
  writeFileSync(join(dir, "tipline.yaml"), "feeds: { demo: { type: misp-feed, path: /srv/feed } }\n");
  const args = ["--config", join(dir, "tipline.yaml"), "--unit-dir", units, "--user", "nobody-has-this-name"];
  return { units, args };
}

test("install systemd shows the unit and what is missing, with the commands that cure it, and changes nothing", async (t) => {
  const { units, args } = setUp(t);
  for (const more of [["--dry-run"], ["--yes"], ["--yes", "--start"]]) {
    const { code, stdout, stderr } = await cli(["install", "systemd", ...args, ...more]);
    assert.equal(code, 1, stderr);
    assert.match(stdout, /^\+NoNewPrivileges=yes$/m);
    assert.match(stderr, /there is no user nobody-has-this-name\n +→ useradd --system /);
    assert.match(stderr, /nothing was changed/);
    assert.deepEqual(readdirSync(units), []);
  }
});

test("uninstall systemd asks, leaves another's unit alone, and is content with none", async (t) => {
  const { units } = setUp(t);
  const uninstall = (...more: string[]) => cli(["uninstall", "systemd", "--unit-dir", units, ...more]);
  assert.equal((await uninstall()).code, 2, "nobody to ask");
  assert.equal((await uninstall("--yes")).code, 0);
  writeFileSync(join(units, "tipline.service"), "[Service]\nExecStart=/bin/true\n");
  const { code, stderr } = await uninstall("--yes");
  assert.equal(code, 1);
  assert.match(stderr, /expected Tipline's own unit/);
  assert.ok(existsSync(join(units, "tipline.service")));
});
