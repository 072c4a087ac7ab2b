import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, TiplineError } from "../lib/errors.ts";
import { readBounded, unpacked } from "../lib/read-bounded.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { isJsonObject, type JsonValue, text } from "../model/json.ts";
import { type Http, shownUrl, wholeBody } from "./http.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const MAX_DOCUMENTS = 1_000_000;

/** One document of a feed: an event or an export. `version` changes when the document does. */
export interface FeedDocument {
  readonly key: string;
  readonly version: string;
}

/** What a place lists. `tag` is handed back to the next `list()`; `unchanged` means: as it was then. */
export type Listing =
  | { readonly unchanged: true }
  | { readonly unchanged: false; readonly documents: readonly FeedDocument[]; readonly tag?: string };

/** Where a feed's documents are: a folder, a file or a web server. */
export interface DocumentPlace {
  /** For messages. */
  readonly name: string;
  list(tag: string | undefined, signal: AbortSignal): Promise<Listing>;
  /** The document's bytes; throws TIP_FEED_INVALID for one that is missing or too large. */
  read(key: string, signal: AbortSignal): Promise<Buffer>;
}

/** What a place holds. */
export interface PlaceOptions {
  /** `file`: one document, whatever its name; default: a feed's folder, a folder of exports, or one export. */
  readonly kind?: "any" | "file";
  /** Which entry to take of a document that is a zip archive. */
  readonly entry?: string | undefined;
}

/** A folder with manifest.json and `<uuid>.json`, a folder of event exports, or one export. */
export function localDocuments(path: string, maxBytes: number, { kind, entry }: PlaceOptions = {}): DocumentPlace {
  const file = (key: string) => (key === "" ? path : join(path, key));
  return {
    name: path,
    async list() {
      const root = await statOf(path);
      if (root === undefined)
        throw new TiplineError("TIP_FEED_UNREACHABLE", `expected a feed at ${path}, found nothing`);
      if (root.isDirectory() && kind === "file")
        throw new TiplineError("TIP_FEED_INVALID", `expected a file at ${path}, found a folder`);
      if (!root.isDirectory()) return listing([{ key: "", version: versionOf(root) }]);
      const manifest = join(path, "manifest.json");
      const fromManifest = (await statOf(manifest)) !== undefined;
      const keys = fromManifest
        ? manifestOf(await readBounded(manifest, maxBytes), manifest)
        : (await readdir(path))
            .filter((name) => /^[^.].*\.json(?:\.gz)?$/i.test(name))
            .sort()
            .map((key) => ({ key, version: "" }));
      if (keys.length === 0 && !fromManifest)
        throw new TiplineError(
          "TIP_FEED_INVALID",
          `expected manifest.json or event exports (*.json) in ${path}, found none`,
        );
      const documents: FeedDocument[] = [];
      for (const { key, version } of keys) {
        const found = await statOf(file(key));
        documents.push({ key, version: `${version}/${found === undefined ? "missing" : versionOf(found)}` });
      }
      return listing(documents);
    },
    read: (key) => readBounded(file(key), maxBytes, entry),
  };
}

/**
 * `…/manifest.json` (or the folder it is in), or the URL of one export. The tag of a listing is what the server gave to tell
 * versions apart (ETag, Last-Modified): with it the next one is fetched only when it changed.
 */
export function remoteDocuments(
  url: string,
  http: Http,
  maxBytes: number,
  headers: () => Readonly<Record<string, string>>,
  { kind, entry }: PlaceOptions = {},
): DocumentPlace {
  const single =
    kind === "file" ||
    (/\.(?:json(?:\.gz)?|zip)$/i.test(new URL(url).pathname) && !/\/manifest\.json$/i.test(new URL(url).pathname));
  const base = url.replace(/\/manifest\.json$/i, "").replace(/\/{1,8}$/, "");
  const listUrl = single ? url : `${base}/manifest.json`;
  let held: Buffer | undefined;

  const fetchDocument = (at: string, signal: AbortSignal, known?: string) =>
    http.retry(async () => {
      const conditional = conditionsOf(known);
      const response = await http.send(
        {
          url: at,
          maxBytes,
          redirects: 3,
          headers: { accept: "application/json, text/plain, */*;q=0.5", ...headers(), ...conditional },
        },
        signal,
      );
      if (response.status === 304 || response.status !== 200) {
        response.cancel();
        if (response.status === 304 && known !== undefined) return undefined;
        throw statusError(at, response.status);
      }
      const bytes = await unpacked(await wholeBody(response), shownUrl(at), maxBytes, entry);
      return { bytes, tag: tagOf(response.headers) };
    }, signal);

  return {
    name: shownUrl(url),
    async list(tag, signal) {
      const answer = await fetchDocument(listUrl, signal, tag);
      if (answer === undefined) return { unchanged: true };
      if (!single) return listing(manifestOf(answer.bytes, shownUrl(listUrl)), answer.tag);
      held = answer.bytes;
      return listing([{ key: "", version: createHash("sha256").update(held).digest("hex") }], answer.tag);
    },
    async read(key, signal) {
      if (single && held !== undefined) {
        const bytes = held;
        held = undefined;
        return bytes;
      }
      const answer = await fetchDocument(key === "" ? url : `${base}/${key}`, signal);
      return answer?.bytes ?? Buffer.alloc(0);
    },
  };
}

