import { readFileSync } from "node:fs";
import { join } from "node:path";
import { asError, TiplineError } from "../lib/errors.ts";
import { packageRoot } from "../lib/package-root.ts";

/** A well-known feed: where it is and how it is read. The table is lists/default-feeds.json. */
export interface DefaultFeed {
  /** What people type; also the name in the configuration unless they give another. */
  readonly slug: string;
  readonly name: string;
  readonly provider: string;
  readonly url: string;
  readonly format: "misp" | "csv" | "freetext";
  /** csv: column numbers from 1; absent: every cell that looks like a value. */
  readonly value_columns?: readonly number[];
  /** csv; absent: a comma. */
  readonly delimiter?: string;
  /** MISP's excluderegex. */
  readonly exclude?: string;
  /** Tag that MISP puts on what it makes of the feed. */
  readonly tag?: string;
  /** Settings of list-file that MISP has no word for: type of the values, columns of dates … */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** What one should know before adding it. */
  readonly note?: string;
  /** Why it cannot be added: nothing that it says can match. */
  readonly left_out?: string;
}

/** The table of well-known feeds. */
export function defaultFeeds(): readonly DefaultFeed[] {
  const path = join(packageRoot(), "lists", "default-feeds.json");
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as { readonly feeds: readonly DefaultFeed[] }).feeds;
  } catch (cause) {
    throw new TiplineError("TIP_INTERNAL", `expected the table of feeds at ${path}: ${asError(cause).message}`, {
      cause,
    });
  }
}

/** What was asked for, or what was near it. */
export type FeedSearch =
  | { readonly kind: "one"; readonly feed: DefaultFeed }
  | { readonly kind: "several" | "none"; readonly feeds: readonly DefaultFeed[] };

const MOST_SHOWN = 12;
const MOST_NEAR = 5;

/** Finds by slug, name or URL, else by a part of them; `none` carries the nearest ones. */
export function findFeed(asked: string, feeds: readonly DefaultFeed[]): FeedSearch {
  const wanted = asked.trim().toLowerCase();
  const exact = feeds.find((feed) => [feed.slug, feed.name, feed.url].some((text) => text.toLowerCase() === wanted));
  if (exact !== undefined) return { kind: "one", feed: exact };
  // A provider's remark may name another feed: what a feed is called counts first.
  const named = feeds.filter((feed) => hasWords(asked, `${feed.slug}\n${feed.name}`));
  const found = named.length > 0 ? named : matchingFeeds(asked, feeds);
  if (found.length === 1 && found[0] !== undefined) return { kind: "one", feed: found[0] };
  if (found.length > 1) return { kind: "several", feeds: found.slice(0, MOST_SHOWN) };
  const pairs = pairsOf(wanted);
  const near = feeds
    .map((feed) => ({ feed, score: Math.max(likeness(pairs, feed.slug), likeness(pairs, feed.name)) }))
    .filter(({ score }) => score > 0.2)
    .sort((a, b) => b.score - a.score);
  return { kind: "none", feeds: near.slice(0, MOST_NEAR).map(({ feed }) => feed) };
}

/** Feeds of which slug, name, provider, URL or note has every word. */
export function matchingFeeds(text: string, feeds: readonly DefaultFeed[]): readonly DefaultFeed[] {
  return feeds.filter(({ slug, name, provider, url, format, note = "" }) =>
    hasWords(text, [slug, name, provider, url, format, note].join("\n")),
  );
}

function hasWords(asked: string, text: string): boolean {
  const within = text.toLowerCase();
  const words = asked.toLowerCase().split(/\s+/, 20);
  return words.every((word) => within.includes(word));
}

/** Dice's coefficient over pairs of letters: 1 for the same, 0 for nothing in common. */
function likeness(pairs: ReadonlySet<string>, text: string): number {
  const others = pairsOf(text.toLowerCase());
  if (pairs.size + others.size === 0) return 0;
  let common = 0;
  for (const pair of pairs) if (others.has(pair)) common++;
  return (2 * common) / (pairs.size + others.size);
}

function pairsOf(text: string): ReadonlySet<string> {
  const letters = text.replace(/[^a-z0-9]+/g, "").slice(0, 100);
  const pairs = new Set<string>();
  for (let at = 0; at + 1 < letters.length; at++) pairs.add(letters.slice(at, at + 2));
  return pairs;
}

/** A feed as the configuration has it: `type` and what differs from the defaults. */
export type FeedSettings = Readonly<Record<string, string | number | boolean | readonly (string | number)[]>>;

/** The settings that read a feed of the table. Throws TIP_USAGE_INVALID for one that is left out. */
export function settingsOf(feed: DefaultFeed): FeedSettings {
  if (feed.left_out !== undefined)
    throw new TiplineError("TIP_USAGE_INVALID", `${feed.slug} (${feed.name}) cannot be added: ${feed.left_out}`);
  if (feed.format === "misp") return { type: "misp-feed", url: feed.url };
  const columns = feed.value_columns;
  const one = columns?.length === 1 ? columns[0] : columns;
  return {
    type: "list-file",
    url: feed.url,
    format: feed.format,
    ...(feed.format === "csv" ? { value_column: one ?? "*" } : {}),
    ...(feed.delimiter === undefined ? {} : { delimiter: feed.delimiter }),
    ...(feed.exclude === undefined ? {} : { exclude: feed.exclude }),
    ...feed.settings,
    event_info: feed.name,
    org: feed.provider.slice(0, 128),
    ...(feed.tag === undefined ? {} : { tags: [feed.tag] }),
  };
}

/** A feed of the user's own, as typed. */
export interface OwnFeed {
  readonly url: string;
  readonly as?: string | undefined;
  readonly format?: string | undefined;
  readonly delimiter?: string | undefined;
  readonly columns?: string | undefined;
  readonly exclude?: string | undefined;
}

/** Name and settings of a feed of the user's own; whether they are right is for the configuration's schema to say. */
export function ownFeed({ url, as, format, delimiter, columns, exclude }: OwnFeed): {
  readonly name: string;
  readonly settings: FeedSettings;
} {
  const usage = (message: string) => new TiplineError("TIP_USAGE_INVALID", message);
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
    throw usage("--url: expected a URL that begins http:// or https://");
  if (format === undefined || !["misp", "csv", "freetext", "lines"].includes(format))
    throw usage("--format: expected misp, csv, freetext or lines");
  if (format !== "csv" && (delimiter !== undefined || columns !== undefined))
    throw usage("--delimiter and --value-column go with --format csv");
  if (format === "misp" && exclude !== undefined) throw usage("--exclude goes with --format csv, freetext or lines");
  const name = as ?? nameFrom(new URL(url).hostname);
  if (format === "misp") return { name, settings: { type: "misp-feed", url } };
  return {
    name,
    settings: {
      type: "list-file",
      url,
      format,
      ...(columns === undefined ? {} : { value_column: columnsOf(columns) }),
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(exclude === undefined ? {} : { exclude }),
    },
  };
}

function columnsOf(typed: string): string | number | readonly (string | number)[] {
  const columns = typed.split(",", 16).map((word) => (/^\d{1,2}$/.test(word.trim()) ? Number(word) : word.trim()));
  return columns.length === 1 ? (columns[0] ?? typed) : columns;
}

function nameFrom(host: string): string {
  const name = host
    .toLowerCase()
    .replace(/^www\./, "")
    .replace(/[^a-z0-9]{1,100}/g, "-")
    .replace(/^-/, "")
    .slice(0, 40);
  return name === "" ? "feed" : name;
}
