import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { packageRoot } from "../../src/lib/package-root.ts";

/**
 * Folder of the shared real data, or undefined where it is absent: then the test is skipped with a reason, and with
 * `CI=true` it fails, because there the data must be present.
 */
export function sharedDir(): string | undefined {
  const folder = process.env["TIPLINE_SHARED"] ?? join(packageRoot(), "..", "shared");
  return existsSync(join(folder, "data")) ? folder : undefined;
}

/** `sharedDir()`, or skips (CI: fails) the running test and gives undefined. */
export function sharedOrSkip(t: TestContext): string | undefined {
  const folder = sharedDir();
  if (folder === undefined) {
    if (process.env["CI"] === "true")
      throw new Error("the shared data folder is absent, and in CI a skip is a failure");
    t.skip("the shared data folder is absent (set TIPLINE_SHARED)");
  }
  return folder;
}
