import { get, isJsonObject, type JsonValue, text } from "../model/json.ts";

/** Longest message that is parsed; of a longer one only its beginning is looked at. */
const MAX_PARSED = 8 * 1024 * 1024;
/** Where MISP puts the event's own fields in a published event, however large. */
const HEAD = 4096;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const ID = /^[1-9]\d{0,17}$/;

/**
 * The event that a message of MISP's ZeroMQ channel (`<topic> <json>`) is about, as UUID or server id; undefined when it is about
 * none (the heartbeat, a sighting, a warninglist). The channel is unauthenticated, so nothing else of a message is used.
 */
export function eventOfMessage(message: Buffer): string | undefined {
  const space = message.subarray(0, 64).indexOf(0x20);
  if (space < 0) return undefined;
  const topic = message.toString("latin1", 0, space);
  if (!/^misp_json(?:_(?:event|attribute|object|object_reference|tag))?$/.test(topic)) return undefined;
  const body = message.subarray(space + 1);
  return body.length > MAX_PARSED ? eventOfHead(body) : eventOfBody(body);
}

function eventOfBody(body: Buffer): string | undefined {
  let value: JsonValue;
  try {
    value = JSON.parse(body.toString("utf8")) as JsonValue;
  } catch {
    return undefined;
  }
  const uuid = text(get(value, "Event"), "uuid");
  if (uuid !== undefined && UUID.test(uuid)) return uuid.toLowerCase();
  for (const part of ["Event", "Attribute", "Object", "Tag", "ObjectReference"]) {
    const record = get(value, part);
    const id = isJsonObject(record) ? text(record, part === "Event" ? "id" : "event_id") : undefined;
    if (id !== undefined && ID.test(id)) return id;
  }
  return undefined;
}

function eventOfHead(body: Buffer): string | undefined {
  const head = body.toString("latin1", 0, HEAD);
  return /^\{"Event":\{[^{}]{0,2000}?"uuid":"([0-9a-f-]{36})"/i.exec(head)?.[1]?.toLowerCase();
}
