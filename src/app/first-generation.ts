import type { Config } from "../config/load.ts";
import type { Source } from "../contract/source.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { StoredJournal } from "../store/journal.ts";
import type { Health } from "./health.ts";

/**
 * Waits for the first generation. Meanwhile logs that are followed from their end get their starting place made durable: alerts
 * written while the first sync runs would otherwise fall before the place where reading begins.
 */
export async function untilGeneration(
  config: Config,
  sources: ReadonlyMap<string, Source>,
  journal: StoredJournal,
  health: Health,
  ready: boolean,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  if (ready) return;
  const waiting = new AbortController();
  const followed = config.sources.filter(({ definition }) => definition.type.startsWith("wazuh-"));
  const marking = followed.map(({ name }) => {
    const source = sources.get(name);
    return (
      source &&
      markStart(name, source, journal, log, waiting.signal).catch((error: unknown) => {
        log.warn("the starting place could not be kept yet", { source: name, error: asError(error) });
      })
    );
  });
  await health.untilGeneration(signal, () =>
    log.warn("no generation of indicators yet; alerts are left unread until the first sync succeeds", {}),
  );
  waiting.abort();
  await Promise.all(marking);
}

/** Commits a source's first delivery if it has no records: that is only the place where it begins. */
async function markStart(
  name: string,
  source: Source,
  journal: StoredJournal,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  if (journal.checkpoint(name) !== undefined) return;
  for await (const { records, rejected, range, checkpoint } of source.read(undefined, signal)) {
    if (records.length === 0 && rejected.length === 0) {
      await journal.commit({ source: name, range, checkpoint, findings: [], deadLetters: [], confirmed: [] }, signal);
      log.info("starting place is kept", { source: name });
    }
    return;
  }
}
