import { canEditEvent, canReadAttribute, canReadEvent } from "./access.ts";
import type { AttributeChange } from "./edits.ts";
import { type Json, renderAttribute, renderAttributeLinks, renderAttributeTags, renderHalves } from "./render.ts";
import { type JsonParameters, parameters, type SimCall, type SimRoute } from "./request.ts";
import { compact, MispException, pretty, redirect, type SimResponse } from "./respond.ts";
import { flag } from "./search-terms.ts";
import type { SimAttribute, SimEvent } from "./state.ts";
import { attachTag, detachTag } from "./tagging.ts";
import { attributeFields, type FieldErrors, validateAttribute } from "./validate.ts";

const INVALID = "Invalid attribute";
const INDEX_PAGE = 60;

export const ATTRIBUTE_ROUTES: readonly SimRoute[] = [
  { method: "GET", pattern: "attributes/add", handle: describeAdd },
  { method: "POST", pattern: "attributes/add", needs: "add", handle: add },
  { method: "POST", pattern: "attributes/edit", needs: "add", handle: edit },
  { method: "PUT", pattern: "attributes/edit", needs: "add", handle: edit },
  { method: "*", pattern: "attributes/delete", needs: "add", handle: remove },
  { method: "POST", pattern: "attributes/restore", needs: "add", handle: restore },
  { method: "POST", pattern: "attributes/addTag", needs: "tagger", handle: (call) => tag(call, attachTag) },
  { method: "POST", pattern: "attributes/removeTag", needs: "tagger", handle: (call) => tag(call, detachTag) },
  { method: "GET", pattern: "attributes/view", handle: view },
  { method: "GET", pattern: "attributes/index", handle: index },
  { method: "GET", pattern: "attributes", handle: (call) => (call.args.length === 0 ? index(call) : viewBare(call)) },
  { method: "GET", pattern: "attributes/attributeStatistics", handle: statistics },
];

function describeAdd(): SimResponse {
  return pretty({
    name: "/attributes/add API description",
    description: "POST a MISP Attribute JSON to this API to create an Attribute.",
    mandatory_fields: ["value", "type"],
    optional_fields: [
      "category",
      "to_ids",
      "uuid",
      "distribution",
      "sharing_group_id",
      "timestamp",
      "comment",
      "data",
      "encrypt",
      "first_seen",
      "last_seen",
    ],
    url: "/attributes/add/[event_id]",
  });
}

interface Outcome {
  readonly saved: SimAttribute[];
  readonly errors: Map<string, FieldErrors>;
}

/** One attribute, a list of them, or one with a list of values. */
function add(call: SimCall): SimResponse {
  const event = editable(call, call.sim.state.event(call.args[0] ?? ""));
  const { list, single } = sentAttributes(call.body);
  const { saved, errors } = addAll(call, event, list);
  if (!single) event.countDrift = (event.countDrift ?? 0) - saved.length;
  const first = saved[0];
  if (first === undefined) {
    const only = errors.get("attribute_0") ?? { value: ["Value cannot be empty."] };
    return notSaved("Could not add Attribute", "/attributes/add", single ? only : Object.fromEntries(errors));
  }
  if (single)
    return pretty({ Attribute: renderSaved(first), AttributeTag: renderAttributeLinks(call.sim.state, first) });
  return pretty({
    Attribute: saved.map(renderSaved),
    ...(errors.size > 0 ? { errors: Object.fromEntries(errors) } : {}),
  });
}

function sentAttributes(body: unknown): { list: JsonParameters[]; single: boolean } {
  if (Array.isArray(body)) return { list: body as JsonParameters[], single: false };
  const sent = unwrap(body, "Attribute");
  if (!Array.isArray(sent["value"])) return { list: [sent], single: true };
  return { list: sent["value"].map((value) => ({ ...sent, value })), single: false };
}

function addAll(call: SimCall, event: SimEvent, list: readonly JsonParameters[]): Outcome {
  const { state, edit: edits } = call.sim;
  const overwrite = flag(call.named.get("breakOnDuplicate")) === 0;
  const outcome: Outcome = { saved: [], errors: new Map() };
  for (const [at, sent] of list.entries()) {
    const result = validateAttribute(state, event, sent);
    if ("attribute" in result) {
      outcome.saved.push(edits.addAttribute(event, result.attribute));
    } else if (result.duplicate && overwrite) {
      const { timestamp, ...change } = attributeFields({ comment: "", ...sent });
      outcome.saved.push(edits.editAttribute(result.duplicate, change, timestamp));
    } else outcome.errors.set(`attribute_${at}`, result.errors);
  }
  return outcome;
}

