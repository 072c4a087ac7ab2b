import { canReadEvent } from "./access.ts";
import type { EventChange } from "./edits.ts";
import { answerIndex } from "./events-index.ts";
import { renderEvent } from "./render-event.ts";
import { type JsonParameters, parameters, type SimCall, type SimRoute } from "./request.ts";
import { compact, failure, internalError, MispException, pretty, type SimResponse } from "./respond.ts";
import { editable, unwrap } from "./routes-attributes.ts";
import { attributeTests, type Search } from "./search-filter.ts";
import type { SimEvent } from "./state.ts";
import { attachTag, detachTag } from "./tagging.ts";
import { validateAttribute } from "./validate.ts";

export const EVENT_ROUTES: readonly SimRoute[] = [
  { method: "*", pattern: "events/index", handle: answerIndex },
  { method: "GET", pattern: "events/view", handle: view },
  { method: "GET", pattern: "events", handle: (call) => (call.args.length === 0 ? answerIndex(call) : view(call)) },
  { method: "POST", pattern: "events/add", needs: "add", handle: add },
  { method: "POST", pattern: "events/edit", needs: "add", handle: edit },
  { method: "PUT", pattern: "events/edit", needs: "add", handle: edit },
  { method: "POST", pattern: "events/delete", needs: "add", handle: remove },
  { method: "DELETE", pattern: "events/delete", needs: "add", handle: remove },
  { method: "DELETE", pattern: "events", needs: "add", handle: remove },
  {
    method: "GET",
    pattern: "events/publish",
    needs: "publish",
    handle: () => {
      throw internalError();
    },
  },
  { method: "POST", pattern: "events/publish", needs: "publish", handle: publish },
  { method: "POST", pattern: "events/alert", needs: "publish", handle: alert },
  { method: "POST", pattern: "events/unpublish", needs: "publish", handle: unpublish },
  { method: "POST", pattern: "events/addTag", needs: "tagger", handle: (call) => tag(call, attachTag) },
  { method: "POST", pattern: "events/removeTag", needs: "tagger", handle: (call) => tag(call, detachTag) },
];

function view(call: SimCall): SimResponse {
  const event = call.sim.state.event(call.args[0] ?? "");
  if (event === undefined || !canReadEvent(call, event)) throw new MispException(404, "Invalid event");
  return pretty(viewed(call, event, { includeWarninglistHits: 1 }));
}

/** With what is deleted too (`deleted:1`), or that alone (`deleted:2`). */
function viewed(call: SimCall, event: SimEvent, params: JsonParameters = {}): { Event: unknown } {
  const asked = call.named.get("deleted");
  const deleted = asked === "1" ? [0, 1] : asked === "2" ? 1 : 0;
  const search: Search = {
    state: call.sim.state,
    caller: call,
    params: { ...params, deleted },
    now: call.sim.now(),
  };
  const tests = attributeTests(search);
  return { Event: renderEvent(search, event, (attribute) => tests.every((test) => test(attribute, event))) };
}

/** Attributes that do not hold are left out without a word. */
function add(call: SimCall): SimResponse {
  const { state, edit: edits } = call.sim;
  const sent = unwrap(call.body, "Event");
  const errors = eventErrors(sent);
  if (Object.keys(errors).length > 0) {
    const name = "Could not add Event";
    return pretty({ saved: false, name, message: name, url: "/events/add", errors: { Event: errors } }, 403);
  }
  const uuid = typeof sent["uuid"] === "string" ? sent["uuid"] : undefined;
  const held = uuid === undefined ? undefined : state.event(uuid);
  if (held) return exists(call, held);
  if (uuid !== undefined && state.blocklist.has(uuid.toLowerCase()))
    throw new MispException(403, "Event blocked by event blocklist.");
  const event = edits.addEvent({
    ...eventFields(sent),
    ...(uuid === undefined ? {} : { uuid }),
    ...(sent["published"] === true ? { published: true } : {}),
    ...(sent["timestamp"] === undefined ? {} : { timestamp: Number(sent["timestamp"]) }),
    orgId: call.org.id,
    orgcId: call.org.id,
    userId: call.user.id,
    tags: names(sent["Tag"]),
  });
  addMembers(call, event, sent);
  return pretty(viewed(call, event));
}

function addMembers(call: SimCall, event: SimEvent, sent: JsonParameters): void {
  const { state, edit: edits } = call.sim;
  const { published, timestamp } = event;
  const addOne = (attribute: JsonParameters, objectId: number) => {
    const result = validateAttribute(state, event, attribute);
    if (!("attribute" in result)) return;
    const own = { timestamp, ...result.attribute, objectId, tags: names(attribute["Tag"]) };
    edits.addAttribute(event, own);
  };
  for (const attribute of list(sent["Attribute"])) addOne(attribute, 0);
  for (const each of list(sent["Object"])) {
    const object = edits.addObject(event, objectFields(each, 0));
    for (const attribute of list(each["Attribute"])) addOne(attribute, object.id);
  }
  Object.assign(event, { published, timestamp });
}

