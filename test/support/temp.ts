import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A folder of the test's own, gone when the test is over. Short enough for the path of a UNIX socket. */
export function tempDir(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tip-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
