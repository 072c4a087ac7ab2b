import { join } from "node:path";
import type { Config } from "../config/load.ts";
import type { DeadLetter } from "../contract/journal.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { JsonObject } from "../model/json.ts";
import { handleRecord } from "../pipeline/handle.ts";
import { callControl } from "../store/control.ts";
import { type DeadLetterReader, openDeadLetters, recordBytes, type StoredDeadLetter } from "../store/dead-letter.ts";
import { openJournal, type StoredJournal } from "../store/journal.ts";
import { loadOrCreateKey } from "../store/key.ts";
import { lockState } from "../store/state-lock.ts";
import { engine } from "./engine.ts";
import type { LiveGeneration } from "./generation.ts";
import { openIntelligence } from "./intelligence.ts";
import { stateHas } from "./paths.ts";
import { journalReaders } from "./readers.ts";

/** Folders and files of the state that more than one command names. */
export const journalDir = (stateDir: string) => join(stateDir, "journal");
export const keyFile = (stateDir: string) => join(stateDir, "finding.key");

/** Dead letters as they are on disk, beside a running Tipline or without one. */
export function readDeadLetters(stateDir: string): DeadLetterReader & { close(): Promise<void> } {
  if (stateHas(journalDir(stateDir))) return openDeadLetters(journalDir(stateDir));
  const none = { count: 0, bytes: 0, dropped: 0 };
  return { list: () => [], get: () => undefined, counts: () => none, close: async () => undefined };
}

/** What a replay did: ids put back or matched again, and the others with the reason. */
export interface ReplayResult extends JsonObject {
  readonly replayed: readonly string[];
  readonly refused: readonly { readonly id: string; readonly reason: string }[];
}

/** Replays through the running Tipline, or here with the state locked. */
export async function replayDeadLetters(config: Config, ids: readonly string[], log: Log): Promise<ReplayResult> {
  const asked = await callControl(config.state_dir, "replay", { ids }, { timeoutMs: 600_000 });
  if (asked !== undefined) return asked as ReplayResult;
  const lock = lockState(config.state_dir);
  try {
    const journal = await openJournal({ dir: journalDir(config.state_dir), readers: journalReaders(config), log });
    try {
      const letters = ids.map((id) => journal.deadLetters.get(id)).filter((letter) => letter !== undefined);
      const needsGeneration = letters.some(({ kind }) => kind === "record");
      const intelligence = needsGeneration ? await openForReplay(config, log) : undefined;
      try {
        return await replayInto(journal, ids, { stateDir: config.state_dir, live: intelligence?.live });
      } finally {
        await intelligence?.close();
      }
    } finally {
      await journal.close();
    }
  } finally {
    lock.release();
  }
}

async function openForReplay(config: Config, log: Log) {
  return openIntelligence({ feeds: [], log, loaded: config });
}

/** Replays into an open journal: findings go back to their sink, records are handled again as if just read. */
export async function replayInto(
  journal: StoredJournal,
  ids: readonly string[],
  {
    stateDir,
    live,
    signal,
  }: { readonly stateDir: string; readonly live: LiveGeneration | undefined; readonly signal?: AbortSignal },
): Promise<ReplayResult> {
  const replayed: string[] = [];
  const refused: { id: string; reason: string }[] = [];
  const judge = engine(loadOrCreateKey(keyFile(stateDir)));
  for (const id of ids) {
    if (signal?.aborted) throw new TiplineError("TIP_INTERNAL", `stopped after ${replayed.length} of ${ids.length}`);
    const letter = journal.deadLetters.get(id);
    const reason = letter === undefined ? "no such dead letter" : await replayOne(letter);
    if (reason === undefined) replayed.push(id);
    else refused.push({ id, reason });
  }
  return { replayed, refused };

  async function replayOne(letter: StoredDeadLetter): Promise<string | undefined> {
    if (letter.kind === "finding") {
      const [done] = await journal.replayFindings([letter.id]);
      return done === undefined ? `its sink ${letter.component} is not configured` : undefined;
    }
    const bytes = recordBytes(letter);
    if (bytes === undefined) return "only its first bytes were kept";
    if (live === undefined) return "there is no generation to match against yet";
    const context = {
      ...judge,
      source: letter.component,
      mode: "live" as const,
      generation: live.current(),
      receivedAt: letter.time,
    };
    const handled = handleRecord({ bytes, origin: letter.origin ?? "dead letter" }, context);
    const again: DeadLetter | undefined = handled.deadLetters[0];
    if (again !== undefined) return again.reason;
    return (await journal.replayRecord(letter.id, handled)) ? undefined : "it is gone";
  }
}

/** The ids a command means: those named, or every one that passes the filter. */
export function selectIds(
  reader: DeadLetterReader,
  ids: readonly string[],
  filter: { readonly all?: boolean; readonly component?: string },
): readonly string[] {
  if (ids.length > 0) return ids;
  if (!filter.all && filter.component === undefined)
    throw new TiplineError("TIP_USAGE_INVALID", "expected ids, --component NAME or --all");
  const all = reader.list({
    limit: 100_000,
    ...(filter.component === undefined ? {} : { component: filter.component }),
  });
  return all.map(({ id }) => id).reverse();
}
