import type { Config } from "../config/load.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { get, type JsonObject, type JsonValue } from "../model/json.ts";
import { type SyncResult, syncOnce } from "../pipeline/sync.ts";
import type { ScheduledFeed } from "../pipeline/sync-loop.ts";
import type { ControlHandler } from "../store/control.ts";
import type { GenerationStore } from "../store/generations-types.ts";
import type { StoredJournal } from "../store/journal.ts";
import { applyAllow } from "./allow.ts";
import { replayInto } from "./dead-letters.ts";
import type { LiveGeneration } from "./generation.ts";
import { type KnowledgeKeeper, knowledgeJson } from "./knowledge-keeper.ts";
import { pulled, syncJson } from "./sync.ts";

export interface ControlParts {
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  readonly store: GenerationStore;
  readonly live: LiveGeneration;
  readonly journal: StoredJournal;
  readonly feeds: readonly ScheduledFeed[];
  readonly keeper: KnowledgeKeeper;
  /** One pull at a time: the loop's and the ones asked for here. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  readonly onSynced: (result: SyncResult) => void;
  /** What is wrong with feeds, by name. */
  readonly feedErrors: () => ReadonlyMap<string, string>;
  /** What the line says of itself beside that. */
  readonly report: () => JsonObject;
  /** Aborted when the line stops: a pull asked for here must not hold the stop up. */
  readonly stopping: AbortSignal;
}

/** What commands may ask of a running line; each is the same code that the command runs when nothing is running. */
export function controlHandlers(parts: ControlParts): Readonly<Record<string, ControlHandler>> {
  const { config, live, journal } = parts;
  return {
    allow(args) {
      const answer = applyAllow(config.state_dir, args as JsonObject, systemClock.now());
      live.refresh();
      parts.log.info("allow log changed", { entry: answer });
      return answer;
    },
    async sync(args, asked) {
      const signal = AbortSignal.any([asked, parts.stopping]);
      const result = await parts.exclusive(() => syncNow(parts, args, signal));
      return syncJson({ ...result, knowledge: await parts.keeper.refresh(signal, pulled(result)) });
    },
    knowledge: async (args, asked) =>
      knowledgeJson(await parts.keeper.refresh(AbortSignal.any([asked, parts.stopping]), strings(get(args, "feeds")))),
    replay: async (args, signal) =>
      replayInto(journal, strings(get(args, "ids")), { stateDir: config.state_dir, live, signal }),
    status: () => ({
      generation: live.current().id,
      backlog: Object.fromEntries([...journal.backlog()].map(([name, { entries }]) => [name, entries])),
      feed_errors: Object.fromEntries(parts.feedErrors()),
      ...parts.report(),
    }),
  };
}

async function syncNow(
  { feeds, store, live, clock, log, config, onSynced }: ControlParts,
  args: JsonValue,
  signal: AbortSignal,
): Promise<SyncResult> {
  const confirmed = strings(get(args, "confirm_shrink"));
  const all = config.sync.confirm_shrink ? feeds.map(({ name }) => name) : [];
  const result = await syncOnce(
    feeds,
    store,
    {
      clock,
      log,
      confirmShrink: [...new Set([...all, ...confirmed])],
      asked: true,
      full: get(args, "full") === true,
      compact: get(args, "compact") === true,
    },
    signal,
  );
  if (result.changed) live.refresh();
  onSynced(result);
  return result;
}

function strings(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
