import { chmodSync } from "node:fs";

/** Runs `use` as a user who may not look into `dir`; where the test is root, root becomes nobody for that long. */
export function asNobody(dir: string, use: () => void): void {
  const root = process.geteuid?.() === 0;
  chmodSync(dir, 0);
  if (root) process.seteuid?.(65_534);
  try {
    use();
  } finally {
    if (root) process.seteuid?.(0);
    chmodSync(dir, 0o700);
  }
}
