import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, loadConfig } from "../config/load.ts";
import type { FeedProgress } from "../contract/feed.ts";
import { NO_OWN_ASSETS } from "../intel/policy.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { openGenerations } from "../store/generations.ts";
import type { GenerationStore } from "../store/generations-types.ts";
import { openAdhoc } from "./adhoc-feeds.ts";
import type { LiveGeneration } from "./generation.ts";
import { type Judging, judgingBy } from "./judging.ts";
import { knowledgeConfig } from "./knowledge.ts";
import { cacheDir, requireConfig } from "./paths.ts";
import { ownAssets } from "./policy.ts";

export interface OpenOptions {
  readonly config?: string;
  /** A configuration that is loaded already; wins over `config`. */
  readonly loaded?: Config;
  /** Ad-hoc feeds; when there is one, no configuration is needed. */
  readonly feeds: readonly string[];
  readonly warninglists?: string;
  readonly log: Log;
  readonly onProgress?: (feed: string, progress: FeedProgress) => void;
  readonly onProgressEnd?: () => void;
}

/** What commands that only read work with; it never writes to the state of a running line. */
export interface Intelligence {
  readonly live: LiveGeneration;
  readonly store: GenerationStore;
  readonly config?: Config;
  /** For threads that judge as `live` does. */
  readonly judging: Judging;
  close(): Promise<void>;
}

/** Opens the generation of `--feed`, or of the configuration's state. Throws when there is none yet, saying what to do. */
export async function openIntelligence(options: OpenOptions): Promise<Intelligence> {
  return options.feeds.length > 0 ? openFromFeeds(options) : openFromState(options);
}

async function openFromFeeds(options: OpenOptions): Promise<Intelligence> {
  const { dir, dispose } = usableCache();
  try {
    const store = await openAdhoc({
      feeds: options.feeds,
      cacheDir: dir,
      log: options.log,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    });
    options.onProgressEnd?.();
    const config = options.config === undefined ? undefined : await loadConfig(options.config);
    return {
      ...compose(store, options, config, config?.state_dir),
      async close() {
        store.close();
        dispose();
      },
    };
  } catch (error) {
    options.onProgressEnd?.();
    dispose();
    throw error;
  }
}

async function openFromState(options: OpenOptions): Promise<Intelligence> {
  const path = options.loaded === undefined ? requireConfig(options.config) : "FILE";
  const config = options.loaded ?? (await loadConfig(path));
  const store = openGenerations({ dir: join(config.state_dir, "generations"), log: options.log, readOnly: true });
  if (store.current() === undefined) {
    store.close();
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `no generation in ${config.state_dir} yet: run \`tipline sync --config ${path}\` first, or name a feed with --feed`,
    );
  }
  return { ...compose(store, options, config, config.state_dir), close: async () => store.close() };
}

function compose(
  store: GenerationStore,
  options: OpenOptions,
  config: Config | undefined,
  stateDir: string | undefined,
) {
  const judging: Judging = {
    own: config === undefined ? NO_OWN_ASSETS : ownAssets(config.own),
    config: config && knowledgeConfig(config),
    ...(options.warninglists === undefined ? {} : { warninglists: options.warninglists }),
    // Whoever names a feed means what is in it; a configured feed may even have the same name.
    always: options.feeds.length > 0,
    ...(stateDir === undefined ? {} : { stateDir }),
  };
  const live = judgingBy(store, judging, options.log);
  return { live, store, judging, ...(config === undefined ? {} : { config }) };
}

/** The user's cache folder, or a temporary one where that cannot be written (a service account without a home). */
function usableCache(): { readonly dir: string; readonly dispose: () => void } {
  const dir = cacheDir();
  try {
    const probe = join(dir, `.probe-${process.pid}`);
    mkdirSync(probe, { recursive: true, mode: 0o700 });
    rmSync(probe, { recursive: true });
    return { dir, dispose: () => undefined };
  } catch {
    const temporary = mkdtempSync(join(tmpdir(), "tipline-"));
    return { dir: temporary, dispose: () => rmSync(temporary, { recursive: true, force: true }) };
  }
}
