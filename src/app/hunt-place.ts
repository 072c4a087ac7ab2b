import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../lib/log.ts";
import { Sketches } from "../store/sketch.ts";
import { cacheDir } from "./paths.ts";

const MOST_SKETCH_BYTES = 4 * 2 ** 30;

/**
 * Folder for sketches and interrupted hunts: in the state of the line where that is this user's own, else in the user's cache. Root
 * does not write into a folder of somebody who could put links there.
 */
export function huntFolder(stateDir: string | undefined): string {
  if (stateDir !== undefined) {
    try {
      if (statSync(stateDir).uid === process.getuid?.()) {
        const dir = join(stateDir, "cache", "hunt");
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        return dir;
      }
    } catch {
      // No state yet, or one that cannot be written: the cache does.
    }
  }
  return join(cacheDir(), "hunt");
}

/** Sketches in a hunt's folder; undefined where it cannot be written. */
export function openSketches(
  folder: string,
  version: string,
  log: Log,
  maxBytes = MOST_SKETCH_BYTES,
): Sketches | undefined {
  return Sketches.open({ dir: join(folder, "sketches"), log, maxBytes, version });
}
