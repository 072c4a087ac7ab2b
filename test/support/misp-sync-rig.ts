import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Feed } from "../../src/contract/feed.ts";
import mispServer from "../../src/feeds/misp-server.ts";
import { silentLog } from "../../src/lib/log.ts";
import { type SyncOptions, syncOnce } from "../../src/pipeline/sync.ts";
import { openGenerations } from "../../src/store/generations.ts";
import type { GenerationStore } from "../../src/store/generations-types.ts";
import type { ManualClock } from "./manual-clock.ts";
import { ADMIN_KEY } from "./misp-sim/defaults.ts";

const NEVER = new AbortController().signal;
export const FEED = "misp";

/** What a generation says of one event: a line for each report, sorted. */
export type EventRows = ReadonlyMap<string, readonly string[]>;

/** Every report of the generation, by event UUID. */
export function rowsOf(store: GenerationStore): EventRows {
  const rows = new Map<string, string[]>();
  for (const { type, pattern, value, reports } of store.current()?.index.all() ?? [])
    for (const report of reports) {
      const line = JSON.stringify([type, pattern, value, report]);
      const own = rows.get(report.event.uuid);
      if (own) own.push(line);
      else rows.set(report.event.uuid, [line]);
    }
  for (const lines of rows.values()) lines.sort();
  return rows;
}

/** A Tipline's sync of one server: feed, generations and all; the feed object can be thrown away, as by a restart. */
export class SyncRig {
  readonly store: GenerationStore;
  readonly #dir = mkdtempSync(join(tmpdir(), "tipline-"));
  readonly #clock: ManualClock;
  readonly #settings: object;
  #feed: Feed | undefined;

  constructor(clock: ManualClock, settings: { readonly url: string; readonly part_size?: number }) {
    this.#clock = clock;
    this.#settings = settings;
    this.store = openGenerations({ dir: join(this.#dir, "generations"), log: silentLog, now: () => clock.now() });
  }

  async sync(options: Pick<SyncOptions, "only" | "confirmShrink"> = { confirmShrink: [FEED] }) {
    this.#feed ??= await this.#open();
    const settings = { clock: this.#clock, log: silentLog, ...options };
    const result = await syncOnce([{ name: FEED, feed: this.#feed }], this.store, settings, NEVER);
    const [outcome] = result.feeds;
    assert.ok(outcome);
    return outcome;
  }

  async restart(): Promise<void> {
    await this.#feed?.close?.();
    this.#feed = undefined;
  }

  async close(): Promise<void> {
    await this.restart();
    this.store.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #open() {
    // Smaller parts than a person may ask for.
    const { part_size = 250_000, ...settings } = this.#settings as { readonly part_size?: number };
    const parsed = mispServer.config.parse({ key: ADMIN_KEY, page_size: 100, events_per_request: 3, ...settings });
    const context = { name: FEED, log: silentLog, clock: this.#clock, cacheDir: this.#dir };
    return mispServer.create({ ...parsed, part_size }, context);
  }
}

/** What a fresh full pull into nothing gives. */
export async function freshRows(clock: ManualClock, settings: { readonly url: string }): Promise<EventRows> {
  const rig = new SyncRig(clock, settings);
  try {
    const outcome = await rig.sync();
    assert.equal(outcome.status, "applied", outcome.error?.stack);
    return rowsOf(rig.store);
  } finally {
    await rig.close();
  }
}
