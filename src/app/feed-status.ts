import { join } from "node:path";
import { shownUrl } from "../clients/http.ts";
import type { Config } from "../config/load.ts";
import { TiplineError } from "../lib/errors.ts";
import { get, isJsonObject } from "../model/json.ts";
import { callControl } from "../store/control.ts";
import { currentName, readManifest } from "../store/generations-files.ts";

/** What the state folder knows of a configured feed. */
export interface FeedStatus {
  readonly name: string;
  readonly type: string;
  /** Path, or URL without its query: that may hold a key. */
  readonly place: string;
  /** The whole URL; not for showing. */
  readonly url?: string;
  /** Undefined before its first good pull. */
  readonly reports?: number;
  readonly quarantined?: number;
  /** Epoch milliseconds of the last pull that changed something. */
  readonly updatedAt?: number;
}

/** The feeds of a configuration and what the current generation has of them. Reads only; a Tipline may be running. */
export function feedStatuses(config: Config): readonly FeedStatus[] {
  const dir = join(config.state_dir, "generations");
  const current = currentName(dir);
  const held = current === undefined ? {} : readManifest(dir, current).feeds;
  return config.feeds.map(({ name, definition, settings }) => {
    const entry = Object.hasOwn(held, name) ? held[name] : undefined;
    const { url, path } = settings as { readonly url?: unknown; readonly path?: unknown };
    return {
      name,
      type: definition.type,
      place: typeof url === "string" ? shownUrl(url) : String(path ?? ""),
      ...(typeof url === "string" ? { url } : {}),
      ...(entry === undefined
        ? {}
        : { reports: entry.reports, quarantined: entry.quarantined, updatedAt: entry.updatedAt }),
    };
  });
}

/** What a running Tipline says of feeds whose last pull failed, by name; empty when none runs on that state. */
export async function feedErrors(stateDir: string): Promise<ReadonlyMap<string, string>> {
  try {
    const status = await callControl(stateDir, "status", {}, { timeoutMs: 5_000 });
    const errors = get(status, "feed_errors");
    if (!isJsonObject(errors)) return new Map();
    return new Map(Object.entries(errors).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch (thrown) {
    // A line that does not answer is no reason not to list what the state says.
    if (thrown instanceof TiplineError) return new Map();
    throw thrown;
  }
}
