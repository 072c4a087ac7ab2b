import type { Generation, IndicatorIndex } from "../intel/generation.ts";
import type { LayeredIndex } from "../intel/index/layers.ts";
import { createPolicy, type OwnAssets } from "../intel/policy.ts";
import { ALWAYS_STANDING, type Standing } from "../intel/standing.ts";
import type { WarninglistSet } from "../intel/warninglists.ts";
import { readAllow } from "../store/allow.ts";
import type { GenerationStore, LoadedGeneration } from "../store/generations-types.ts";
import type { SharedGeneration } from "./match-wire.ts";

const EMPTY_INDEX: IndicatorIndex = {
  stats: {
    indicators: 0,
    reports: 0,
    byType: {},
    byFeed: {},
    overlays: 0,
    quarantined: 0,
    memoryBytes: 0,
    contextBytes: 0,
  },
  lookup: () => [],
  nominates: () => false,
  all: () => [],
  close: () => undefined,
};

const RETIRE_MS = 60_000;

/** Everything a generation is put together from. */
export interface GenerationParts {
  readonly store: Pick<GenerationStore, "feeds" | "partialFeeds" | "refresh"> & {
    current(): Pick<LoadedGeneration, "id" | "createdAt" | "index"> | undefined;
  };
  readonly warninglists: WarninglistSet;
  /** Default: nothing ever expires, nothing was called false. */
  readonly standing?: Standing;
  /** Tells apart what servers know beside indicators; empty or undefined when nothing is held. */
  readonly mark?: string;
  readonly own: OwnAssets;
  /** Folder of the allow log; undefined where there is no state (ad-hoc commands). */
  readonly stateDir?: string;
}

/**
 * The generation in force. `current()` gives the same object until `refresh()` finds a newer index or allow log, or `adopt()`
 * brings other lists; whoever judges pins one for a batch.
 */
export class LiveGeneration {
  #parts: GenerationParts;
  #current: Generation;
  /** Told when another index comes into force, while the one before is still open. */
  onIndex: ((before: IndicatorIndex, after: IndicatorIndex) => void) | undefined;

  constructor(parts: GenerationParts) {
    this.#parts = parts;
    this.#current = this.#compose();
  }

  current(): Generation {
    return this.#current;
  }

  /**
   * True when what judges has indicators of a feed that has been pulled whole: the parts of a first pull that is under way are not
   * enough to read alerts against.
   */
  get ready(): boolean {
    const { store } = this.#parts;
    return this.#current.index !== EMPTY_INDEX && store.partialFeeds().length < Math.max(1, store.feeds().length);
  }

  /** Feeds whose first pull has not come to its end. */
  get partial(): readonly string[] {
    return this.#parts.store.partialFeeds();
  }

  /**
   * Takes up what changed on disk: a newer generation, new allow entries. The index that was in force is closed a minute
   * later, when no delivery that pinned it can be under way any more.
   */
  refresh(): void {
    const before = this.#current.index;
    this.#parts.store.refresh();
    this.#current = this.#compose();
    if (before === this.#current.index) return;
    this.onIndex?.(before, this.#current.index);
    setTimeout(() => before.close(), RETIRE_MS).unref();
  }

  /** What other threads need to judge by the same: undefined where the index is not one of files that they can share. */
  shared(): { readonly generation: SharedGeneration; readonly mark: string } | undefined {
    const { store, mark = "" } = this.#parts;
    const loaded = store.current();
    if (loaded === undefined || !isLayered(loaded.index)) return undefined;
    const layers = loaded.index.layers.map(({ path, segment }) => ({ path, segment }));
    return { generation: { id: loaded.id, createdAt: loaded.createdAt, layers }, mark };
  }

  /** Takes what servers know beside indicators into force; the index stays. */
  adopt(surroundings: Pick<GenerationParts, "warninglists" | "standing" | "mark">): void {
    this.#parts = { ...this.#parts, ...surroundings };
    this.#current = this.#compose();
  }

  /** The id is that of the index, followed by the mark: findings name the lists they were judged by as well. */
  #compose(): Generation {
    const { store, warninglists, standing = ALWAYS_STANDING, mark = "", own, stateDir } = this.#parts;
    const loaded = store.current();
    return {
      id: loaded === undefined ? "none" : mark === "" ? loaded.id : `${loaded.id}.${mark}`,
      createdAt: loaded?.createdAt ?? 0,
      index: loaded?.index ?? EMPTY_INDEX,
      warninglists,
      policy: createPolicy(own, stateDir === undefined ? [] : readAllow(stateDir)),
      standing,
    };
  }
}

function isLayered(index: IndicatorIndex): index is LayeredIndex {
  return "layers" in index;
}
