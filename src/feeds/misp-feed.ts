import { createHash } from "node:crypto";
import { z } from "zod";
import { type DocumentPlace, localDocuments, remoteDocuments } from "../clients/feed-documents.ts";
import { createHttp, type Http } from "../clients/http.ts";
import { type Context, defineFeed } from "../contract/define.ts";
import type { Feed, FeedPage, FeedProgress, FeedPull } from "../contract/feed.ts";
import { feedFilter } from "../contract/feed-filter.ts";
import {
  brokenVersion,
  cursorFromJson,
  cursorToJson,
  type DocumentCursor,
  diffDocuments,
  eventsOf,
  isBroken,
} from "../intel/document-diff.ts";
import { PageCutter } from "../intel/feed-pages.ts";
import { derivedUuid } from "../intel/misp-attribute.ts";
import { type EventOptions, eventsIn, type ReadEvent, readEvent } from "../intel/misp-event.ts";
import { createReportFilter } from "../intel/report-filter.ts";
import { mapConcurrent } from "../lib/concurrent.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { Secret } from "../lib/secret.ts";
import { secretFrom, secretText } from "../lib/secret-schema.ts";
import { httpUrl } from "../lib/url-schema.ts";
import type { JsonValue } from "../model/json.ts";

const MIB = 1024 * 1024;

const config = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .optional()
      .describe("Folder with manifest.json, folder of event exports, or one export (.json, .gz, .zip)."),
    url: httpUrl("URL of the feed's folder or manifest.json, or of one export.").optional(),
    to_ids_only: z.boolean().default(true).describe("Take only attributes that MISP marks as fit for detection."),
    filters: feedFilter,
    skip_broken: z
      .boolean()
      .default(true)
      .describe("Report an unreadable event and keep its last version; false fails the whole pull."),
    link_base: httpUrl("Base URL of the MISP where analysts open these events.").optional(),
    key_file: z.string().optional().describe("File with the key that the server wants."),
    key: secretText("The key itself; better by key_file or from the environment.").optional(),
    key_header: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,64}$/, "expected the name of a header")
      .default("Authorization")
      .describe("Header that carries the key."),
    ca_file: z.string().optional().describe("PEM file of the authority that signed the server's certificate."),
    cert_file: z.string().optional().describe("PEM file of a client certificate."),
    cert_key_file: z.string().optional().describe("PEM file of the client certificate's key."),
    verify: z.boolean().default(true).describe("Verify the server's certificate; false is for laboratories."),
    proxy: z.string().optional().describe("URL of an HTTP proxy."),
    timeout_seconds: z.number().int().min(1).max(3600).default(60).describe("Longest silence of the server."),
    concurrency: z.number().int().min(1).max(16).default(4).describe("Events fetched at the same time."),
    max_document_mib: z
      .number()
      .int()
      .min(1)
      .max(1024)
      .default(256)
      .describe("Largest document that is read, unpacked."),
  })
  .refine(({ path, url }) => (path === undefined) !== (url === undefined), { error: "expected either path or url" });

type Config = z.output<typeof config>;

export default defineFeed<Config>({
  type: "misp-feed",
  summary: "MISP feed or event exports, from a folder, a file or a web server.",
  config,
  intervalMs: ({ url }) => (url === undefined ? 60_000 : 3_600_000),
  create: (settings, context) => new MispFeed(settings, context),
});

class MispFeed implements Feed {
  readonly #settings: Config;
  readonly #place: DocumentPlace;
  readonly #reading: EventOptions;
  readonly #options: string;
  readonly #log: Context["log"];
  #http: Http | undefined;

