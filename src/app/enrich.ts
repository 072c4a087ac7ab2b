import { randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enrichedAlert } from "../clients/enriched-alert.ts";
import type { DeadLetter } from "../contract/journal.ts";
import type { Source } from "../contract/source.ts";
import { findingId, isOurs } from "../intel/finding-id.ts";
import { createSeals } from "../intel/seals.ts";
import { systemClock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { isGlob } from "../lib/glob.ts";
import type { Log } from "../lib/log.ts";
import type { Finding } from "../model/finding.ts";
import { createExtraction } from "../pipeline/extract.ts";
import { handleRecord } from "../pipeline/handle.ts";
import { EXTRACTORS, SOURCES } from "../registry.gen.ts";
import { recordLetter } from "../store/dead-letter.ts";
import { loadOrCreateKey } from "../store/key.ts";
import type { LiveGeneration } from "./generation.ts";
import { cacheDir } from "./paths.ts";

export interface EnrichRequest {
  /** Files, globs or `-`; empty reads stdin. */
  readonly files: readonly string[];
  readonly live: LiveGeneration;
  /** State of a configured line, if there is one. */
  readonly stateDir?: string;
  readonly minScore: number;
  /** Emit known-benign findings as well. */
  readonly benign: boolean;
  readonly log: Log;
  /** Called in the order of the input; the next alert waits for it. */
  readonly emit: (finding: Finding, line: string) => Promise<void> | void;
  readonly onDeadLetter: (letter: DeadLetter) => Promise<void> | void;
  readonly onProgress?: (bytes: number, total?: number) => void;
  readonly signal?: AbortSignal;
}

export interface EnrichOutcome {
  readonly alerts: number;
  readonly bytes: number;
  readonly findings: number;
  readonly benign: number;
  /** Input that could not be opened or read to its end. */
  readonly troubles: readonly string[];
}

/** Matches finite input without journal or state: what comes out is what `run` would find, live mode, no storm control. */
export async function enrich(request: EnrichRequest): Promise<EnrichOutcome> {
  const { live, signal = new AbortController().signal } = request;
  const { readable, troubles } = sortOut(request.files);
  if (readable.length === 0 && troubles.length > 0) throw new TiplineError("TIP_INPUT_INVALID", troubles.join("\n"));
  const source = await fileSource(readable, request.log);
  const context = { ...engine(commandKey(request.stateDir)), source: "enrich", mode: "live" as const };
  const counts = { alerts: 0, bytes: 0, findings: 0, benign: 0 };
  for await (const delivery of source.read(undefined, signal)) {
    const judging = { ...context, generation: live.current(), receivedAt: systemClock.now() };
    for (const record of delivery.records) {
      counts.alerts++;
      counts.bytes += record.bytes.length + 1;
      const handled = handleRecord(record, judging);
      for (const letter of handled.deadLetters) await request.onDeadLetter(letter);
      for (const finding of handled.findings) {
        if (finding.score < request.minScore || (finding.suppressed && !request.benign)) continue;
        counts.findings++;
        if (finding.suppressed) counts.benign++;
        await request.emit(finding, enrichedAlert(finding));
      }
    }
    for (const { head, length, origin, reason } of delivery.rejected)
      await request.onDeadLetter(
        recordLetter({ component: "enrich", time: systemClock.now(), reason, origin }, head, length),
      );
    const left = source.lag?.().bytes;
    request.onProgress?.(counts.bytes, left === undefined ? undefined : counts.bytes + left);
  }
  const trouble = source.lag?.().trouble;
  await source.close?.();
  return { ...counts, troubles: trouble === undefined ? troubles : [...troubles, trouble] };
}

/** Files that cannot be opened are named, and the others are read all the same. Globs and stdin are the source's business. */
function sortOut(files: readonly string[]): {
  readonly readable: readonly string[];
  readonly troubles: readonly string[];
} {
  const troubles: string[] = [];
  const readable = files.filter((file) => {
    if (file === "-" || isGlob(file)) return true;
    try {
      accessSync(file, constants.R_OK);
      if (!statSync(file).isDirectory()) return true;
      troubles.push(`${file}: expected a file, found a folder`);
    } catch (error) {
      troubles.push(`${file}: cannot be read: ${asError(error).message}`);
    }
    return false;
  });
  return { readable, troubles };
}

/** A source over finite files, as `enrich` and `explain` read them. */
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
