import { createHash } from "node:crypto";
import { onOneLine } from "../lib/json-values.ts";
import { LINE_LIMIT } from "../lib/lines.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import {
  type IntakePart,
  type IntakeRecord,
  type IntakeReject,
  MOST_BYTES,
  MOST_RECORDS,
  rejectedBody,
} from "./http-intake-parts.ts";
import type { Partitioned } from "./http-intake-route.ts";
import { shippedLine } from "./shipped-line.ts";

/** Fields of Graylog's own beside those of the message, and what our lookup told it about the message. */
const GRAYLOG_FIELD = /^(?:gl2_|tipline_|_id$|streams$|stream_ids$|index$)/;
const FINDING_ID = /^[0-9a-f]{40}$/;
const MOST_FIELDS = 5_000;
const MOST_EVENT_ID = 200;

/**
 * The alerts in a notification of Graylog's (`http-notification-v1`, or v2 without a template), named by the event's id: Graylog
 * sends the same event again when it did not hear us. Members that are missing or odd are done without; a body that is no JSON
 * object is one rejected record.
 *
 * Each message of the backlog is an alert: the raw line where the message still has it, else its fields without `prefix`. An event
 * without messages is a record of its own. Messages that carry a finding's id are laid out so that a finding of ours is
 * recognised by its MAC: matched again it would come back through Graylog for ever.
 */
export function notificationAlerts(body: Buffer, prefix: string, from: string): Partitioned {
  const document = parsed(body);
  const hash = createHash("sha256").update(body).digest("hex");
  if (document === undefined) {
    const name = `graylog:${hash}`;
    const reason = "expected a notification of Graylog's as a JSON object, found something else";
    return { name, parts: () => [rejectedBody({ head: body, length: body.length, reason }, name, from)] };
  }
  const id = text(document, "event", "id");
  const name = `graylog:${id === undefined || id.length > MOST_EVENT_ID ? hash : id}`;
  return { name, parts: () => partsOf(recordsOf(document, prefix), body, name, from) };
}

