import { createHash } from "node:crypto";
import { z } from "zod";
import type { Misp } from "../clients/misp.ts";
import { connectMisp, mispConnection, ONE_KEY_MESSAGE, oneKey } from "../clients/misp-connection.ts";
import { type AttributeUnit, planUnits, readUnit } from "../clients/misp-walk.ts";
import { type Context, defineFeed } from "../contract/define.ts";
import type { Feed, FeedPage, FeedProgress, FeedPull } from "../contract/feed.ts";
import { PageCutter } from "../intel/feed-pages.ts";
import { type Collected, newCollection, readAttribute } from "../intel/misp-attribute.ts";
import { eventContext } from "../intel/misp-event.ts";
import {
  diffManifest,
  type Manifest,
  manifestFromJson,
  manifestToJson,
  readManifestRow,
} from "../intel/misp-manifest.ts";
import { mapConcurrent } from "../lib/concurrent.ts";
import { TiplineError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { EventContext } from "../model/indicator.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";

const config = mispConnection
  .extend({
    to_ids_only: z.boolean().default(true).describe("Take only attributes that MISP marks as fit for detection."),
    published_only: z.boolean().default(true).describe("Take only published events."),
    page_size: z.number().int().min(100).max(100_000).default(10_000).describe("Attributes per request."),
    events_per_request: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(200)
      .describe("Events whose context is asked for at once."),
  })
  .refine(oneKey, { error: ONE_KEY_MESSAGE });

type Config = z.output<typeof config>;

export default defineFeed<Config>({
  type: "misp-server",
  summary: "MISP server over its REST API: event by event, only what changed after the first pull.",
  config,
  create: (settings, context) => new MispServer(settings, context),
});

class MispServer implements Feed {
  readonly #settings: Config;
  readonly #name: string;
  readonly #misp: Misp;
  readonly #options: string;

  constructor(settings: Config, context: Context) {
    if (!settings.verify) context.log.warn("certificate of the MISP server is not verified", { feed: context.name });
    this.#settings = settings;
    this.#name = context.name;
    const { url, to_ids_only, published_only } = settings;
    this.#options = createHash("sha256")
      .update(JSON.stringify([url, to_ids_only, published_only]))
      .digest("hex")
      .slice(0, 16);
    this.#misp = connectMisp(settings, context.clock);
  }

  async pull(
    stored: JsonValue | undefined,
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
  ): Promise<FeedPull> {
    const before = manifestFromJson(stored, this.#options);
    const listed = await this.#misp.retry(() => this.#listEvents(signal), signal);
    const { changed, gone } = diffManifest(before, listed);
    if (before !== undefined && changed.length === 0 && gone.length === 0) return { mode: "unchanged" };
    const next: Manifest = new Map(before);
    for (const uuid of gone) next.delete(uuid);
    let done = false;
    const finish = () => {
      done = true;
    };
    const walk: Walk = { changed, gone, listed, next, full: before === undefined };
    return {
      mode: walk.full ? "full" : "delta",
      pages: this.#pages(walk, finish, signal, progress),
      cursor: () => {
        if (!done) throw new TiplineError("TIP_INTERNAL", "cursor() was asked for before the pages were read");
        return manifestToJson(next, this.#options);
      },
    };
  }

  /** The events that are to be held, read in one answer so that nothing can shift between pages. */
  async #listEvents(signal: AbortSignal): Promise<Manifest> {
    const { rows, resultCount, serverTime } = await this.#misp.eventManifest(signal);
    const listed: Manifest = new Map();
    let count = 0;
    for await (const row of rows) {
      count++;
      const entry = readManifestRow(row, serverTime);
      if (entry !== undefined && (entry.published || !this.#settings.published_only)) listed.set(entry.uuid, entry);
    }
    if (resultCount !== undefined && count < resultCount)
      throw new RemoteError(
        "cut-short",
        `${this.#misp.url}: expected ${resultCount} events in its index, got ${count}`,
      );
    return listed;
  }

  async *#pages(
    walk: Walk,
    finish: () => void,
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
  ): AsyncGenerator<FeedPage> {
    const { page_size, events_per_request, concurrency } = this.#settings;
    const cutter = new PageCutter();
    cutter.withdraw(walk.gone);
    const counts = { eventsDone: 0, eventsTotal: walk.changed.length, attributes: 0, bytes: 0 };
    for (let at = 0; at < walk.changed.length; at += events_per_request) {
      const uuids = walk.changed.slice(at, at + events_per_request);
      const wanted = await this.#misp.retry(() => this.#contexts(uuids, walk.listed, signal), signal);
      // An event that went away or was unpublished since the listing keeps its last version until the next pull.
      if (!walk.full) cutter.withdraw([...wanted.values()].map(({ event }) => event.uuid));
      const units = planUnits([...wanted.values()], page_size);
      for await (const parts of mapConcurrent(units, concurrency, (unit) => this.#attributes(unit, wanted, signal))) {
        for (const part of parts) {
          counts.attributes += part.attributes;
          yield* cutter.add(part);
        }
        progress?.({ ...counts });
      }
      for (const { event } of wanted.values()) {
        const entry = walk.listed.get(event.uuid);
        if (entry !== undefined) walk.next.set(event.uuid, entry);
      }
      counts.eventsDone += uuids.length;
      progress?.({ ...counts });
    }
    yield cutter.rest();
    finish();
  }

  /** Context of some events, by id. Galaxies are left out (82 KB each); their tags are there all the same. */
  async #contexts(
    uuids: readonly string[],
    listed: Manifest,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Wanted>> {
    const ids = uuids.map((uuid) => listed.get(uuid)?.id ?? "");
    const filter = { eventid: ids, metadata: 1, excludeGalaxy: 1, limit: ids.length, page: 1 };
    const wanted = new Map<string, Wanted>();
    const answer = await this.#misp.search("events", filter, signal);
    for await (const row of answer.rows) {
      const record = get(row, "Event");
      if (!isJsonObject(record)) continue;
      const event = eventContext(record, this.#misp.url);
      // A server that ignores a parameter answers with events nobody asked for.
      if (event.id === undefined || listed.get(event.uuid)?.id !== event.id) continue;
      if (event.published === false && this.#settings.published_only) continue;
      wanted.set(event.id, { id: event.id, event, attributeCount: Number(text(record, "attribute_count")) || 0 });
    }
    return wanted;
  }

  /** One request's worth of attributes, each read with the context of its event. */
  #attributes(
    unit: AttributeUnit,
    wanted: ReadonlyMap<string, Wanted>,
    signal: AbortSignal,
  ): Promise<readonly Collected[]> {
    const options = { feed: this.#name, toIdsOnly: this.#settings.to_ids_only };
    const filter: JsonObject = this.#settings.to_ids_only ? { to_ids: 1 } : {};
    const newSink = () => {
      const into = newCollection();
      return {
        row: (row: JsonValue) => {
          const event = wanted.get(text(row, "event_id") ?? "")?.event;
          if (event !== undefined && unit.eventIds.includes(event.id ?? "")) readAttribute(row, event, options, into);
        },
        done: () => into,
      };
    };
    return readUnit(this.#misp, unit, filter, newSink, signal);
  }

  close(): Promise<void> {
    return this.#misp.close();
  }
}

/** An event whose attributes are to be fetched. */
interface Wanted {
  readonly id: string;
  readonly event: EventContext;
  readonly attributeCount: number;
}

interface Walk {
  readonly changed: readonly string[];
  readonly gone: readonly string[];
  readonly listed: Manifest;
  /** Becomes the next cursor: events that were read get their new version. */
  readonly next: Manifest;
  readonly full: boolean;
}
