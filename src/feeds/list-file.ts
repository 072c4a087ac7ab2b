import { createHash } from "node:crypto";
import { setImmediate as pause } from "node:timers/promises";
import { z } from "zod";
import { type DocumentPlace, localDocuments, remoteDocuments } from "../clients/feed-documents.ts";
import { createHttp, type Http } from "../clients/http.ts";
import { type Context, defineFeed } from "../contract/define.ts";
import type { Feed, FeedPage, FeedProgress, FeedPull } from "../contract/feed.ts";
import { compileExclude } from "../intel/exclude-pattern.ts";
import { PageCutter } from "../intel/feed-pages.ts";
import { LIST_TYPES, type ListValue, readListValue } from "../intel/list-lines.ts";
import { LIST_FORMATS, type ListEntry, type ListLayout, ListReader } from "../intel/list-reader.ts";
import { beginning, linesOf, notAList } from "../intel/list-text.ts";
import { type Collected, derivedUuid, MAX_VALUE, newCollection } from "../intel/misp-attribute.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { secretFrom, secretText } from "../lib/secret-schema.ts";
import { httpUrl } from "../lib/url-schema.ts";
import type { EventContext } from "../model/indicator.ts";
import { get, type JsonValue } from "../model/json.ts";

const column = z.union([z.number().int().min(1).max(64), z.string().min(1)]);
const pattern = z
  .string()
  .max(300)
  .superRefine((text, context) => {
    const compiled = compileExclude(text);
    if (typeof compiled === "string")
      context.addIssue({ code: "custom", message: `expected a safe pattern: ${compiled}` });
  });

const config = z
  .strictObject({
    path: z.string().min(1).optional().describe("The list: plain text or CSV, packed by gzip or zip as well."),
    url: httpUrl("Where the list is fetched from.").optional(),
    value_type: z.enum(LIST_TYPES).default("auto").describe("Type of every value; auto looks at each."),
    format: z
      .enum(LIST_FORMATS)
      .optional()
      .describe(
        "lines: one value a line; csv: values in columns; freetext: values anywhere. Default: csv with a delimiter, else lines.",
      ),
    delimiter: z
      .string()
      .min(1)
      .max(4)
      .optional()
      .describe('CSV: what separates the columns (default ","; "\\t" is a tab).'),
    header: z.boolean().default(false).describe("The first line that is not a comment names the columns."),
    value_column: z
      .union([column, z.array(column).min(1).max(16)])
      .default(1)
      .describe(
        'Column of the value, by number (from 1) or name; several as a list; "*" for every cell that looks like a value.',
      ),
    type_column: column.optional().describe("Column of the type (ours or MISP's); empty cells use value_type."),
    comment_column: column.optional().describe("Column of a comment."),
    first_seen_column: column
      .optional()
      .describe("Column of the date when the value was first seen; UTC if it names no zone."),
    last_seen_column: column.optional().describe("Column of the date when the value was last seen."),
    comment_prefix: z
      .array(z.string().min(1).max(20))
      .max(20)
      .optional()
      .describe('Lines that begin so are comments (default "#", ";" and "//").'),
    exclude: pattern.optional().describe("Values that this pattern finds are left out, as MISP's excluderegex: /^#/i."),
    zip_entry: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("Which file of a zip archive; default: the only or first text file."),
    allow_empty: z.boolean().default(false).describe("A list without any value is right; else it fails the pull."),
    least_usable_percent: z
      .number()
      .int()
      .min(0)
      .max(100)
      .default(50)
      .describe(
        "Share of a list's values that must be usable; a list with fewer is taken for garbage and fails the pull.",
      ),
    event_info: z
      .string()
      .max(512)
      .optional()
      .describe("Title of the event that findings name; default: the feed's name."),
    org: z.string().max(128).optional().describe("Who publishes the list."),
    tlp: z.enum(["clear", "green", "amber", "amber+strict", "red"]).optional().describe("TLP of every value."),
    tags: z.array(z.string().max(300)).max(100).default([]).describe("Tags of every value."),
    comment: z.string().max(1024).optional().describe("Comment of every value that has none of its own."),
    threat_level: z
      .enum(["high", "medium", "low", "undefined"])
      .default("undefined")
      .describe("Threat level as in MISP."),
    key_file: z.string().optional().describe("File with the key that the server wants."),
    key: secretText("The key itself; better by key_file or from the environment.").optional(),
    key_header: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,64}$/, "expected the name of a header")
      .default("Authorization")
      .describe("Header that carries the key."),
    ca_file: z.string().optional().describe("PEM file of the authority that signed the server's certificate."),
    verify: z.boolean().default(true).describe("Verify the server's certificate; false is for laboratories."),
    proxy: z.string().optional().describe("URL of an HTTP proxy."),
    timeout_seconds: z.number().int().min(1).max(3600).default(60).describe("Longest silence of the server."),
    max_document_mib: z.number().int().min(1).max(1024).default(256).describe("Largest list that is read, unpacked."),
  })
  .refine(({ path, url }) => (path === undefined) !== (url === undefined), { error: "expected either path or url" });

