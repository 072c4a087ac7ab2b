import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
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
const run = spawnSync(process.execPath, ["--test", "--test-reporter=spec", "--test-concurrency=2", ...files], {
  stdio: "inherit",
  cwd: packageRoot(),
});
process.exit(run.status ?? 1);
