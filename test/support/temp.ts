import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A fresh folder, removed when the test ends. */
export function tempDir(t: Pick<TestContext, "after">): string {
  const dir = mkdtempSync(join(tmpdir(), "tipline-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Runs with a fresh folder and removes it afterwards. */
export async function withTemp<T>(run: (dir: string) => Promise<T> | T): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "tipline-"));
  try {
    return await run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

let cache: string | undefined;

/** For commands, instead of the user's own, which test files that run at the same time would share. Goes with this process. */
export function cacheHome(): string {
  if (cache === undefined) {
    const made = mkdtempSync(join(tmpdir(), "tipline-cache-"));
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
    cache = made;
  }
  return cache;
}