/** Descriptions of object templates. */
const TEMPLATES = new Map([
  ["688c46fb-5edb-40a3-8273-1af7923e2215", "File object describing a file with meta-information"],
]);

/** An object as a caller sends it, with the distribution that it gets when it names none. */
export function objectFields(sent: JsonParameters, distribution: number) {
  return {
    name: String(sent["name"] ?? ""),
    ...(typeof sent["uuid"] === "string" ? { uuid: sent["uuid"] } : {}),
    metaCategory: String(sent["meta-category"] ?? "misc"),
    description: String(sent["description"] ?? TEMPLATES.get(String(sent["template_uuid"])) ?? ""),
    templateUuid: String(sent["template_uuid"] ?? ""),
    templateVersion: String(sent["template_version"] ?? "1"),
    distribution: Number(sent["distribution"] ?? distribution),
    comment: String(sent["comment"] ?? ""),
  };
}

function edit(call: SimCall): SimResponse {
  const event = editable(call, call.sim.state.event(call.args[0] ?? ""), "Invalid event");
  const sent = unwrap(call.body, "Event");
  call.sim.edit.editEvent(event, eventFields(sent));
  const { timestamp } = event;
  addMembers(call, event, sent);
  Object.assign(event, { timestamp, published: sent["published"] === true });
  return pretty(viewed(call, event));
}

function remove(call: SimCall): SimResponse {
  const event = editable(call, call.sim.state.event(call.args[0] ?? ""), "Invalid event");
  call.sim.edit.deleteEvent(event);
  return done("Event deleted.", `/events/delete/${event.id}`, event.id);
}

function publish(call: SimCall): SimResponse {
  const event = editable(call, call.sim.state.event(call.args[0] ?? ""), "Invalid event.");
  call.sim.edit.publish(event);
  return done("Event published without alerts", `/events/publish/${event.id}`, event.id);
}

function alert(call: SimCall): SimResponse {
  const event = editable(call, call.sim.state.event(call.args[0] ?? ""), "Invalid event.");
  call.sim.edit.publish(event);
  return done("Email sent to all participants.", `/events/alert/${event.id}`, event.id);
}

function unpublish(call: SimCall): SimResponse {
  const event = editable(call, call.sim.state.event(call.args[0] ?? ""), "Invalid event.");
  call.sim.edit.unpublish(event);
  return done("Event unpublished.", `/events/unpublish/${event.id}`, event.id);
}

function tag(call: SimCall, change: typeof attachTag): SimResponse {
  const sent = parameters(call.body);
  const event = call.sim.state.event(String(call.args[0] ?? sent["event"] ?? ""));
  return compact(change(call, event, sent, call.args[1]));
}

export function done(name: string, url: string, id: number): SimResponse {
  return pretty({ saved: true, success: true, name, message: name, url, id: String(id) });
}

function exists(call: SimCall, { id }: SimEvent): SimResponse {
  const message = "Event already exists, if you would like to edit it, use the url in the location header.";
  const response = failure(404, message, call.url);
  return { ...response, headers: { ...response.headers, Location: `http://${call.host}/events/${id}` } };
}

function eventErrors(sent: JsonParameters): Record<string, string[]> {
  const errors: Record<string, string[]> = {};
  const outside = (name: string, options: readonly string[], message: string) => {
    if (sent[name] !== undefined && !options.includes(String(sent[name]))) errors[name] = [`Options : ${message}`];
  };
  if (String(sent["info"] ?? "") === "") errors["info"] = ["valueNotEmpty"];
  outside("threat_level_id", ["1", "2", "3", "4"], "1, 2, 3, 4 (for High, Medium, Low, Undefined)");
  outside("analysis", ["0", "1", "2"], "0, 1, 2 (for Initial, Ongoing, Completed)");
  const distributions = "Your organisation only, This community only, Connected communities, All communities";
  outside("distribution", ["0", "1", "2", "3", "4"], distributions);
  return errors;
}

function eventFields(sent: JsonParameters): EventChange {
  const text = (name: string, field: string) => (sent[name] === undefined ? {} : { [field]: String(sent[name]) });
  const number = (name: string, field: string) => (sent[name] === undefined ? {} : { [field]: Number(sent[name]) });
  return {
    ...text("info", "info"),
    ...text("date", "date"),
    ...text("extends_uuid", "extendsUuid"),
    ...number("threat_level_id", "threatLevelId"),
    ...number("analysis", "analysis"),
    ...number("distribution", "distribution"),
  };
}

function names(tags: unknown): string[] {
  return list(tags).map(({ name }) => String(name));
}

export function list(value: unknown): JsonParameters[] {
  return Array.isArray(value) ? (value as JsonParameters[]) : [];
}
