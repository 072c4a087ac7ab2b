import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { lockState } from "../../../src/store/state-lock.ts";
import { tempDir } from "../../support/temp.ts";

/** How this process itself runs TypeScript, if it does; without the flags of the test runner. */
const loader = process.execArgv.filter((_, i, all) => all[i] === "--import" || all[i - 1] === "--import");

test("one holder at a time; the error names its process", (t) => {
  const dir = join(tempDir(t), "state");
  const lock = lockState(dir);
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  assert.throws(() => lockState(dir), { code: "TIP_STATE_LOCKED", message: new RegExp(`process ${process.pid}\\b`) });
  lock.release();
  lock.release();
  const second = lockState(dir);
  assert.equal(readFileSync(join(dir, "lock"), "latin1"), `${process.pid}\n`);
  second.release();
});

test("what is left in the file of an ended holder does not matter", (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, "lock"), `1\n${"x".repeat(10_000)}`);
  lockState(dir).release();
});

test("the lock of a killed process is free at once", async (t) => {
  const dir = tempDir(t);
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const module = new URL(`../../../src/store/state-lock${extension}`, import.meta.url).href;
  const code = `import(${JSON.stringify(module)}).then(({ lockState }) => {
    globalThis.lock = lockState(${JSON.stringify(dir)});
    console.log("held");
    setInterval(() => undefined, 1000);
  })`;
  const child = spawn(process.execPath, [...loader, "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  assert.throws(() => lockState(dir), { code: "TIP_STATE_LOCKED", message: new RegExp(`process ${child.pid}\\b`) });
  child.kill("SIGKILL");
  await once(child, "exit");
  lockState(dir).release();
});

test("a folder that cannot be made is a clear error", (t) => {
  const file = join(tempDir(t), "file");
  writeFileSync(file, "");
  assert.throws(() => lockState(join(file, "state")), { code: "TIP_CONFIG_INVALID", message: /file\/state/ });
});
