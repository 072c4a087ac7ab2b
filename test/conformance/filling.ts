import type { SimAttribute, SimEvent } from "../support/misp-sim/state.ts";

/**
 * Rows that no recording shows but that its counts include. The recorded server was filled by rule: 34 events of 12 attributes
 * (ids 2 to 35 and 61 to 468) and 400 of 500 (1000 to 1399 and 100000 to 299999). The rules below are read off the rows that
 * answers show and are checked against each of them and against the counts by type; the values follow no rule, so a filling
 * row's value is invented, of the same form, and is none that a recorded search asks for.
 */
export const SMALL_EVENTS: readonly number[] = range(2, 36);
export const BULK_EVENTS: readonly number[] = range(1000, 1400);

export function isBulk(eventId: number): boolean {
  return eventId >= 1000 && eventId < 1400;
}

const SMALL_TYPES = ["ip-dst", "domain", "sha256", "url", "hostname", "md5"];
const BULK_TYPES = [
  ...["ip-dst", "ip-dst", "ip-src", "domain", "domain", "hostname", "url", "sha256"],
  ...["sha256", "md5", "sha1", "filename|sha256", "domain|ip", "ip-dst|port", "email-src", "user-agent"],
];
const PAYLOAD = new Set(["sha256", "md5", "sha1", "filename|sha256", "email-src"]);
const BULK_SINCE = 1_795_000_000;

/** An attribute before its tags have become links. */
export interface FilledAttribute extends Omit<SimAttribute, "tags" | "uuid"> {
  readonly tagNames: readonly string[];
}

/** The one tag of a bulk event. */
export function bulkTag(id: number): string {
  return ["tlp:red", "tlp:amber", "tlp:green", "tlp:clear"][(id - 1000) % 4] ?? "";
}

/** Events 2 to 35 and 1000 to 1399 bear one tag each; the ids of those links run on (6 and 41 are other events'). */
export function eventTagId(eventId: number): number {
  return eventId < 1000 ? eventId + 5 : eventId - 1000 + 42;
}

/** A bulk event without its UUID, its tag and its attributes. */
export function fillEvent(id: number): Omit<SimEvent, "uuid"> {
  const n = id - 1000;
  const timestamp = BULK_SINCE + 600 * n;
  const published = n % 5 !== 0;
  const org = 1 + (n % 2);
  const two = (number: number) => String(number).padStart(2, "0");
  return {
    id,
    orgId: org,
    orgcId: org,
    info: `BULK event ${n}`,
    date: `2026-${two(1 + (n % 11))}-${two(1 + (n % 28))}`,
    threatLevelId: 1 + (n % 4),
    analysis: 2,
    distribution: n % 4,
    sharingGroupId: 0,
    timestamp,
    publishTimestamp: published ? timestamp + 30 : 0,
    sightingTimestamp: 0,
    published,
    locked: false,
    disableCorrelation: true,
    proposalEmailLock: false,
    extendsUuid: "",
    userId: 1,
    // Its five deleted attributes were never counted off.
    countDrift: 5,
    tags: [],
    attributes: [],
    objects: [],
  };
}

/** The rows of these events; none for events of other origin. */
export function* fillAttributes(
  events: readonly Pick<SimEvent, "id" | "info" | "timestamp">[],
): Generator<FilledAttribute> {
  for (const event of events) {
    if (isBulk(event.id)) for (let k = 0; k < 500; k++) yield bulk(event.id - 1000, k);
    else if (event.id >= 2 && event.id < 36) for (let j = 0; j < 12; j++) yield small(event, j);
  }
}

function bulk(n: number, k: number): FilledAttribute {
  const id = 100_000 + 500 * n + k;
  const type = BULK_TYPES[(k + n) % 16] ?? "ip-dst";
  const [value1, value2] = invented(type, id);
  return {
    ...COMMON,
    id,
    eventId: 1000 + n,
    type,
    category: PAYLOAD.has(type) ? "Payload delivery" : "Network activity",
    value1,
    value2,
    toIds: k % 5 !== 0,
    timestamp: BULK_SINCE + 600 * n + Math.floor(k / 10),
    comment: k % 7 === 0 ? "bulk" : "",
    deleted: k % 100 === 99,
    disableCorrelation: true,
    tagNames: k % 10 === 0 ? [k % 20 === 0 ? "tlp:red" : "tlp:green"] : [],
  };
}

function small(
  { id: eventId, info, timestamp }: Pick<SimEvent, "id" | "info" | "timestamp">,
  j: number,
): FilledAttribute {
  const e = Number(/\d+/.exec(info)?.[0] ?? 0);
  const id = 61 + 12 * (eventId - 2) + j;
  const type = SMALL_TYPES[(e + j) % 6] ?? "ip-dst";
  const [value1, value2] = invented(type, id);
  return {
    ...COMMON,
    id,
    eventId,
    type,
    category: PAYLOAD.has(type) ? "Payload delivery" : "Network activity",
    value1,
    value2,
    toIds: j % 5 !== 0,
    timestamp,
    comment: j === 0 ? `c${e}-0` : "",
    deleted: false,
    disableCorrelation: false,
    tagNames: j % 5 === 0 ? ["tlp:green"] : [],
  };
}

const COMMON = {
  objectId: 0,
  objectRelation: null,
  distribution: 5,
  sharingGroupId: 0,
  firstSeen: null,
  lastSeen: null,
};

/** Of the type's form, from ranges and names that no recorded value is in. */
function invented(type: string, id: number): [string, string] {
  const hex = (digits: number) => id.toString(16).padStart(digits, "f");
  const name = `fill-${id}.example`;
  const address = `100.${64 + (id >> 16)}.${(id >> 8) & 255}.${id & 255}`;
  switch (type) {
    case "ip-dst":
    case "ip-src":
      return [address, ""];
    case "domain":
      return [name, ""];
    case "hostname":
      return [`www.${name}`, ""];
    case "url":
      return [`http://${name}/a/${id}.php`, ""];
    case "sha256":
      return [hex(64), ""];
    case "sha1":
      return [hex(40), ""];
    case "md5":
      return [hex(32), ""];
    case "filename|sha256":
      return [`f${id}.exe`, hex(64)];
    case "domain|ip":
      return [name, address];
    case "ip-dst|port":
      return [address, "8080"];
    case "email-src":
      return [`user${id}@${name}`, ""];
    default:
      return [`Mozilla/5.0 (bot ${id})`, ""];
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
