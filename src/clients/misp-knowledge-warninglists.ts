import { RemoteError } from "../lib/remote-error.ts";
import { get, type JsonValue, text } from "../model/json.ts";
import { type Asking, fingerprint, idOf, indexRows, isOn, type MispPiece } from "./misp-knowledge-piece.ts";

const MOST_LISTS = 2_000;
const MOST_ENTRIES = 5_000_000;
/** Characters of all entries of a list. */
const MOST_CHARACTERS = 128 * 1024 * 1024;
const LONGEST_ENTRY = 8_192;
const MOST_TYPES = 1_000;

interface Row {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly version: string;
  /** Empty: every type. */
  readonly attributes: readonly string[];
  /** Tells contents apart: MISP raises a list's version when its entries are edited or updated. */
  readonly fingerprint: string;
}

/**
 * The enabled warninglists as documents in the layout of MISP's files. Only a list whose row in the index changed is viewed,
 * and its entries are taken as they arrive: an answer has some 170 bytes for each.
 */
export async function* warninglists(asking: Asking): AsyncGenerator<MispPiece> {
  // The query string `?enabled=1` does not filter; the named parameter does.
  const rows = await indexRows(asking, "/warninglists/index/enabled:1", ["Warninglists"], MOST_LISTS);
  for (const raw of rows) {
    const row = readRow(raw, asking.misp.url);
    if (row === undefined) continue;
    const { id: key, fingerprint: version } = row;
    const before = asking.held.get(`warninglist/${key}`);
    if (before === version) {
      yield { kind: "warninglist", key, version };
      continue;
    }
    const entries = await entriesOf(asking, row, before);
    if (entries !== undefined)
      yield {
        kind: "warninglist",
        key,
        version,
        document: {
          name: row.name,
          type: row.type,
          version: row.version,
          matching_attributes: row.attributes,
          list: entries,
        },
      };
    else if (before !== undefined) yield { kind: "warninglist", key, version: before };
  }
}

function readRow(raw: JsonValue, url: string): Row | undefined {
  const list = get(raw, "Warninglist");
  const id = idOf(get(list, "id"));
  const name = text(list, "name");
  const type = text(list, "type");
  if (id === undefined || name === undefined || type === undefined || !isOn(get(list, "enabled"))) return undefined;
  const attributes = attributesOf(text(list, "valid_attributes") ?? "");
  const version = text(list, "version") ?? "0";
  const count = text(list, "warninglist_entry_count") ?? "";
  return {
    id,
    name,
    type,
    version,
    attributes,
    fingerprint: fingerprint([url, name, type, version, count, attributes]),
  };
}

/** `ip-src, ip-dst, domain|ip`; MISP writes ALL for a list that names no types. */
function attributesOf(words: string): readonly string[] {
  const types = words
    .slice(0, 65_536)
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  return types.includes("ALL") ? [] : types.slice(0, MOST_TYPES);
}

/** Undefined: this list alone cannot be read (gone since the index, too large); what is held of it stays. */
async function entriesOf(asking: Asking, row: Row, before: string | undefined): Promise<readonly string[] | undefined> {
  const { misp, signal, trouble } = asking;
  try {
    return await misp.retry(() => view(asking, row), signal);
  } catch (thrown) {
    if (!(thrown instanceof RemoteError)) throw thrown;
    if (thrown.kind !== "not-found" && thrown.kind !== "too-large" && thrown.kind !== "unexpected") throw thrown;
    if (thrown.kind !== "not-found" || before === undefined) trouble(`warninglist ${row.name}`, thrown);
    return undefined;
  }
}

async function view({ misp, signal }: Asking, { id, name }: Row): Promise<readonly string[]> {
  const { rows } = await misp.list(`/warninglists/view/${id}`, ["Warninglist", "WarninglistEntry"], signal);
  const entries: string[] = [];
  let characters = 0;
  for await (const row of rows) {
    const value = get(row, "value");
    if (typeof value !== "string" || value === "" || value.length > LONGEST_ENTRY) continue;
    characters += value.length;
    if (entries.length >= MOST_ENTRIES || characters > MOST_CHARACTERS)
      throw new RemoteError(
        "too-large",
        `warninglist ${JSON.stringify(name.slice(0, 200))}: expected at most ${MOST_ENTRIES} entries and ${MOST_CHARACTERS} characters, found more`,
      );
    entries.push(value);
  }
  return entries;
}
