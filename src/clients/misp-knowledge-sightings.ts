import { RemoteError, type RemoteKind } from "../lib/remote-error.ts";
import { get, type JsonValue, text } from "../model/json.ts";
import { type Asking, fingerprint, idOf, type MispPiece, pieceOf } from "./misp-knowledge-piece.ts";

const DAY = 86_400;
const WEEK = 7 * DAY;
/** How far back our own organisation's false positives count, and how far others' sightings do at most. */
const FALSE_POSITIVE_DAYS = 1_095;
const MOST_SIGHTING_DAYS = 365;
/** Sightings may arrive late: a week is asked for again until it is over for so long. */
const LATE = 2 * DAY;
/** Rows of one answer. MISP looks each sighting up by itself and knows no pages: what is more is asked for in halves. */
const MOST_ROWS = 100_000;
const MOST_SIGHTED = 500_000;
const SHORTEST_WINDOW = 3_600;

/** Seconds of the latest sighting by attribute UUID. */
type Latest = Map<string, number>;

interface Window {
  /** Epoch seconds, both inclusive. */
  readonly from: number;
  readonly to: number;
}

interface Organisation {
  readonly id: string;
  readonly uuid: string | undefined;
}

/** Attributes that the key's own organisation sighted as false positives. */
export async function* falsePositives(asking: Asking): AsyncGenerator<MispPiece> {
  const own = await ownOrganisation(asking);
  const now = Math.floor(asking.now / 1000);
  const window = { from: now - FALSE_POSITIVE_DAYS * DAY, to: now + DAY };
  // Not by `org_id`: MISP understands only a UUID there, and a number then matches nothing.
  const latest = await read(asking, { type: "1" }, window, (row) => isOf(own, row));
  yield pieceOf(asking, "false-positives", "own", documentOf(latest));
}

/** Attributes that were seen, a week at a time; weeks that are over are not asked for again. Our own reports are left out. */
export async function* sightings(asking: Asking, days: number): AsyncGenerator<MispPiece> {
  const own = await ownOrganisation(asking);
  const now = Math.floor(asking.now / 1000);
  const reach = Math.min(MOST_SIGHTING_DAYS, Math.max(7, Math.ceil(days))) * DAY;
  const closed = `closed-${fingerprint([asking.misp.url, asking.ownSources, own.id])}`;
  for (let week = Math.floor((now + DAY) / WEEK); (week + 1) * WEEK > now - reach; week--) {
    const window = { from: week * WEEK, to: (week + 1) * WEEK - 1 };
    const over = window.to + LATE < now;
    const key = `week-${week}`;
    if (over && asking.held.get(`sightings/${key}`) === closed) {
      yield { kind: "sightings", key, version: closed };
      continue;
    }
    const latest = await read(asking, { type: "0" }, window, (row) => !isOurs(asking, own, row));
    const document = documentOf(latest);
    yield over ? { kind: "sightings", key, version: closed, document } : pieceOf(asking, "sightings", key, document);
  }
}

async function ownOrganisation({ misp, signal }: Asking): Promise<Organisation> {
  const me = await misp.get("/users/view/me", signal);
  const id = idOf(get(me, "Organisation", "id")) ?? idOf(get(me, "User", "org_id"));
  if (id === undefined)
    throw new RemoteError(
      "unexpected",
      `${misp.url}/users/view/me: expected the id of the key's organisation, found none`,
    );
  return { id, uuid: text(me, "Organisation", "uuid")?.toLowerCase() };
}

/** MISP leaves the organisation out, or blank, where sightings are anonymous: then it is not ours. */
function isOf(own: Organisation, row: JsonValue): boolean {
  const uuid = text(row, "Organisation", "uuid")?.toLowerCase();
  if (uuid !== undefined && own.uuid !== undefined) return uuid === own.uuid;
  return text(row, "org_id") === own.id;
}

function isOurs({ ownSources }: Asking, own: Organisation, row: JsonValue): boolean {
  return ownSources.includes(text(row, "source")?.trim().toLowerCase() ?? "") && isOf(own, row);
}

/** Sorted, so that the same sightings give the same text. */
function documentOf(latest: Latest): Record<string, number> {
  return Object.fromEntries([...latest].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Filter {
  readonly type: "0" | "1";
}

type Wanted = (sighting: JsonValue) => boolean;

/** Failures that a smaller window may not have. */
const TOO_MUCH: ReadonlySet<RemoteKind> = new Set(["server", "timeout", "cut-short", "too-large"]);

async function read(asking: Asking, filter: Filter, window: Window, wanted: Wanted): Promise<Latest> {
  const { misp, signal } = asking;
  const { from, to } = window;
  try {
    return await misp.retry(() => readOnce(asking, filter, window, wanted), signal);
  } catch (thrown) {
    const divisible = thrown instanceof RemoteError && TOO_MUCH.has(thrown.kind) && to - from >= 2 * SHORTEST_WINDOW;
    if (!divisible || signal.aborted) throw thrown;
  }
  const middle = Math.floor((from + to) / 2);
  const latest = await read(asking, filter, { from, to: middle }, wanted);
  for (const [uuid, seconds] of await read(asking, filter, { from: middle + 1, to }, wanted)) {
    if (latest.size >= MOST_SIGHTED && !latest.has(uuid))
      throw new RemoteError("too-large", `${misp.url}: sightings of more than ${MOST_SIGHTED} attributes`);
    latest.set(uuid, Math.max(seconds, latest.get(uuid) ?? 0));
  }
  return latest;
}

async function readOnce(asking: Asking, filter: Filter, { from, to }: Window, wanted: Wanted): Promise<Latest> {
  const { rows } = await asking.misp.search(
    "sightings",
    { ...filter, from: String(from), to: String(to), includeAttribute: 1, limit: MOST_ROWS },
    asking.signal,
  );
  const latest: Latest = new Map();
  let count = 0;
  for await (const row of rows) {
    if (++count >= MOST_ROWS)
      throw new RemoteError("too-large", `${asking.misp.url}: more than ${MOST_ROWS} sightings in one answer`);
    const sighting = get(row, "Sighting");
    if (sighting === undefined || text(sighting, "type") !== filter.type || !wanted(sighting)) continue;
    take(latest, sighting, Math.floor(asking.now / 1000));
  }
  return latest;
}

/** Times in the future are somebody's mistake. */
function take(latest: Latest, sighting: JsonValue, now: number): void {
  const uuid = text(sighting, "Attribute", "uuid")?.toLowerCase();
  const stored = Number(text(sighting, "date_sighting"));
  // MISP keeps milliseconds as they were sent.
  const seconds = stored > 1e11 ? Math.floor(stored / 1000) : stored;
  if (uuid === undefined || !/^[0-9a-f-]{36}$/.test(uuid) || !(seconds > 0) || seconds > now + DAY) return;
  latest.set(uuid, Math.max(seconds, latest.get(uuid) ?? 0));
}
