import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { cli, cliCommand } from "../support/cli.ts";
import { indicatorList, matchingAlert, quietAlert } from "../support/independent-count-alerts.ts";
import { tempDir } from "../support/temp.ts";

/** Without WebAssembly. */
const env = { NODE_OPTIONS: "--jitless", TIPLINE_CONFIG: "" };
const WORDS = "the fast gate cannot run here: every alert is parsed";

test("a hunt says once that the gate cannot run, whoever reads", async (t) => {
  const dir = tempDir(t);
  const path = join(dir, "a.json");
  writeFileSync(path, `${quietAlert(1)}\n${matchingAlert(1)}\n`);
  writeFileSync(join(dir, "feed.txt"), indicatorList(3));
  for (const threads of ["0", "2"]) {
    const { code, stdout, stderr } = await cli(
      ["hunt", "--feed", join(dir, "feed.txt"), "--threads", threads, "--json", path],
      { env: { ...env, XDG_CACHE_HOME: join(dir, `cache ${threads}`) } },
    );
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).findings, 1);
    assert.equal(stderr.split(WORDS).length - 1, 1, `${threads} threads: ${stderr}`);
  }
});

test("a line's own hunting says it once, not in every batch", (t) => {
  const path = join(tempDir(t), "a.json");
  writeFileSync(path, `${quietAlert(1)}\n`);
  const [command = "", ...before] = cliCommand().slice(0, -1);
  const built = import.meta.url.endsWith(".js") ? "js" : "ts";
  const script = fileURLToPath(new URL(`../support/hunt-thread-process.${built}`, import.meta.url));
  const { stdout, stderr } = spawnSync(command, [...before, script, path], {
    env: { ...process.env, ...env, NODE_TEST_CONTEXT: "" },
    encoding: "utf8",
  });
  assert.equal(stdout, `${WORDS}\n1 lines\n1 lines\n`, stderr);
});
