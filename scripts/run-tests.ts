import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { packageRoot } from "../src/lib/package-root.ts";

/**
 * Runs every built test file with node:test. The files are listed here because `node --test` with a glob fails on Node 20 and
 * with a directory on 24; the reporter is pinned because its default differs between versions.
 */
function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith(".test.js") ? [path] : [];
  });
}

const wanted = process.argv.slice(2);
const files = testFiles(join(packageRoot(), ".build/test"))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
/** A file that hangs is a failure with its name after so many milliseconds; the slowest takes about 50 s on a quiet machine. */
const FILE_TIMEOUT = 900_000;
/** The whole run; a process that a test left behind and that holds our output would make it wait for ever. */
const RUN_TIMEOUT = 4_200_000;
const account = join(mkdtempSync(join(tmpdir(), "tipline-tests-")), "tap");
const run = spawnSync(
  process.execPath,
  [
    "--import",
    pathToFileURL(join(packageRoot(), ".build/test/support/fuzz-seed.js")).href,
    "--test",
    "--test-concurrency=2",
    `--test-timeout=${FILE_TIMEOUT}`,
    "--test-reporter=tap",
    `--test-reporter-destination=${account}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    ...files,
  ],
  { stdio: "inherit", cwd: packageRoot(), timeout: RUN_TIMEOUT, killSignal: "SIGKILL" },
);
const skipped = readFileSync(account, "utf8").match(/^\s*ok .* # SKIP.*$/gm) ?? [];
rmSync(dirname(account), { recursive: true, force: true });
if (process.env["CI"] === "true" && skipped.length > 0) {
  process.stderr.write(`in CI a skip is a failure:\n${skipped.join("\n")}\n`);
  process.exit(1);
}
process.exit(run.status ?? 1);
