import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { packageRoot } from "../../src/lib/package-root.ts";
import { cliCommand, fromRoot } from "../support/cli.ts";
import { tempDir } from "../support/temp.ts";
import { createWazuhSim } from "../support/wazuh-sim/sim.ts";

const FEED = ["--feed", fromRoot("examples/demo/feed")];
const ALERTS = fromRoot("examples/demo/alerts.ndjson");

/** Runs `tipline ARGS` with its output going there; a pipe's reader leaves at once. */
function run(args: readonly string[], stdout: number | "pipe", env: NodeJS.ProcessEnv = {}) {
  const [command = "", ...before] = cliCommand();
  const child = spawn(command, [...before, ...args], {
    cwd: packageRoot(),
    env: { ...process.env, NODE_TEST_CONTEXT: "", NO_COLOR: "1", ...env },
    stdio: ["ignore", stdout, "pipe"],
  });
  child.stdout?.destroy();
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise<{ code: number | null; stderr: string }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stderr }));
  });
}

describe("output onto a full disk", { skip: !existsSync("/dev/full") }, () => {
  for (const args of [
    ["enrich", ...FEED, ALERTS],
    ["explain", ...FEED, ALERTS],
    ["lookup", ...FEED, "8.8.8.8"],
    ["hunt", ...FEED, ALERTS],
    ["config", "example"],
    ["demo", "--once", "--rate", "5000"],
  ])
    it(`${args[0]} says so once, blames nothing else, and fails`, async (t) => {
      const full = openSync("/dev/full", "w");
      t.after(() => closeSync(full));
      const dir = tempDir(t);
      const { code, stderr } = await run(args, full, { XDG_CACHE_HOME: dir, TMPDIR: dir });
      assert.equal(code, 1, stderr);
      assert.equal(stderr.split("no space left on device").length - 1, 1, stderr);
      assert.match(stderr, /tipline: the output cannot be written: ENOSPC/);
      assert.doesNotMatch(stderr, /\n {4}at /);
    });
});

describe("install and uninstall whose output nobody reads", { timeout: 600_000 }, () => {
  it("do not end with 0 where nothing was done", async (t) => {
    const sim = await createWazuhSim({ t });
    const rules = join(sim.prefix, "etc/rules/tipline_rules.xml");
    const where = ["--prefix", sim.prefix];
    const config = ["--no-user", "--config-file", join(tempDir(t), "tipline.yaml")];
    const first = await run(["install", "wazuh", ...where, ...config, "--yes"], "pipe");
    assert.equal(first.code === 0, existsSync(rules), first.stderr);
    const planned = await run(["install", "wazuh", ...where, ...config, "--dry-run"], "pipe");
    assert.equal(planned.code, 0, planned.stderr);
  });
});
