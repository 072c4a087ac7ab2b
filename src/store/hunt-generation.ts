import type { LayeredIndex } from "../intel/index/layers.ts";
import { manifestName, readManifest } from "./generations-files.ts";
import { openManifest } from "./generations-open.ts";

/** An earlier generation by its id, while its files are still there; undefined when they are not, or are not whole. */
export function openEarlier(dir: string, id: string): LayeredIndex | undefined {
  try {
    return openManifest(dir, readManifest(dir, manifestName(id))).index;
  } catch {
    return undefined;
  }
}
