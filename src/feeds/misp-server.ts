import type { z } from "zod";
import type { Misp } from "../clients/misp.ts";
import { connectMisp, mispConnection, ONE_KEY_MESSAGE, oneKey } from "../clients/misp-connection.ts";
import { indexedEvents, namedEvents, searchEvents, type Traffic } from "../clients/misp-events.ts";
import { mispKnowledge } from "../clients/misp-knowledge.ts";
import { pulling } from "../clients/misp-pulling.ts";
import { sightingSinks, sightingSource, sightingSwitch } from "../clients/misp-sightings-config.ts";
import { type AttributeUnit, isTooMuch, planUnits, readUnit } from "../clients/misp-walk.ts";
import { loadZeroMq, zeroMqConfig, zeroMqHints } from "../clients/zeromq.ts";
import { type Context, defineFeed } from "../contract/define.ts";
import type {
  Feed,
  FeedPage,
  FeedProgress,
  FeedPull,
  KnowledgeOptions,
  KnowledgePiece,
  PullOptions,
} from "../contract/feed.ts";
import { feedFilter } from "../contract/feed-filter.ts";
import { cursorFromJson, cursorToJson, digestOf, type MispCursor } from "../intel/misp-cursor.ts";
import { eventOfMessage } from "../intel/misp-hint.ts";
import {
  cleanHints,
  type ListedEvent,
  type PlanRules,
  planSync,
  Reconciling,
  readListedEvent,
  type SyncPlan,
} from "../intel/misp-manifest.ts";
import {
  isLarge,
  Reading,
  type Walk,
  type WantedEvent,
  walkOf,
  wantedEvent,
  wantedRows,
} from "../intel/misp-reading.ts";
import { type AnswerRows, type RowReader, rowReader } from "../intel/misp-rows.ts";
import { threadedRowReader } from "../intel/misp-rows-thread.ts";
import { type LeftOut, UnreadableEvents } from "../intel/misp-unreadable.ts";
import { YoungEvents } from "../intel/misp-young.ts";
import { createReportFilter, type ReportFilter } from "../intel/report-filter.ts";
import type { Clock } from "../lib/clock.ts";
import { chunksOf, mapConcurrent } from "../lib/concurrent.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Place } from "../lib/ordered-room.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { JsonObject, JsonValue } from "../model/json.ts";

const { warninglists, to_ids_only, published_only, ...pace } = pulling;

const config = mispConnection
  .extend({
    sightings: sightingSwitch,
    warninglists,
    zmq: zeroMqConfig,
    to_ids_only,
    published_only,
    filters: feedFilter,
    ...pace,
  })
  .refine(oneKey, { error: ONE_KEY_MESSAGE });

type Config = z.output<typeof config>;

export default defineFeed<Config>({
  type: "misp-server",
  summary: "MISP server over its REST API: event by event, only what changed after the first pull.",
  config,
  sinks: sightingSinks,
  async create(settings, context) {
    if (settings.zmq !== undefined) await loadZeroMq();
    return new MispServer(settings, context);
  },
});

/** What the requests of one pull share. */
interface Reads {
  readonly reading: Reading;
  readonly reader: RowReader;
  readonly left: LeftOut;
  readonly signal: AbortSignal;
  readonly traffic: Traffic;
  /** Tells how many events have been read, with so many of those under way. */
  readonly tell: (ended?: number) => void;
}

class MispServer implements Feed {
  readonly #settings: Config;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #misp: Misp;
  readonly #filter: ReportFilter;
  readonly #options: string;
  readonly #young = new YoungEvents();
  readonly #unreadable = new UnreadableEvents();
  readonly #reconciling = new Reconciling();

  constructor(settings: Config, context: Context) {
    if (!settings.verify) context.log.warn("certificate of the MISP server is not verified", { feed: context.name });
    this.#settings = settings;
    this.#name = context.name;
    this.#clock = context.clock;
    this.#log = context.log;
    this.#options = optionsDigest(settings);
    this.#filter = createReportFilter(settings.filters, () => context.clock.now());
    this.#misp = connectMisp(settings, context.clock, context.log);
  }

