import { createHash } from "node:crypto";
import { z } from "zod";
import { type DocumentPlace, localDocuments, remoteDocuments } from "../clients/feed-documents.ts";
import { createHttp, type Http } from "../clients/http.ts";
import { type Context, defineFeed } from "../contract/define.ts";
import type { Feed, FeedPage, FeedProgress, FeedPull } from "../contract/feed.ts";
import { PageCutter } from "../intel/feed-pages.ts";
import { cellsOf, LIST_TYPES, type ListValue, listType, readListValue } from "../intel/list-lines.ts";
import { type Collected, derivedUuid, MAX_VALUE, newCollection } from "../intel/misp-attribute.ts";
import { TiplineError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { secretFrom, secretText } from "../lib/secret-schema.ts";
import { httpUrl } from "../lib/url-schema.ts";
import type { EventContext } from "../model/indicator.ts";
import { get, type JsonValue } from "../model/json.ts";

const column = z.union([z.number().int().min(1).max(64), z.string().min(1)]);

const config = z
  .strictObject({
    path: z.string().min(1).optional().describe("The list: plain text or CSV, .gz as well."),
    url: httpUrl("Where the list is fetched from.").optional(),
    value_type: z.enum(LIST_TYPES).default("auto").describe("Type of every value; auto looks at each."),
    delimiter: z.string().min(1).max(4).optional().describe('Makes it CSV: what separates the columns, e.g. ",".'),
    header: z.boolean().default(false).describe("The first line that is not a comment names the columns."),
    value_column: column.default(1).describe("Column of the value, by number (from 1) or name."),
    type_column: column.optional().describe("Column of the type (ours or MISP's); empty cells use value_type."),
    comment_column: column.optional().describe("Column of a comment."),
    comment_prefix: z.array(z.string().min(1)).default(["#", ";", "//"]).describe("Lines that begin so are comments."),
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
    key_file: z.string().optional().describe("File with the value of the Authorization header."),
    key: secretText("Value of the Authorization header; better by key_file or from the environment.").optional(),
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
  summary: "List of indicators, one a line: plain text or CSV, from a file or a web server.",
  config,
  create: (settings, context) => new ListFile(settings, context),
});

const THREAT_LEVELS = { high: 1, medium: 2, low: 3, undefined: 4 } as const;
/** Lines between two looks at the signal. */
const STRIDE = 5000;

/** Columns by position, counted from 0. */
interface Columns {
  readonly value: number;
  readonly type: number | undefined;
  readonly comment: number | undefined;
}

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
    const { key: _key, key_file: _file, ca_file: _ca, verify: _verify, ...reading } = settings;
    this.#options = createHash("sha256").update(JSON.stringify(reading)).digest("hex").slice(0, 16);
    this.#place = this.#openPlace(context);
  }

  #openPlace(context: Context): DocumentPlace {
    const { path, url, ...settings } = this.#settings;
    const maxBytes = settings.max_document_mib * 1024 * 1024;
    if (path !== undefined) return localDocuments(path, maxBytes, "file");
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
      () => (key === undefined ? {} : { authorization: key.reveal() }),
      "file",
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
      pages: this.#pages(bytes.toString("utf8"), finish, signal, progress),
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
    text: string,
    finish: () => void,
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
  ): AsyncGenerator<FeedPage> {
    if (/^\s{0,100}<(?:!doctype|html)/i.test(text.slice(0, 200)))
      throw new TiplineError("TIP_FEED_INVALID", `expected a list at ${this.#place.name}, found a web page`);
    if (text.slice(0, 4096).includes("\u0000"))
      throw new TiplineError("TIP_FEED_INVALID", `expected text at ${this.#place.name}, found binary data`);
    const cutter = new PageCutter();
    let columns = this.#settings.header ? undefined : this.#columns(undefined);
    let attributes = 0;
    let usable = 0;
    let into = newCollection();
    let lineNumber = 0;
    for (let from = text.charCodeAt(0) === 0xfeff ? 1 : 0; from < text.length; ) {
      const end = text.indexOf("\n", from);
      const line = text.slice(from, end < 0 ? undefined : end).trim();
      from = end < 0 ? text.length : end + 1;
      lineNumber++;
      if (line !== "" && !this.#settings.comment_prefix.some((prefix) => line.startsWith(prefix))) {
        if (columns === undefined) columns = this.#columns(line);
        else this.#readLine(line, lineNumber, columns, into);
      }
      if (lineNumber % STRIDE === 0 || from >= text.length) {
        stopIfAborted(signal);
        attributes += into.attributes;
        usable += into.indicators.length;
        yield* cutter.add(into);
        into = newCollection();
        progress?.({ eventsDone: from >= text.length ? 1 : 0, eventsTotal: 1, attributes, bytes: from });
      }
    }
    if (attributes > 0 && usable === 0)
      throw new TiplineError(
        "TIP_FEED_INVALID",
        `${this.#place.name}: none of its ${attributes} lines is an indicator; check value_type, delimiter and columns`,
      );
    yield cutter.rest();
    finish();
  }

  #columns(header: string | undefined): Columns {
    const { delimiter, value_column, type_column, comment_column } = this.#settings;
    const names =
      header === undefined
        ? []
        : cellsOf(header.replace(/^#\s?/, ""), delimiter ?? ",").map((name) => name.toLowerCase());
    const at = (wanted: number | string): number => {
      if (typeof wanted === "number") return wanted - 1;
      const index = names.indexOf(wanted.toLowerCase());
      if (index >= 0) return index;
      throw new TiplineError(
        "TIP_FEED_INVALID",
        `${this.#place.name}: expected a column "${wanted}", found ${names.slice(0, 20).join(", ").slice(0, 300) || "no header"}`,
      );
    };
    return {
      value: at(value_column),
      type: type_column === undefined ? undefined : at(type_column),
      comment: comment_column === undefined ? undefined : at(comment_column),
    };
  }

  #readLine(line: string, lineNumber: number, columns: Columns, into: Collected): void {
    into.attributes++;
    const { delimiter, comment: commonComment } = this.#settings;
    const cells = delimiter === undefined ? [withoutNote(line)] : cellsOf(line.slice(0, 4 * MAX_VALUE), delimiter);
    const value = (delimiter === undefined ? cells[0] : cells[columns.value]) ?? "";
    const own = columns.comment === undefined ? undefined : cells[columns.comment]?.slice(0, 1024);
    const comment = own || commonComment;
    const read = this.#readValue(value, columns.type === undefined ? "" : (cells[columns.type] ?? ""));
    // By the canonical value, so that a value in two spellings is one report.
    const named = typeof read === "string" ? value : (read.indicators[0]?.value ?? value);
    const common = { feed: this.#name, attributeUuid: derivedUuid(this.#name, named) };
    if (typeof read === "string") {
      const shown = (value || line).slice(0, 256);
      const reason = `line ${lineNumber}: ${read}`;
      into.refused.push({
        ...common,
        eventUuid: this.#event.uuid,
        attributeType: this.#settings.value_type,
        value: shown,
        reason,
      });
      return;
    }
    for (const { type, pattern, value: canonical, weak } of read.indicators) {
      const { attributeType, category } = read;
      const report = {
        ...common,
        event: this.#event,
        attributeType,
        category,
        attributeValue: value,
        toIds: true,
        weak,
        tags: [],
      };
      const said = comment === undefined || comment === "" ? report : { ...report, comment };
      into.indicators.push({ type, pattern, value: canonical, report: said });
    }
  }

  #readValue(value: string, typeCell: string): ListValue | string {
    if (value === "") return "no value";
    if (value.length > MAX_VALUE) return `longer than ${MAX_VALUE} characters`;
    const type = typeCell === "" ? this.#settings.value_type : listType(typeCell);
    return type === undefined ? `a type that lists cannot have: ${typeCell.slice(0, 40)}` : readListValue(type, value);
  }

  async close(): Promise<void> {
    await this.#http?.close();
  }
}

/** Plain lists often carry a remark after the value: `1.2.3.4 # seen in May`. */
function withoutNote(line: string): string {
  const note = line.search(/\s[#;]/);
  return (note < 0 ? line : line.slice(0, note)).trim();
}

function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new RemoteError("aborted", "the pull was stopped", { cause: signal.reason });
}