type Config = z.output<typeof config>;

export default defineFeed<Config>({
  type: "list-file",
  summary: "List of indicators: one a line, CSV or free text, from a file or a web server.",
  config,
  intervalMs: ({ url }) => (url === undefined ? 60_000 : 3_600_000),
  create: (settings, context) => new ListFile(settings, context),
});

const THREAT_LEVELS = { high: 1, medium: 2, low: 3, undefined: 4 } as const;
/** Lines between two looks at the signal, and indicators that are collected before they are handed on. */
const STRIDE = 5000;
/** Fewer refused values than these are never taken for garbage. */
const FEW = 10;

class ListFile implements Feed {
  readonly #settings: Config;
  readonly #name: string;
  readonly #event: EventContext;
  readonly #place: DocumentPlace;
  readonly #options: string;
  #http: Http | undefined;

  constructor(settings: Config, context: Context) {
    this.#settings = settings;
    this.#name = context.name;
    const tags = [...(settings.tlp === undefined ? [] : [`tlp:${settings.tlp}`]), ...settings.tags];
    this.#event = {
      uuid: derivedUuid("list-file", context.name),
      info: settings.event_info ?? context.name,
      tags,
      threatLevel: THREAT_LEVELS[settings.threat_level],
      published: true,
      ...(settings.org === undefined ? {} : { orgc: settings.org }),
    };
    const { key: _key, key_file: _file, key_header: _header, ca_file: _ca, verify: _verify, ...reading } = settings;
    this.#options = createHash("sha256").update(JSON.stringify(reading)).digest("hex").slice(0, 16);
    this.#place = this.#openPlace(context);
  }

  #openPlace(context: Context): DocumentPlace {
    const { path, url, ...settings } = this.#settings;
    const maxBytes = settings.max_document_mib * 1024 * 1024;
    const options = { kind: "file", entry: settings.zip_entry } as const;
    if (path !== undefined) return localDocuments(path, maxBytes, options);
    if (url === undefined) throw new TiplineError("TIP_CONFIG_INVALID", "expected either path or url");
    if (!settings.verify) context.log.warn("certificate of the list's server is not verified", { feed: context.name });
    const key = secretFrom(settings.key_file, settings.key);
    this.#http = createHttp({
      clock: context.clock,
      caFile: settings.ca_file,
      insecure: !settings.verify,
      proxy: settings.proxy,
      timeoutMs: settings.timeout_seconds * 1000,
      retries: 3,
    });
    return remoteDocuments(
      url,
      this.#http,
      maxBytes,
      () => (key === undefined ? {} : { [settings.key_header.toLowerCase()]: key.reveal() }),
      options,
    );
  }

  async pull(
    stored: JsonValue | undefined,
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
  ): Promise<FeedPull> {
    stopIfAborted(signal);
    const sameOptions = get(stored, "options") === this.#options;
    const tag = sameOptions ? get(stored, "tag") : undefined;
    const listing = await this.#place.list(typeof tag === "string" ? tag : undefined, signal);
    if (listing.unchanged) return { mode: "unchanged" };
    const version = listing.documents[0]?.version ?? "";
    if (sameOptions && get(stored, "version") === version) return { mode: "unchanged" };
    const bytes = await this.#place.read("", signal);
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (sameOptions && get(stored, "sha256") === digest) return { mode: "unchanged" };
    let done = false;
    const finish = () => {
      done = true;
    };
    return {
      mode: "full",
      pages: this.#pages(bytes, finish, signal, progress),
      cursor: () => {
        if (!done) throw new TiplineError("TIP_INTERNAL", "cursor() was asked for before the pages were read");
        return {
          options: this.#options,
          version,
          sha256: digest,
          ...(listing.tag === undefined ? {} : { tag: listing.tag }),
        };
      },
    };
  }

  async *#pages(
    bytes: Buffer,
    finish: () => void,
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
  ): AsyncGenerator<FeedPage> {
    const wrong = notAList(bytes);
    if (wrong !== undefined) throw this.#invalid(bytes, `expected a list, found ${wrong}`);
    const cutter = new PageCutter();
    const reader = this.#reader();
    const counts = { attributes: 0, usable: 0, refused: 0 };
    let into = newCollection();
    const flush = function* () {
      counts.attributes += into.attributes;
      counts.usable += into.indicators.length;
      counts.refused += into.refused.length;
      yield* cutter.add(into);
      into = newCollection();
    };
    for (const line of linesOf(bytes)) {
      if (line.number % STRIDE === 0) {
        stopIfAborted(signal);
        // A list of millions of lines must not keep alerts waiting.
        await pause();
        yield* flush();
        progress?.({ eventsDone: 0, eventsTotal: 1, attributes: counts.attributes, bytes: line.bytes });
      }
      for (const entry of this.#entries(reader, line)) {
        this.#take(entry, into);
        // A list may be one line of a million cells.
        if (into.attributes >= STRIDE) yield* flush();
      }
    }
    stopIfAborted(signal);
    yield* flush();
    progress?.({ eventsDone: 1, eventsTotal: 1, attributes: counts.attributes, bytes: bytes.length });
    this.#judge(bytes, counts);
    yield cutter.rest();
    finish();
  }

  *#entries(reader: ListReader, line: Parameters<ListReader["read"]>[0]): Generator<ListEntry> {
    try {
      yield* reader.read(line);
    } catch (thrown) {
      throw new TiplineError("TIP_FEED_INVALID", `${this.#place.name}: ${asError(thrown).message}`, { cause: thrown });
    }
  }

  #reader(): ListReader {
    try {
      return new ListReader(layoutOf(this.#settings));
    } catch (thrown) {
      throw new TiplineError("TIP_CONFIG_INVALID", `${this.#name}: ${asError(thrown).message}`, { cause: thrown });
    }
  }

  /** A list that lost everything, or says something else all of a sudden, is broken: the last good one stays. */
  #judge(bytes: Buffer, { usable, refused }: { readonly usable: number; readonly refused: number }): void {
    const { allow_empty, least_usable_percent } = this.#settings;
    const hint = "check format, value_type, delimiter and columns";
    if (usable === 0 && refused > 0)
      throw this.#invalid(bytes, `none of its ${refused} lines is an indicator; ${hint}`);
    if (usable === 0 && !allow_empty)
      throw this.#invalid(bytes, "expected at least one indicator, found none (allow_empty, if that is right)");
    if (refused >= FEW && usable * 100 < least_usable_percent * (usable + refused))
      throw this.#invalid(
        bytes,
        `expected ${least_usable_percent}% of its values to be indicators, found ${usable} of ${usable + refused}; ${hint}, or least_usable_percent`,
      );
  }

  #invalid(bytes: Buffer, message: string): TiplineError {
    const begins = bytes.length === 0 ? "it is empty" : `it begins ${beginning(bytes)}`;
    return new TiplineError("TIP_FEED_INVALID", `${this.#place.name}: ${message}; ${begins}`);
  }

  #take(entry: ListEntry, into: Collected): void {
    into.attributes++;
    const read = entry.refusal ?? readEntry(entry);
    if (typeof read === "string") {
      this.#refuse(entry, read, into);
      return;
    }
    const { attributeType, category, companion } = read;
    const comment = entry.comment ?? this.#settings.comment;
    for (const { type, pattern, value, weak } of read.indicators) {
      const report = {
        feed: this.#name,
        event: this.#event,
        // By the canonical value, so that a value in two spellings is one report.
        attributeUuid: derivedUuid(this.#name, read.indicators[0]?.value ?? value),
        attributeType,
        category,
        attributeValue: entry.value,
        toIds: true,
        weak,
        tags: [],
        ...(companion === undefined ? {} : { companion }),
        ...(comment === undefined ? {} : { comment }),
        ...(entry.firstSeen === undefined ? {} : { firstSeen: entry.firstSeen }),
        ...(entry.lastSeen === undefined ? {} : { lastSeen: entry.lastSeen }),
      };
      into.indicators.push({ type, pattern, value, report });
    }
  }

  #refuse({ value, line }: ListEntry, reason: string, into: Collected): void {
    into.refused.push({
      feed: this.#name,
      eventUuid: this.#event.uuid,
      attributeUuid: derivedUuid(this.#name, value),
      attributeType: this.#settings.value_type,
      value: value.slice(0, 256),
      reason: `line ${line}: ${reason}`,
    });
  }

  async close(): Promise<void> {
    await this.#http?.close();
  }
}

