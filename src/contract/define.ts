import type { z } from "zod";
import type { Clock } from "../lib/clock.ts";
import type { HttpFront } from "../lib/http-front.ts";
import type { Log } from "../lib/log.ts";
import type { Extractor } from "./extractor.ts";
import type { Feed } from "./feed.ts";
import type { Sink } from "./sink.ts";
import type { Source } from "./source.ts";

/** What a component gets from the house besides its own configuration. */
export interface Context {
  /** The name the user gave this component in the configuration; unique within its kind. */
  readonly name: string;
  readonly log: Log;
  readonly clock: Clock;
  /** A folder of its own for caches, created on demand by the component; losing it must lose nothing but time. */
  readonly cacheDir: string;
  /** A folder of its own for what must survive, created on demand by the component; absent where no line runs. */
  readonly keepDir?: string;
  /** The one listener of the line, on which routes are mounted in `create`; absent where no line runs. */
  readonly http?: HttpFront;
}

/**
 * A component: its `type` as written in the configuration, what its configuration must look like (a strict zod object;
 * keys in snake_case, every key with `.describe()`), and how to make one. `create` may throw TiplineError; it does no I/O
 * that can wait for a peer: a peer that is down at the start must not stop the start.
 */
export interface Definition<Config, Component> {
  readonly type: string;
  readonly summary: string;
  readonly config: z.ZodType<Config>;
  /** Feeds: how often to pull when the user does not say, in milliseconds; default 60,000. */
  readonly intervalMs?: (config: Config) => number;
  /** Feeds: sinks that come with it, by name, as their own schema would give their settings. */
  readonly sinks?: (config: Config, name: string) => Readonly<Record<string, BroughtSink>>;
  /** Sinks: other defaults for the keys that every sink takes. */
  readonly commonDefaults?: (config: Config) => Readonly<Record<string, unknown>>;
  create(config: Config, context: Context): Component | Promise<Component>;
}

/** A sink that is configured on the feed it belongs to. */
export interface BroughtSink {
  readonly type: string;
  readonly settings: unknown;
}

/** Identity functions: they exist for type inference and so that `grep defineSink` finds every sink. */
export const defineSource = <C>(definition: Definition<C, Source>): Definition<C, Source> => definition;
export const defineFeed = <C>(definition: Definition<C, Feed>): Definition<C, Feed> => definition;
export const defineSink = <C>(definition: Definition<C, Sink>): Definition<C, Sink> => definition;
export const defineExtractor = (extractor: Extractor): Extractor => extractor;
