import { join } from "node:path";
import type { Config, Configured } from "../config/load.ts";
import type { Context } from "../contract/define.ts";
import type { Feed } from "../contract/feed.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import type { HttpFront } from "../lib/http-front.ts";
import type { Log } from "../lib/log.ts";
import type { ScheduledFeed } from "../pipeline/sync-loop.ts";

/** What components are made with. */
export interface Workshop {
  readonly stateDir: string;
  readonly log: Log;
  readonly clock?: Clock;
  /** Where routes are mounted; absent where no line runs. */
  readonly http?: HttpFront;
}

/** What sinks keep of their own; a folder for each that has. */
export const outboxRoot = (stateDir: string): string => join(stateDir, "outbox");
export const outboxDir = (stateDir: string, sink: string): string => join(outboxRoot(stateDir), sink);

/** Makes one configured component; `kind` only names it in logs. */
export async function makeComponent<T>(
  { name, definition, settings }: Configured<object>,
  kind: "source" | "feed" | "sink",
  { stateDir, log, clock = systemClock, http }: Workshop,
): Promise<T> {
  const context: Context = {
    name,
    log: log.child({ [kind]: name }),
    clock,
    cacheDir: join(stateDir, "cache", `${kind}-${name}`),
    ...(kind === "sink" ? { keepDir: outboxDir(stateDir, name) } : {}),
    ...(http === undefined ? {} : { http }),
  };
  try {
    return (await definition.create(settings, context)) as T;
  } catch (thrown) {
    throw named(`${kind}s.${name}`, thrown);
  }
}

/** A component that refuses its settings names its own keys at most. */
function named(owner: string, thrown: unknown): unknown {
  if (!(thrown instanceof TiplineError) || thrown.code !== "TIP_CONFIG_INVALID") return thrown;
  const { code, message } = thrown;
  if (message.startsWith(owner)) return thrown;
  const ownKey = /^[a-z_]+(?:\.[a-z_]+)*: /.test(message);
  return new TiplineError(code, `${owner}${ownKey ? "." : ": "}${message}`, { cause: thrown });
}

const DEFAULT_INTERVAL_MS = 60_000;

/** How often a feed is pulled, in milliseconds. */
export function intervalOf(config: Config, { common, definition, settings }: Config["feeds"][number]): number {
  return common.interval ?? config.sync.interval ?? definition.intervalMs?.(settings) ?? DEFAULT_INTERVAL_MS;
}

/** Every feed of a configuration with its interval. */
export async function makeFeeds(config: Config, workshop: Workshop): Promise<readonly ScheduledFeed[]> {
  const feeds: ScheduledFeed[] = [];
  for (const configured of config.feeds)
    feeds.push({
      name: configured.name,
      feed: await makeComponent<Feed>(configured, "feed", workshop),
      intervalMs: intervalOf(config, configured),
    });
  return feeds;
}