/** An ETag, a line end, and the date of the last change: either may be absent. */
function tagOf(headers: ReadonlyMap<string, string>): string | undefined {
  const [etag, modified] = ["etag", "last-modified"].map((name) => {
    const value = headers.get(name) ?? "";
    return /^[\x21-\x7e][\x20-\x7e]{0,511}$/.test(value) ? value : "";
  });
  return etag === "" && modified === "" ? undefined : `${etag}\n${modified}`;
}

function conditionsOf(tag: string | undefined): Record<string, string> {
  const [etag = "", modified = ""] = tag?.split("\n") ?? [];
  return {
    ...(etag === "" ? {} : { "if-none-match": etag }),
    ...(modified === "" ? {} : { "if-modified-since": modified }),
  };
}

function listing(documents: readonly FeedDocument[], tag?: string): Listing {
  return { unchanged: false, documents, ...(tag === undefined ? {} : { tag }) };
}

function manifestOf(bytes: Buffer, name: string): FeedDocument[] {
  let manifest: JsonValue;
  try {
    manifest = JSON.parse(bytes.toString("utf8").replace(/^\uFEFF/, "")) as JsonValue;
  } catch (cause) {
    throw new TiplineError("TIP_FEED_INVALID", `expected JSON in ${name}, found ${startOf(bytes)}`, { cause });
  }
  // PHP writes an empty object as [].
  if (Array.isArray(manifest) && manifest.length === 0) return [];
  if (!isJsonObject(manifest)) throw new TiplineError("TIP_FEED_INVALID", `expected an object of events in ${name}`);
  const uuids = Object.keys(manifest);
  if (uuids.length > MAX_DOCUMENTS)
    throw new TiplineError(
      "TIP_FEED_INVALID",
      `expected at most ${MAX_DOCUMENTS} events in ${name}, found ${uuids.length}`,
    );
  return uuids.map((uuid) => {
    if (!UUID.test(uuid))
      throw new TiplineError(
        "TIP_FEED_INVALID",
        `expected UUIDs as keys of ${name}, found ${JSON.stringify(uuid.slice(0, 60))}`,
      );
    return { key: `${uuid}.json`, version: (text(manifest[uuid], "timestamp") ?? "").slice(0, 40) };
  });
}

function startOf(bytes: Buffer): string {
  return JSON.stringify(bytes.subarray(0, 60).toString("utf8"));
}

function statusError(url: string, status: number): RemoteError {
  const where = shownUrl(url);
  if (status === 401 || status === 403)
    return new RemoteError(
      "forbidden",
      `${where} answered ${status}: it wants credentials, or others (key_file, key_header)`,
      { status },
    );
  if (status === 404 || status === 410)
    return new RemoteError("not-found", `${where} is not there (${status})`, { status });
  return new RemoteError("unexpected", `expected 200 from ${where}, got ${status}`, { status });
}

async function statOf(path: string) {
  try {
    return await stat(path, { bigint: true });
  } catch (cause) {
    if (systemCode(cause) === "ENOENT" || systemCode(cause) === "ENOTDIR") return undefined;
    throw new TiplineError("TIP_FEED_UNREACHABLE", `${path} cannot be read (${systemCode(cause) ?? "unknown"})`, {
      cause,
    });
  }
}

function versionOf(found: { readonly mtimeNs: bigint; readonly size: bigint }): string {
  return `${found.mtimeNs}-${found.size}`;
}