function parsed(body: Buffer): JsonObject | undefined {
  try {
    const document: unknown = JSON.parse(body.toString("utf8"));
    return isJsonObject(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

/** `undefined`: one that cannot be written as JSON, because it is nested too deep. */
function* recordsOf(document: JsonObject, prefix: string): Generator<Buffer | undefined> {
  const backlog = get(document, "backlog");
  const messages = Array.isArray(backlog) ? backlog.filter(isJsonObject) : [];
  for (const message of messages) yield writable(() => alertOf(message, prefix));
  if (messages.length === 0 && !isAboutOurs(document)) yield writable(() => eventRecord(document));
}

function writable(make: () => Buffer): Buffer | undefined {
  try {
    return make();
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

function* partsOf(
  alerts: Iterable<Buffer | undefined>,
  body: Buffer,
  name: string,
  from: string,
): Generator<IntakePart> {
  let part = 0;
  let number = 0;
  let bytes = 0;
  let records: IntakeRecord[] = [];
  let rejected: IntakeReject[] = [];
  const cut = (): IntakePart => ({ records, rejected, range: `${name}:${part}` });
  for (const made of alerts) {
    number += 1;
    const alert = made ?? body;
    const count = records.length + rejected.length;
    if (count >= MOST_RECORDS || (count > 0 && bytes + alert.length > MOST_BYTES)) {
      yield cut();
      part += 1;
      bytes = 0;
      records = [];
      rejected = [];
    }
    const origin = `${from} ${name}:${number}`;
    bytes += Math.min(alert.length, LINE_LIMIT);
    if (made !== undefined && made.length <= LINE_LIMIT) records.push({ bytes: made, origin });
    else
      rejected.push({
        head: Buffer.from(alert.subarray(0, 64 * 1024)),
        length: alert.length,
        origin,
        reason:
          made === undefined
            ? `expected flat fields, found message ${number} nested too deep; this is the head of the whole notification`
            : `expected a message of at most ${LINE_LIMIT} bytes, found ${alert.length}`,
      });
  }
  if (records.length + rejected.length > 0) yield cut();
}

function alertOf(message: JsonObject, prefix: string): Buffer {
  const given = get(message, "fields");
  const fields = isJsonObject(given) ? given : {};
  const line = [get(message, "message"), get(fields, "message"), get(fields, "full_message")]
    .map((each) => (typeof each === "string" ? lineOf(each) : undefined))
    .find((each) => each !== undefined);
  const id = text(fields, "tipline_finding_id") ?? text(line?.event, "data", "misp", "finding_id");
  if (id !== undefined && FINDING_ID.test(id)) return ownOrNot(id, line?.event ?? rebuilt(message, fields, prefix));
  return line?.bytes ?? json(rebuilt(message, fields, prefix));
}

/** A text that is one JSON object, or a shipper's record around one. */
function lineOf(written: string): { readonly bytes: Buffer; readonly event: JsonObject } | undefined {
  if (!written.trimStart().startsWith("{")) return undefined;
  const bytes = onOneLine(shippedLine(Buffer.from(written.trim(), "utf8")));
  const event = parsed(bytes);
  return event === undefined ? undefined : { bytes, event };
}

/** What the loop guard takes for ours when the id is; else everything in it is matched as it stands. */
function ownOrNot(id: string, event: JsonObject): Buffer {
  const kept: Record<string, JsonValue> = Object.create(null);
  for (const name of ["timestamp", "id", "agent", "manager", "cluster"])
    if (Object.hasOwn(event, name)) kept[name] = event[name] as JsonValue;
  kept["data"] = { integration: "misp", misp: { finding_id: id } };
  kept["graylog"] = event;
  return json(kept);
}

/**
 * The alert as far as the fields have it, with flattened names, which are read like nested ones. Of a message that is none of
 * Wazuh's, its text and its fields.
 */
function rebuilt(message: JsonObject, fields: JsonObject, prefix: string): JsonObject {
  const alert: Record<string, JsonValue> = Object.create(null);
  const names = Object.keys(fields)
    .filter((name) => !GRAYLOG_FIELD.test(name))
    .slice(0, MOST_FIELDS);
  const prefixed = prefix === "" ? [] : names.filter((name) => name.startsWith(prefix));
  if (prefixed.length > 0) for (const name of prefixed) alert[name.slice(prefix.length)] = fields[name] as JsonValue;
  else for (const name of names) alert[name] = fields[name] as JsonValue;
  fill(alert, "timestamp", get(message, "timestamp"));
  fill(alert, "id", get(message, "id"));
  fill(alert, "full_log", get(message, "message"));
  if (prefixed.length === 0) fill(alert, "hostname", get(message, "source"));
  return alert;
}

function fill(alert: Record<string, JsonValue>, name: string, value: JsonValue | undefined): void {
  if (value !== undefined && value !== null && !Object.hasOwn(alert, name)) alert[name] = value;
}

/** An event that is about findings of ours says nothing new. */
function isAboutOurs(document: JsonObject): boolean {
  const event = get(document, "event");
  if (!isJsonObject(event)) return false;
  return [get(event, "fields"), get(event, "group_by_fields")]
    .flatMap((each) => (isJsonObject(each) ? Object.keys(each) : []))
    .some((name) => name.startsWith("tipline_"));
}

/** The event itself. */
function eventRecord(document: JsonObject): Buffer {
  const event = get(document, "event");
  if (!isJsonObject(event)) return json({ location: "graylog", data: { graylog: document } });
  const said: Record<string, JsonValue> = Object.create(null);
  for (const name of ["message", "source", "key", "key_tuple", "fields", "group_by_fields", "priority"])
    fill(said, name, get(event, name));
  fill(said, "title", get(document, "event_definition_title"));
  const record: Record<string, JsonValue> = Object.create(null);
  fill(record, "timestamp", get(event, "timestamp"));
  fill(record, "id", get(event, "id"));
  return json({ ...record, location: "graylog", data: { graylog: said as JsonObject } });
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value), "utf8");
}
