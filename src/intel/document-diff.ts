import { get, isJsonObject, type JsonObject, type JsonValue } from "../model/json.ts";

/** What a feed of documents remembers between pulls: of each document its version and the events it held. */
export interface DocumentCursor {
  /** What the options were; a change of options makes everything changed. */
  readonly options: string;
  /** The place's own tag of the listing (ETag). */
  readonly tag?: string | undefined;
  readonly documents: ReadonlyMap<string, readonly [version: string, ...eventUuids: string[]]>;
}

/** How the cursor writes the version of a document that could not be read. */
const BROKEN = "!";

/** The version to remember for a document that could not be read: it is tried again when something changes. */
export const brokenVersion = (version: string): string => `${BROKEN}${version}`;
export const isBroken = (version: string | undefined): boolean => version?.startsWith(BROKEN) ?? false;

/** What to read again, and which events to withdraw first. */
export interface DocumentDiff {
  /** Keys of documents that are new, changed, or hold an event that some other document no longer gives. */
  readonly read: readonly string[];
  /** Keys that are gone. */
  readonly gone: readonly string[];
}

export function cursorToJson({ options, tag, documents }: DocumentCursor): JsonObject {
  return {
    v: 1,
    options,
    ...(tag === undefined ? {} : { tag }),
    documents: [...documents].map(([key, held]) => [key, ...held]),
  };
}

/** The cursor as stored, or undefined when it is not one or was made with other options. */
export function cursorFromJson(stored: JsonValue | undefined, options: string): DocumentCursor | undefined {
  const list = get(stored, "documents");
  if (!isJsonObject(stored) || get(stored, "v") !== 1 || get(stored, "options") !== options || !Array.isArray(list))
    return undefined;
  const documents = new Map<string, readonly [string, ...string[]]>();
  for (const entry of list) {
    if (!Array.isArray(entry) || entry.length < 2 || !entry.every((word) => typeof word === "string")) return undefined;
    const [key, version, ...uuids] = entry as [string, string, ...string[]];
    documents.set(key, [version, ...uuids]);
  }
  const tag = get(stored, "tag");
  return { options, tag: typeof tag === "string" ? tag : undefined, documents };
}

/** Compares what was held with what is listed now. */
export function diffDocuments(
  held: DocumentCursor["documents"],
  listed: readonly { readonly key: string; readonly version: string }[],
): DocumentDiff {
  const now = new Map(listed.map(({ key, version }) => [key, version]));
  const gone = [...held.keys()].filter((key) => !now.has(key));
  const heldVersion = (key: string) => held.get(key)?.[0];
  const changed = new Set<string>();
  for (const [key, version] of now)
    if (heldVersion(key) !== version && heldVersion(key) !== brokenVersion(version)) changed.add(key);
  // Broken ones are tried again together with what changed; alone they would make a pull of nothing each time.
  if (changed.size + gone.length > 0) for (const key of now.keys()) if (isBroken(heldVersion(key))) changed.add(key);
  // An event that two documents hold: when one of them changes, the other has to say it again after the withdrawal.
  let withdrawn = eventsOf(held, [...gone, ...changed]);
  for (let before = -1; before !== changed.size; ) {
    before = changed.size;
    for (const [key, [, ...uuids]] of held)
      if (now.has(key) && uuids.some((uuid) => withdrawn.has(uuid))) changed.add(key);
    withdrawn = eventsOf(held, [...gone, ...changed]);
  }
  return { read: [...now.keys()].filter((key) => changed.has(key)), gone };
}

export function eventsOf(held: DocumentCursor["documents"], keys: Iterable<string>): Set<string> {
  const uuids = new Set<string>();
  for (const key of keys) for (const uuid of held.get(key)?.slice(1) ?? []) uuids.add(uuid);
  return uuids;
}