function edit(call: SimCall): SimResponse {
  const attribute = editableAttribute(call, INVALID);
  const sent = unwrap(call.body, "Attribute");
  const { timestamp, deleted, ...change } = attributeFields(sent);
  const { edit: edits } = call.sim;
  const value = sent["value"] === undefined ? {} : { value: String(sent["value"]) };
  if (deleted !== undefined) attribute.deleted = deleted;
  edits.editAttribute(attribute, { ...change, ...value } as AttributeChange, timestamp);
  return pretty({ Attribute: renderAttribute(attribute) });
}

/** `/attributes/delete/ID` softly, `/attributes/delete/ID/1` for good. */
function remove(call: SimCall): SimResponse {
  const { edit: edits } = call.sim;
  const hard = flag(call.args[1] ?? parameters(call.body)["hard"]) === 1;
  const attribute = editableAttribute(call, INVALID, 404);
  if (hard) edits.hardDeleteAttribute(attribute);
  else edits.softDeleteAttribute(attribute);
  return compact({ message: "Attribute deleted." });
}

function restore(call: SimCall): SimResponse {
  const attribute = editableAttribute(call, "Invalid Attribute");
  call.sim.edit.restoreAttribute(attribute);
  return redirect(call, `/attributes/view/${attribute.id}`);
}

function tag(call: SimCall, change: typeof attachTag): SimResponse {
  const sent = parameters(call.body);
  const attribute = call.sim.state.attribute(String(call.args[0] ?? sent["attribute"] ?? ""));
  return compact(change(call, attribute, sent, call.args[1]));
}

function view(call: SimCall): SimResponse {
  const { state } = call.sim;
  const attribute = state.attribute(call.args[0] ?? "");
  const event = attribute && state.events.get(attribute.eventId);
  const readable =
    event &&
    attribute &&
    !attribute.deleted &&
    canReadEvent(call, event) &&
    canReadAttribute(call, state, event, attribute);
  if (!readable) throw new MispException(405, INVALID);
  const tags = renderAttributeTags(state, attribute.tags);
  return compact({
    Attribute: { ...renderAttribute(attribute), event_uuid: event.uuid, ...(tags.length > 0 ? { Tag: tags } : {}) },
  });
}

/** `/attributes/ID`; any other word there is an action that is none. */
function viewBare(call: SimCall): SimResponse {
  if (!/^(?:\d+|[0-9a-f-]{36})$/i.test(call.args[0] ?? "")) throw new MispException(404, "Not Found");
  return view(call);
}

/** Rows by type, deleted ones too. */
function statistics(call: SimCall): SimResponse {
  const counts = new Map<string, number>();
  for (const { type } of call.sim.state.attributes.values()) counts.set(type, (counts.get(type) ?? 0) + 1);
  const sorted = [...counts].sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  return pretty(Object.fromEntries(sorted.map(([type, count]) => [type, String(count)])));
}

/** The newest first, 60 of them; parameters of a query are not read. */
function index(call: SimCall): SimResponse {
  const { state } = call.sim;
  const size = Number(call.named.get("limit") ?? INDEX_PAGE);
  const rows: Json[] = [];
  for (const attribute of [...state.attributes.values()].reverse()) {
    const event = state.events.get(attribute.eventId);
    if (!event || attribute.deleted || !canReadEvent(call, event) || !canReadAttribute(call, state, event, attribute))
      continue;
    rows.push(renderSaved(attribute));
    if (rows.length >= size) break;
  }
  return pretty(rows);
}

/** With both halves of the value. */
function renderSaved(attribute: SimAttribute): Json {
  return { ...renderAttribute(attribute), ...renderHalves(attribute) };
}

function notSaved(name: string, url: string, errors: unknown): SimResponse {
  return pretty({ saved: false, name, message: name, url, errors }, 403);
}

/** The event, readable and writable by the caller; else MISP's refusals. */
export function editable(call: SimCall, event: SimEvent | undefined, invalid = "Invalid event"): SimEvent {
  if (event === undefined || !canReadEvent(call, event)) throw new MispException(404, invalid);
  if (!canEditEvent(call, event)) throw new MispException(403, "You do not have permission to do that.");
  return event;
}

function editableAttribute(call: SimCall, invalid: string, status = 405): SimAttribute {
  const { state } = call.sim;
  const attribute = state.attribute(call.args[0] ?? "");
  const event = attribute && state.events.get(attribute.eventId);
  if (!attribute || !event || !canReadEvent(call, event)) throw new MispException(status, invalid);
  editable(call, event);
  return attribute;
}

/** The body with or without its wrapper. */
export function unwrap(body: unknown, name: string): JsonParameters {
  const sent = parameters(body);
  const inner = sent[name];
  return typeof inner === "object" && inner !== null && !Array.isArray(inner) ? (inner as JsonParameters) : sent;
}
