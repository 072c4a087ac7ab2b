import { existsSync } from "node:fs";
import { join } from "node:path";
import { ContextReader } from "../intel/index/contexts.ts";
import { contextsPath, indexPath, loadSegment } from "../intel/index/segment.ts";
import { asError } from "../lib/errors.ts";
import type { Manifest } from "./generations-files.ts";

/** Reads every file of a generation to the end; says what is wrong, nothing when it is whole. */
export function verifyGeneration(dir: string, manifest: Manifest): readonly string[] {
  const problems: string[] = [];
  for (const { name } of manifest.layers) {
    const path = join(dir, name);
    try {
      const { contexts } = loadSegment(indexPath(path)).header;
      const reader = new ContextReader(contextsPath(path), contexts.bytes);
      try {
        if (reader.checksum() !== contexts.crc)
          problems.push(`${contextsPath(path)}: checksum of the contexts is wrong`);
      } finally {
        reader.close();
      }
    } catch (thrown) {
      problems.push(asError(thrown).message);
    }
  }
  if (manifest.quarantine !== null && !existsSync(join(dir, manifest.quarantine))) {
    problems.push(`${join(dir, manifest.quarantine)}: the list of quarantined indicators is missing`);
  }
  return problems;
}
