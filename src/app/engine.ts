import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Source } from "../contract/source.ts";
import { findingId, isOurs } from "../intel/finding-id.ts";
import { createSeals } from "../intel/seals.ts";
import { systemClock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { createExtraction } from "../pipeline/extract.ts";
import { EXTRACTORS, SOURCES } from "../registry.gen.ts";
import { loadOrCreateKey } from "../store/key.ts";
import { cacheDir } from "./paths.ts";

/** A source over finite files, as `explain` reads them. */
export async function fileSource(files: readonly string[], log: Log): Promise<Source> {
  const definition = (await SOURCES.file()).default;
  const settings = definition.config.parse({ paths: files.length === 0 ? ["-"] : [...files] });
  const context = { name: "files", log, clock: systemClock, cacheDir: tmpdir() };
  return (definition.create as (config: unknown, context: object) => Source | Promise<Source>)(settings, context);
}

/** What every judging command shares: extraction by all extractors, and finding ids under a key. */
export function engine(key: Buffer) {
  return {
    extract: createExtraction(EXTRACTORS),
    nameFinding: (parts: Parameters<typeof findingId>[1]) => findingId(key, parts),
    isOurs: (id: string) => isOurs(key, id),
    seals: createSeals(key),
  };
}

/**
 * Key of one-shot commands: the running line's where its state can be read, so that its findings are recognised; else one
 * per user, so that two runs over one file give the same ids.
 */
export function commandKey(stateDir?: string): Buffer {
  try {
    const line = stateDir === undefined ? undefined : join(stateDir, "finding.key");
    if (line !== undefined && existsSync(line)) return loadOrCreateKey(line);
    return loadOrCreateKey(join(cacheDir(), "command.key"));
  } catch {
    // No writable home (a service account): ids then differ between runs, which only one-shot output can show.
    return randomBytes(32);
  }
}
