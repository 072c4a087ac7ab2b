import { Layer } from "../intel/index/layer.ts";
import { openLayers } from "../intel/index/layers.ts";
import type { OwnAssets } from "../intel/policy.ts";
import { ALWAYS_STANDING } from "../intel/standing.ts";
import type { Log } from "../lib/log.ts";
import { type GenerationParts, LiveGeneration } from "./generation.ts";
import { type KnowledgeConfig, surroundings } from "./knowledge.ts";
import type { SharedGeneration } from "./match-wire.ts";

/** What judges beside indicators, as plain data that can be handed to a thread, which reads the lists for itself. */
export interface Judging {
  readonly own: OwnAssets;
  readonly config: KnowledgeConfig | undefined;
  /** Folder of lists that wins over the configuration's. */
  readonly warninglists?: string;
  /** Nothing expires. */
  readonly always: boolean;
  /** Folder of the allow log. */
  readonly stateDir?: string;
}

/** A generation from a store's indicators, judged by what is on disk now. Throws TIP_CONFIG_INVALID when a folder has no lists. */
export function judgingBy(store: GenerationParts["store"], judging: Judging, log: Log): LiveGeneration {
  const { config, warninglists, always, own, stateDir } = judging;
  return new LiveGeneration({
    store,
    ...surroundings({ config, log, ...(warninglists === undefined ? {} : { path: warninglists }) }),
    ...(always ? { standing: ALWAYS_STANDING } : {}),
    own,
    ...(stateDir === undefined ? {} : { stateDir }),
  });
}

/** In a thread: the generation that another one handed over, judged by what is on disk now. */
export function handedGeneration(handed: SharedGeneration, judging: Judging, log: Log): LiveGeneration {
  const { id, createdAt, layers } = handed;
  const index = openLayers(layers.map(({ path, segment }) => new Layer(path, segment)));
  const current = { id, createdAt, index };
  const store = { current: () => current, refresh: () => false, partialFeeds: () => [], feeds: () => [] };
  return judgingBy(store, judging, log);
}