  async pull(
    stored: JsonValue | undefined,
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
    options: PullOptions = {},
  ): Promise<FeedPull> {
    const before = cursorFromJson(stored, this.#options);
    const { only, inParts = false, asked = false } = options;
    if (only !== undefined) return this.#hinted(before, only, signal, progress);
    const now = this.#clock.now();
    const listed = await indexedEvents(this.#misp, readListedEvent, signal);
    if (asked) this.#reconciling.forget();
    // As a delta, so that what is in its grace time, or is unpublished meanwhile, stays.
    const everything = this.#reconciling.begins(before, this.#settings.reconcile, now);
    const planned = planSync(before?.events ?? new Map(), listed, this.#rules(now), { whole: true, everything });
    const due = [...planned.read, ...(await this.#grown(listed, planned, signal))];
    const plan = { ...planned, read: asked ? due : this.#unreadable.due(due, now) };
    const parts = before === undefined ? inParts : !before.complete;
    const walk = walkOf(plan, before, { parts, everything, partSize: this.#settings.part_size, now });
    const idle = before?.complete === true && !everything && plan.withdraw.length === 0 && !plan.graceBegins;
    if (!idle) return this.#walked(walk, signal, progress);
    if (plan.read.length === 0) return { mode: "unchanged" };
    if (plan.read.length > this.#settings.events_per_request) return this.#walked(walk, signal, progress);
    const first = await this.#contexts(plan.read, signal);
    return first.length === 0 ? { mode: "unchanged" } : this.#walked({ ...walk, first }, signal, progress);
  }

  /** Looks at some events alone; what MISP does not answer stays as it is until the next listing. */
  async #hinted(
    before: MispCursor | undefined,
    only: readonly string[],
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
  ): Promise<FeedPull> {
    const hints = cleanHints(only);
    // Without a first pull there is nothing to change; it is on its way and will see what was hinted at.
    if (before === undefined) return { mode: "unchanged" };
    const records = new Map<string, JsonObject>();
    const read = (record: JsonObject, serverTime: number | undefined) => {
      const listed = readListedEvent(record, serverTime);
      if (listed !== undefined) records.set(listed.uuid, record);
      return listed;
    };
    const answered = await namedEvents(this.#misp, hints, this.#settings.events_per_request, read, signal);
    // The same event may have been named by its UUID and by its id.
    const found = new Map(answered.map((listed) => [listed.uuid, listed]));
    const rules = this.#rules(this.#clock.now());
    const plan = planSync(before.events, [...found.values()], rules, { whole: false, everything: false });
    if (plan.read.length === 0 && plan.withdraw.length === 0 && !plan.graceBegins) return { mode: "unchanged" };
    const first = plan.read.map((listed) => this.#wanted(records.get(listed.uuid) ?? {}, listed));
    const options = { parts: false, everything: false, partSize: 0, now: before.reconciledAt };
    return this.#walked({ ...walkOf(plan, before, options), first }, signal, progress);
  }

  #walked(walk: Walk, signal: AbortSignal, progress?: (progress: FeedProgress) => void): FeedPull {
    const { before, held, parts } = walk;
    const reading = new Reading(held, walk.withdraw, before !== undefined);
    let state: "reading" | "part" | "whole" = "reading";
    const pages = this.#pages(walk, reading, signal, progress, (complete) => {
      state = complete ? "whole" : "part";
    });
    // A hint that comes during the first pull does not make it complete.
    const complete = () => state === "whole" && (parts || before?.complete !== false);
    return {
      mode: before === undefined ? "full" : "delta",
      pages,
      cursor: () => {
        if (state === "reading")
          throw new TiplineError("TIP_INTERNAL", "cursor() was asked for before the pages were read");
        const attributes = complete() ? 0 : (before?.attributes ?? 0) + (parts ? reading.attributes : 0);
        const { reconciledAt } = walk;
        return cursorToJson({ events: held, complete: complete(), attributes, reconciledAt }, this.#options);
      },
      ...(parts ? { more: () => state === "part" } : {}),
    };
  }

  #rules(now: number): PlanRules {
    const { published_only, grace } = this.#settings;
    return { publishedOnly: published_only, graceMs: grace, now };
  }

  /** Events read a short while ago that have got more (or fewer) attributes since, without a new timestamp. */
  async #grown(
    listed: readonly ListedEvent[],
    { read }: SyncPlan,
    signal: AbortSignal,
  ): Promise<readonly ListedEvent[]> {
    const grown: WantedEvent[] = [];
    const young = this.#young.among(listed, read, this.#clock.now());
    for (const chunk of chunksOf(young, this.#settings.events_per_request))
      grown.push(...(await this.#contexts(chunk, signal)).filter((event) => this.#young.hasGrown(event)));
    return grown.map((event) => event.listed);
  }

  async *#pages(
    walk: Walk,
    reading: Reading,
    signal: AbortSignal,
    progress: ((progress: FeedProgress) => void) | undefined,
    finish: (complete: boolean) => void,
  ): AsyncGenerator<FeedPage> {
    const { events_per_request } = this.#settings;
    const traffic: Traffic = { bytes: 0 };
    const left: LeftOut = new Map();
    const already = walk.total - walk.read.length;
    let done = 0;
    const tell = (ended = 0) => {
      const { attributes } = reading;
      progress?.({ eventsDone: already + done + ended, eventsTotal: walk.total, attributes, bytes: traffic.bytes });
    };
    const batchAt = (at: number) => {
      const batch = walk.first ?? this.#contexts(walk.read.slice(at, at + events_per_request), signal, traffic);
      const coming = Promise.resolve(batch);
      // It is awaited when its turn comes, if it comes.
      coming.catch(() => undefined);
      return coming;
    };
    const step = walk.first === undefined ? events_per_request : Math.max(1, walk.read.length);
    let coming = batchAt(0);
    let reader: RowReader | undefined;
    try {
      while (done < walk.read.length && reading.attributes < walk.most) {
        const batch = await coming;
        if (done + step < walk.read.length) coming = batchAt(done + step);
        reader ??= isLarge(batch, walk.read.length) ? threadedRowReader() : rowReader();
        yield* this.#batchPages(batch, { reading, reader, left, signal, traffic, tell });
        const answered = reading.without(left, batch);
        const lost = await this.#lost(answered, reading, walk, signal, traffic);
        const settled = answered.filter(({ id }) => !lost.has(id));
        reading.settle(settled);
        this.#unreadable.settle(settled);
        if (walk.before?.complete && !walk.everything) this.#young.add(settled, this.#clock.now());
        done = Math.min(done + step, walk.read.length);
        tell();
      }
    } finally {
      await reader?.close();
    }
    // A server that answers for nothing at all is not one with a few broken events.
    for (const [{ listed }, error] of left.values()) {
      if (reading.attributes === 0) throw error;
      this.#unreadable.add(listed, this.#clock.now());
      this.#log.warn("MISP cannot answer for an event; what is in force of it stays", { event: listed.id, error });
    }
    yield reading.rest();
    finish(done >= walk.read.length);
  }

  /** The pages of some events. A generator of its own: V8 takes several times as long to optimise both in one. */
  async *#batchPages(batch: readonly WantedEvent[], under: Reads): AsyncGenerator<FeedPage> {
    const { page_size, concurrency, to_ids_only: toIdsOnly, filters } = this.#settings;
    const { reading, reader, left, tell } = under;
    const units = planUnits(
      batch.filter(({ unwanted }) => unwanted === undefined),
      page_size,
    );
    const options = { feed: this.#name, toIdsOnly, filters, now: this.#clock.now() };
    const leave = (id: string, error: RemoteError) => this.#unreadable.leave(batch, id, error, left);
    const read = async (unit: AttributeUnit) => {
      const place = reader.join();
      return { unit, place, answers: await this.#attributes(unit, place, leave, under) };
    };
    let ended = 0;
    for await (const { unit, place, answers } of mapConcurrent(units, concurrency, read)) {
      const { last, eventIds } = unit;
      const [first = ""] = eventIds;
      for (const answer of answers)
        if (eventIds.length === 1 && left.has(first)) answer.drop();
        else yield* reading.takeAll(answer.read(wantedRows(batch, eventIds, options)));
      place.leave();
      ended += last ? eventIds.length : 0;
      tell(ended);
    }
  }

  async #contexts(
    listed: readonly ListedEvent[],
    signal: AbortSignal,
    traffic?: Traffic,
  ): Promise<readonly WantedEvent[]> {
    if (listed.length === 0) return [];
    const byId = new Map(listed.map((event) => [event.id, event]));
    const read = (record: JsonObject) => {
      const now = readListedEvent(record, undefined);
      const own = byId.get(now?.id ?? "");
      // A server that ignores a parameter answers with events nobody asked for.
      if (now === undefined || own?.uuid !== now.uuid) return undefined;
      // Unpublished since the listing: its last version stays, and the next listing says more.
      return now.published || !this.#settings.published_only ? this.#wanted(record, own) : undefined;
    };
    const spec = { which: { eventid: [...byId.keys()] }, limit: byId.size };
    try {
      return await searchEvents(this.#misp, spec, read, signal, traffic);
    } catch (thrown) {
      if (listed.length < 2 || !isTooMuch(thrown)) throw thrown;
      const halves = chunksOf(listed, Math.ceil(listed.length / 2));
      return (await Promise.all([...halves].map((half) => this.#contexts(half, signal, traffic)))).flat();
    }
  }

  #wanted(record: JsonObject, listed: ListedEvent): WantedEvent {
    return wantedEvent(record, listed, { filter: this.#filter, linkBase: this.#misp.url });
  }

  /**
   * Events (by id) that keep the version that is in force: MISP changed them after their contexts had been read, and nothing was
   * read of them because they were unpublished in between, not because there is nothing. Of an event that takes several answers a
   * change leaves half of it: such a pull must not count.
   */
  async #lost(batch: readonly WantedEvent[], reading: Reading, walk: Walk, signal: AbortSignal, traffic: Traffic) {
    const { published_only, page_size, events_per_request } = this.#settings;
    const lost = new Set<string>();
    if (!published_only) return lost;
    const large = new Set(
      batch.filter(({ attributeCount, unwanted }) => unwanted === undefined && attributeCount >= page_size),
    );
    const silent = walk.before === undefined ? [] : reading.silent(batch);
    for (const chunk of chunksOf([...new Set([...large, ...silent])], events_per_request)) {
      const listed = chunk.map((event) => event.listed);
      const now = new Map((await this.#contexts(listed, signal, traffic)).map((event) => [event.id, event.context]));
      for (const event of chunk) {
        if (now.get(event.id)?.timestamp === event.context.timestamp && now.has(event.id)) continue;
        if (large.has(event))
          throw new RemoteError("cut-short", `${this.#misp.url}: event ${event.id} was changed while it was read`);
        lost.add(event.id);
      }
    }
    return lost;
  }

  /** One request's worth of attributes. */
  #attributes(
    unit: AttributeUnit,
    place: Place,
    onUnreadable: (id: string, error: RemoteError) => boolean,
    { reader, signal, traffic }: Reads,
  ): Promise<readonly AnswerRows[]> {
    const { to_ids_only, published_only, filters } = this.#settings;
    return readUnit(unit, {
      misp: this.#misp,
      signal,
      newSink: (slices) => reader.open(slices, place),
      onUnreadable,
      onBytes: (bytes) => {
        traffic.bytes += bytes;
      },
      filter: {
        ...(to_ids_only ? { to_ids: 1 } : {}),
        // Of an event that is unpublished while it is read nothing more comes, rather than half of an edit.
        ...(published_only ? { published: 1 } : {}),
        ...(filters.types.include.length > 0 ? { type: filters.types.include } : {}),
      },
    });
  }

  knowledge(
    held: ReadonlyMap<string, string>,
    signal: AbortSignal,
    { sightings = false }: KnowledgeOptions = {},
  ): AsyncIterable<KnowledgePiece> {
    const wanted = {
      warninglists: this.#settings.warninglists,
      sightings,
      ownSources: ["tipline", sightingSource(this.#settings.sightings).toLowerCase()],
      now: this.#clock.now(),
      trouble: (part: string, error: Error) =>
        this.#log.warn("a part of what the server knows could not be read; what is held of it stays", { part, error }),
    };
    return mispKnowledge(this.#misp, wanted, held, signal);
  }

  hints(signal: AbortSignal): AsyncIterable<readonly string[]> {
    return zeroMqHints(this.#settings.zmq, eventOfMessage, this.#clock, signal);
  }

  close(): Promise<void> {
    return this.#misp.close();
  }
}

/** Tells settings apart that decide what is read; those of before there were filters keep their digest. */
function optionsDigest({ url, to_ids_only, published_only, filters }: Config): string {
  const filtered = JSON.stringify(filters) !== JSON.stringify(feedFilter.parse(undefined));
  return digestOf([url, to_ids_only, published_only, ...(filtered ? [filters] : [])]);
}