  constructor(settings: Config, context: Context) {
    this.#settings = settings;
    this.#log = context.log;
    this.#reading = {
      feed: context.name,
      toIdsOnly: settings.to_ids_only,
      filter: createReportFilter(settings.filters, () => context.clock.now()),
      ...(settings.link_base === undefined ? {} : { linkBase: settings.link_base }),
    };
    const { path, url, to_ids_only, filters, link_base } = settings;
    this.#options = createHash("sha256")
      .update(JSON.stringify([path, url, to_ids_only, filters, link_base]))
      .digest("hex")
      .slice(0, 16);
    this.#place = this.#openPlace(context);
  }

  #openPlace(context: Context): DocumentPlace {
    const { path, url, ...settings } = this.#settings;
    const maxBytes = settings.max_document_mib * MIB;
    if (path !== undefined) return localDocuments(path, maxBytes);
    if (url === undefined) throw new TiplineError("TIP_CONFIG_INVALID", "expected either path or url");
    if (!settings.verify) context.log.warn("certificate of the feed is not verified", { feed: context.name });
    const key: Secret | undefined = secretFrom(settings.key_file, settings.key);
    this.#http = createHttp({
      clock: context.clock,
      caFile: settings.ca_file,
      certFile: settings.cert_file,
      certKeyFile: settings.cert_key_file,
      insecure: !settings.verify,
      proxy: settings.proxy,
      timeoutMs: settings.timeout_seconds * 1000,
      retries: 3,
      connections: settings.concurrency,
    });
    return remoteDocuments(url, this.#http, maxBytes, () =>
      key === undefined ? {} : { [settings.key_header.toLowerCase()]: key.reveal() },
    );
  }

  async pull(
    stored: JsonValue | undefined,
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
  ): Promise<FeedPull> {
    stopIfAborted(signal);
    const before = cursorFromJson(stored, this.#options);
    const listing = await this.#place.list(before?.tag, signal);
    if (listing.unchanged) return { mode: "unchanged" };
    const held = before?.documents ?? new Map();
    const { read, gone } = diffDocuments(held, listing.documents);
    if (before !== undefined && read.length === 0 && gone.length === 0) return { mode: "unchanged" };

    const kept = new Map(held);
    for (const key of gone) kept.delete(key);
    let done = false;
    const after = (): JsonValue => {
      if (!done) throw new TiplineError("TIP_INTERNAL", "cursor() was asked for before the pages were read");
      return cursorToJson({ options: this.#options, tag: listing.tag, documents: kept });
    };
    const versions = new Map(listing.documents.map(({ key, version }) => [key, version]));
    const walk: Walk = { read, gone, held, kept, versions, full: before === undefined };
    const finish = () => {
      done = true;
    };
    return { mode: walk.full ? "full" : "delta", pages: this.#pages(walk, finish, signal, progress), cursor: after };
  }

  async *#pages(
    walk: Walk,
    finish: () => void,
    signal: AbortSignal,
    progress?: (progress: FeedProgress) => void,
  ): AsyncGenerator<FeedPage> {
    const cutter = new PageCutter();
    cutter.withdraw([...eventsOf(walk.held, walk.gone), ...walk.gone.map((key) => this.#documentUuid(key))]);
    const counts = { eventsDone: 0, attributes: 0, bytes: 0 };
    let broken = 0;
    for await (const document of mapConcurrent(walk.read, this.#settings.concurrency, (key) =>
      this.#readDocument(key, signal),
    )) {
      stopIfAborted(signal);
      const { key } = document;
      const [heldVersion, ...heldEvents] = walk.held.get(key) ?? [];
      const version = walk.versions.get(key) ?? "";
      if ("error" in document) {
        broken++;
        if (heldVersion !== brokenVersion(version)) cutter.refuse(this.#refusal(key, document.error));
        walk.kept.set(key, [brokenVersion(version), ...heldEvents]);
      } else {
        cutter.withdraw(heldEvents);
        // Takes its entry off the list of refused ones as well.
        if (isBroken(heldVersion)) cutter.withdraw([this.#documentUuid(key)]);
        for (const event of document.events) {
          counts.attributes += event.attributes;
          yield* cutter.add(event);
        }
        walk.kept.set(key, [version, ...new Set(document.events.map(({ event }) => event.uuid))]);
      }
      counts.eventsDone++;
      counts.bytes += document.bytes;
      progress?.({ ...counts, eventsTotal: walk.read.length });
    }
    if (broken > 0 && broken === walk.versions.size)
      throw new TiplineError(
        "TIP_FEED_INVALID",
        `${this.#place.name}: none of its ${broken} documents can be read as a MISP event`,
      );
    yield cutter.rest();
    finish();
  }

  /** An unreadable document is a value when broken ones are skipped; an unreachable server never is. */
  async #readDocument(key: string, signal: AbortSignal): Promise<ReadDocument> {
    let bytes = 0;
    try {
      stopIfAborted(signal);
      const raw = await this.#place.read(key, signal);
      bytes = raw.length;
      return { key, bytes, events: readDocument(raw, this.#reading) };
    } catch (thrown) {
      const error = asError(thrown);
      if (!(error instanceof TiplineError) || error.code !== "TIP_FEED_INVALID") throw thrown;
      if (!this.#settings.skip_broken)
        throw new TiplineError("TIP_FEED_INVALID", `${this.#nameOf(key)}: ${error.message}`, { cause: thrown });
      this.#log.warn("unreadable event skipped", { feed: this.#reading.feed, document: key, reason: error.message });
      return { key, bytes, error };
    }
  }

  #refusal(key: string, error: Error) {
    return {
      feed: this.#reading.feed,
      eventUuid: this.#documentUuid(key),
      attributeUuid: "",
      attributeType: "event",
      value: this.#nameOf(key).slice(-256),
      reason: `the event cannot be read: ${error.message}`.slice(0, 512),
    };
  }

  /** Stands for a document among event UUIDs: its entry among the refused ones comes and goes by it. */
  #documentUuid(key: string): string {
    return derivedUuid("document", this.#reading.feed, key);
  }

  #nameOf(key: string): string {
    return key === "" ? this.#place.name : key;
  }

  async close(): Promise<void> {
    await this.#http?.close();
  }
}

interface Walk {
  readonly read: readonly string[];
  readonly gone: readonly string[];
  readonly held: DocumentCursor["documents"];
  /** Becomes the next cursor: documents that were read get their new version. */
  readonly kept: Map<string, readonly [string, ...string[]]>;
  readonly versions: ReadonlyMap<string, string>;
  readonly full: boolean;
}

type ReadDocument = { readonly key: string; readonly bytes: number } & (
  | { readonly events: readonly ReadEvent[] }
  | { readonly error: Error }
);

function readDocument(raw: Buffer, reading: EventOptions): readonly ReadEvent[] {
  let document: JsonValue;
  try {
    document = JSON.parse(raw.toString("utf8").replace(/^\uFEFF/, "")) as JsonValue;
  } catch {
    throw new TiplineError(
      "TIP_FEED_INVALID",
      `expected JSON, found ${raw.length} bytes that begin ${JSON.stringify(raw.subarray(0, 40).toString("utf8"))}`,
    );
  }
  return eventsIn(document).map((event) => readEvent(event, reading));
}

function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new RemoteError("aborted", "the pull was stopped", { cause: signal.reason });
}
