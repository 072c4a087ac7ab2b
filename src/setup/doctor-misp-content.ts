import type { Misp } from "../clients/misp.ts";
import { newCollection, readAttribute, uuidOf } from "../intel/misp-attribute.ts";
import { eventContext, orgcUuid } from "../intel/misp-event.ts";
import { createReportFilter, type FilterRules } from "../intel/report-filter.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { get, isJsonObject, type JsonObject, text } from "../model/json.ts";
import { type Check, failedBy, ok, warn } from "./checks.ts";

/** What of a server's content is taken. */
export interface ContentRules {
  readonly toIdsOnly: boolean;
  readonly publishedOnly: boolean;
  readonly filters?: FilterRules | undefined;
  /** Attributes of one request of a sync. */
  readonly pageSize: number;
}

export interface ContentSubject extends ContentRules {
  readonly misp: Misp;
  readonly now: () => number;
}

/** MISP reads every row to count it, about 20,000 a second; with more than these a sample of events stands for all. */
const MOST_COUNTED = 300_000;
const SAMPLED_EVENTS = 200;
/** Attributes that are read to see what the other filters leave out. */
const MOST_READ = 2000;

/** Warninglists, size, what each filter removes, and whether the page size suits. Needs a working key. */
export async function* contentChecks(subject: ContentSubject, signal: AbortSignal): AsyncGenerator<Check> {
  yield await warninglists(subject.misp, signal);
  let size: Size;
  try {
    size = await measure(subject.misp, signal);
  } catch (thrown) {
    yield failedBy("content", thrown);
    return;
  }
  const { events, published, attributes } = size;
  const all = attributes === undefined ? "" : `, ${many(attributes)} attributes on the server`;
  const words = `${many(events.length)} events readable (${many(published)} published)${all}`;
  if (attributes === 0 || events.length === 0) {
    yield warn("content", words, "nothing to match with: is the user's organisation allowed to see any event?");
    return;
  }
  yield ok("content", words);
  try {
    yield* filterChecks(subject, size, signal);
  } catch (thrown) {
    yield {
      ...failedBy("filters", thrown, "counting is a heavy search for MISP; a sync asks for less at once"),
      status: "warn",
    };
  }
  yield pageSize(subject.pageSize);
}

async function warninglists(misp: Misp, signal: AbortSignal): Promise<Check> {
  let enabled = 0;
  try {
    // The named parameter filters; as a query MISP ignores it.
    const { rows } = await misp.retry(
      () => misp.list("/warninglists/index/enabled:1", ["Warninglists"], signal),
      signal,
    );
    for await (const row of rows) if (get(row, "Warninglist", "enabled") !== false) enabled++;
  } catch (thrown) {
    return { ...failedBy("warninglists", thrown, "Tipline uses those it ships with"), status: "warn" };
  }
  return enabled > 0
    ? ok("warninglists", `${enabled} enabled`)
    : warn(
        "warninglists",
        "none enabled",
        "enable those that fit in MISP (Input Filters, Warninglists): they keep out false positives",
      );
}

interface Size {
  /** Ids of all readable events. */
  readonly events: readonly string[];
  readonly published: number;
  /** Of the whole server, whoever may read them; undefined where it does not say. */
  readonly attributes: number | undefined;
}

async function measure(misp: Misp, signal: AbortSignal): Promise<Size> {
  const events: string[] = [];
  let published = 0;
  const { rows } = await misp.retry(() => misp.eventManifest(signal), signal);
  for await (const row of rows) {
    const id = text(row, "id");
    if (id !== undefined && /^\d{1,18}$/.test(id)) events.push(id);
    const flag = get(row, "published");
    if (flag === true || flag === "1" || flag === 1) published++;
  }
  return { events, published, attributes: await allAttributes(misp, signal) };
}

async function allAttributes(misp: Misp, signal: AbortSignal): Promise<number | undefined> {
  try {
    const byType = await misp.get("/attributes/attributeStatistics/type/0", signal);
    return Object.values(byType).reduce<number>((sum, count) => sum + (Number(count) || 0), 0);
  } catch (thrown) {
    if (thrown instanceof RemoteError && thrown.kind !== "aborted") return undefined;
    throw thrown;
  }
}