function readEntry({ type, value }: ListEntry): ListValue | string {
  if (value === "") return "no value";
  return value.length > MAX_VALUE ? `longer than ${MAX_VALUE} characters` : readListValue(type, value);
}

function layoutOf(settings: Config): ListLayout {
  const { value_column: column } = settings;
  const delimiter = settings.delimiter === "\\t" ? "\t" : (settings.delimiter ?? ",");
  const format = settings.format ?? (settings.delimiter === undefined ? "lines" : "csv");
  const exclude = settings.exclude === undefined ? undefined : compileExclude(settings.exclude);
  const prefixes =
    settings.comment_prefix ?? ["#", ";", "//"].filter((prefix) => format !== "csv" || prefix !== delimiter);
  return {
    format,
    valueType: settings.value_type,
    commentPrefixes: format === "csv" ? prefixes.flatMap((prefix) => [prefix, `"${prefix}`]) : prefixes,
    exclude: typeof exclude === "string" ? undefined : exclude,
    delimiter,
    header: settings.header,
    valueColumns: column === "*" ? "*" : Array.isArray(column) ? column : [column],
    typeColumn: settings.type_column,
    commentColumn: settings.comment_column,
    firstSeenColumn: settings.first_seen_column,
    lastSeenColumn: settings.last_seen_column,
  };
}

function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new RemoteError("aborted", "the pull was stopped", { cause: signal.reason });
}
