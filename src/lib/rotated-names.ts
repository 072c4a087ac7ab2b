import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** `20261121T214550Z-000`: the time of rotation in UTC and a number for several within a second. */
const SUFFIX = /^\d{8}T\d{6}Z-\d{3}$/;

/** A name for the rotated file that no file has yet; names sort by age. */
export async function freeName(path: string, time: number): Promise<string> {
  const at = new Date(time).toISOString().replace(/[-:]|\.\d+/g, "");
  for (let number = 0; number < 1000; number += 1) {
    const name = `${path}.${at}-${String(number).padStart(3, "0")}`;
    if (!(await exists(name))) return name;
  }
  throw new Error(`expected a free name for the rotated file; ${path}.${at}-000 to -999 exist`);
}

/** Deletes all but the newest `keep` rotated files and gives the number deleted. Only names of our own making are touched. */
export async function removeOld(path: string, keep: number): Promise<number> {
  const prefix = `${basename(path)}.`;
  const names = (await readdir(dirname(path)))
    .filter((name) => name.startsWith(prefix) && SUFFIX.test(name.slice(prefix.length)))
    .sort();
  const old = names.slice(0, Math.max(0, names.length - keep));
  for (const name of old) await rm(join(dirname(path), name), { force: true });
  return old.length;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