/** Counts with one filter more at a time, then what is left of the attributes that are read. */
async function* filterChecks(subject: ContentSubject, size: Size, signal: AbortSignal): AsyncGenerator<Check> {
  const { misp, toIdsOnly, publishedOnly } = subject;
  const sampled = size.attributes === undefined || size.attributes > MOST_COUNTED;
  const within: JsonObject = sampled ? { eventid: sample(size.events, SAMPLED_EVENTS) } : {};
  const of = sampled ? ` of ${Math.min(SAMPLED_EVENTS, size.events.length)} events picked by chance` : "";
  const limit = MOST_COUNTED * 2;
  const count = (filter: JsonObject) => misp.count("attributes", { ...within, ...filter, limit, page: 1 }, signal);
  // Without a narrowing parameter there is no count of everything: to_ids 0 and 1 make it up.
  let filter: JsonObject = { to_ids: 1 };
  const yes = await count(filter);
  const total = yes + (await count({ to_ids: 0 }));
  const steps = [`${many(total)}${of}`];
  let left = total;
  if (toIdsOnly) {
    steps.push(`to_ids leaves ${many(yes)} (removes ${share(left - yes, left)})`);
    left = yes;
  } else filter = {};
  if (publishedOnly) {
    filter = { ...filter, published: 1 };
    const after = toIdsOnly
      ? await count(filter)
      : (await count({ ...filter, to_ids: 1 })) + (await count({ ...filter, to_ids: 0 }));
    steps.push(`published leaves ${many(after)} (removes ${share(left - after, left)})`);
    left = after;
  }
  const found = steps.join(", ");
  yield left > 0
    ? ok("filters", found)
    : warn("filters", found, "nothing is left: look at to_ids_only and published_only, or at how events are published");
  if (left > 0) yield await otherFilters(subject, size, filter, signal);
}

/** Reads a part of what is left, as a sync would, and counts why attributes are left out. */
async function otherFilters(
  { misp, toIdsOnly, filters, now }: ContentSubject,
  { events }: Size,
  filter: JsonObject,
  signal: AbortSignal,
): Promise<Check> {
  const eventid = sample(events, SAMPLED_EVENTS);
  const rules = filters === undefined ? undefined : createReportFilter(filters, now);
  const search = { ...filter, eventid, includeContext: 1, limit: MOST_READ, page: 1 };
  const { into, leftOut, read } = await misp.retry(async () => {
    const into = newCollection();
    const leftOut = new Map<string, number>();
    let read = 0;
    const { rows } = await misp.search("attributes", search, signal);
    for await (const row of rows) {
      const record = get(row, "Event");
      if (!isJsonObject(record) || uuidOf(get(record, "uuid")) === undefined) continue;
      read++;
      const event = eventContext(record);
      const why = rules?.event(event, orgcUuid(record));
      if (why !== undefined) leftOut.set(why, (leftOut.get(why) ?? 0) + 1);
      else readAttribute(row, event, { feed: "doctor", toIdsOnly, ...(rules ? { filter: rules } : {}) }, into);
    }
    return { into, leftOut, read };
  }, signal);
  if (read === 0) return ok("taken", "no attribute of the events looked at is left");
  for (const [reason, count] of into.skipped) leftOut.set(reason, (leftOut.get(reason) ?? 0) + count);
  const reasons = [...leftOut].sort((a, b) => b[1] - a[1]);
  const out = reasons.reduce((sum, [, count]) => sum + count, 0) + into.refused.length;
  const words = reasons.slice(0, 6).map(([reason, count]) => `${reason}: ${share(count, read)}`);
  if (into.refused.length > 0) words.push(`not usable: ${share(into.refused.length, read)}`);
  const found = `${many(read - out)} of ${many(read)} attributes looked at${words.length === 0 ? "" : ` (left out: ${words.join(", ")})`}`;
  return out < read ? ok("taken", found) : warn("taken", found, "nothing is left: loosen the filters of this feed");
}

function pageSize(size: number): Check {
  // MISP reads at most 50 rows a megabyte of its memory limit (2048 MB by default) at once, and more than that in parts.
  return size > 50_000
    ? warn("page size", `${many(size)} attributes a request`, "10,000 to 50,000 is as fast and easier on MISP's memory")
    : ok("page size", `${many(size)} attributes a request`);
}

/** Some of a list, picked by chance, in its order. */
function sample(all: readonly string[], most: number): readonly string[] {
  if (all.length <= most) return all;
  const picked = new Set<number>();
  while (picked.size < most) picked.add(Math.floor(Math.random() * all.length));
  return all.filter((_, at) => picked.has(at));
}

function share(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (part / whole) * 100;
  return `${many(part)}, ${percent > 0 && percent < 1 ? "under 1" : Math.round(percent)}%`;
}

function many(count: number): string {
  return count.toLocaleString("en-US");
}
