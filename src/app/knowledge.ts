import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Config } from "../config/load.ts";
import { createStanding, type Standing } from "../intel/standing.ts";
import { readWarninglists, tellSkipped } from "../intel/warninglist-load.ts";
import { createWarninglists, createWarninglistsGently } from "../intel/warninglist-set.ts";
import type { Warninglist, WarninglistSet } from "../intel/warninglists.ts";
import type { Log } from "../lib/log.ts";
import { get, type JsonValue } from "../model/json.ts";
import { KnowledgeStore } from "../store/knowledge.ts";
import { type AgedConfig, ageRules } from "./age-rules.ts";
import { builtInWarninglists } from "./paths.ts";

/** What a generation judges with beside its indicators. */
export interface Surroundings {
  readonly warninglists: WarninglistSet;
  readonly standing: Standing;
  /** Tells what the servers know apart; empty when no server's knowledge is held. */
  readonly mark: string;
}

/** What of a configuration surroundings depend on; of each feed's `settings` only `warninglists` and `filters.max_age` count. */
export interface KnowledgeConfig extends AgedConfig {
  readonly state_dir: string;
  readonly warninglists: Pick<Config["warninglists"], "path">;
}

/** Where surroundings come from. */
export interface KnowledgeSource {
  /** Undefined: ad-hoc commands without a configuration. */
  readonly config: KnowledgeConfig | undefined;
  /** Folder of lists that wins over everything (`--warninglists`). */
  readonly path?: string;
  readonly log: Log;
}

/** The part of a configuration that surroundings depend on, as plain data that can be handed to a thread: no secrets, no code. */
export function knowledgeConfig({ state_dir, warninglists, feeds }: KnowledgeConfig): KnowledgeConfig {
  return {
    state_dir,
    warninglists: warninglists.path === undefined ? {} : { path: warninglists.path },
    feeds: feeds.map(({ name, definition, settings, common }) => ({
      name,
      definition: { type: definition.type },
      settings: {
        warninglists: get(settings as JsonValue, "warninglists"),
        filters: { max_age: get(settings as JsonValue, "filters", "max_age") },
      },
      common: common.expiry === undefined ? {} : { expiry: common.expiry },
    })),
  };
}

/** Knowledge of servers in a state folder. */
export function knowledgeStore(stateDir: string, log: Log): KnowledgeStore {
  return new KnowledgeStore(join(stateDir, "knowledge"), log);
}

/** Puts together what is held on disk; reads only. Throws TIP_CONFIG_INVALID when a configured folder has no lists. */
export function surroundings(source: KnowledgeSource): Surroundings {
  const { lists, rest } = ingredients(source);
  return { ...rest, warninglists: createWarninglists(lists, tellSkipped(source.log)) };
}

/** The same without holding up other work for longer than one list takes to read. */
export async function surroundingsGently(source: KnowledgeSource): Promise<Surroundings> {
  const { lists, rest } = ingredients(source);
  const warninglists = await createWarninglistsGently(
    lists,
    tellSkipped(source.log),
    () => new Promise((resolve) => setImmediate(resolve)),
  );
  return { ...rest, warninglists };
}

function ingredients({ config, path, log }: KnowledgeSource) {
  const store = config === undefined ? undefined : knowledgeStore(config.state_dir, log);
  const feeds = config?.feeds ?? [];
  const digests = feeds.map(({ name, settings }) => [name, store?.held(name)?.digest ?? "", takesLists(settings)]);
  const known = digests.some(([, digest]) => digest !== "");
  const knowledge = new Map(
    feeds.flatMap(({ name }) => (store?.held(name) === undefined ? [] : [[name, store.knowledge(name)]])),
  );
  return {
    lists: listsOf(config, path ?? config?.warninglists.path, store, log),
    rest: {
      standing: createStanding(ageRules(config), knowledge),
      mark: known ? createHash("sha256").update(JSON.stringify(digests)).digest("hex").slice(0, 8) : "",
    },
  };
}

/**
 * A configured folder alone; else the lists of every server and, of the built-in ones, those whose names no server has. Where
 * servers have a list of the same name, the newest version counts, and of equal ones the first server's.
 */
function* listsOf(
  config: KnowledgeConfig | undefined,
  path: string | undefined,
  store: KnowledgeStore | undefined,
  log: Log,
): Generator<Warninglist> {
  if (path !== undefined) {
    yield* readWarninglists(path, log);
    return;
  }
  const feeds = (config?.feeds ?? []).filter(({ settings }) => takesLists(settings)).map(({ name }) => name);
  const newest = new Map<string, { readonly feed: string; readonly edition: number }>();
  for (const feed of feeds)
    for (const { kind, name, edition } of store?.held(feed)?.names ?? [])
      if (kind === "warninglist" && edition > (newest.get(name)?.edition ?? Number.NEGATIVE_INFINITY))
        newest.set(name, { feed, edition });
  const given = new Set<string>();
  for (const feed of feeds)
    for (const list of store?.warninglists(feed) ?? []) {
      if (given.has(list.name) || (newest.get(list.name)?.feed ?? feed) !== feed) continue;
      given.add(list.name);
      yield list;
    }
  for (const list of readWarninglists(builtInWarninglists(), log)) if (!given.has(list.name)) yield list;
}

/** A feed's `warninglists: false`: its server's lists are not used, whatever is still held of them. */
export function takesLists(settings: unknown): boolean {
  return get(settings as JsonValue, "warninglists") !== false;
}
