import { type JsonParameters, parameters, type SimCall, type SimRoute } from "./request.ts";
import { compact, MispException, NO_PERMISSION, pretty, type SimResponse } from "./respond.ts";
import type { SimWarninglist } from "./state-knowledge.ts";
import { warninglistEntry } from "./warninglist-match.ts";

export const WARNINGLIST_ROUTES: readonly SimRoute[] = [
  { method: "*", pattern: "warninglists/index", handle: index },
  { method: "GET", pattern: "warninglists/view", handle: view },
  { method: "POST", pattern: "warninglists/checkValue", handle: checkValue },
  { method: "GET", pattern: "warninglists/checkValue", handle: describeCheckValue },
  { method: "POST", pattern: "warninglists/toggleEnable", handle: toggleEnable },
  { method: "GET", pattern: "warninglists", handle: index },
];

/** `enabled:1` in the path filters; in the query string it does nothing. */
function index({ sim, named, body }: SimCall): SimResponse {
  const wanted = named.get("enabled") ?? parameters(body)["enabled"];
  const lists = [...sim.state.warninglists.values()]
    .filter((list) => wanted === undefined || list.enabled === (String(wanted) === "1"))
    .sort((a, b) => b.id - a.id);
  return pretty({ Warninglists: lists.map((list) => ({ Warninglist: indexed(list) })) });
}

function indexed(list: SimWarninglist): JsonParameters {
  return {
    ...described(list),
    warninglist_entry_count: String(list.entries.length),
    valid_attributes: list.attributes.join(", "),
  };
}

function described(list: SimWarninglist): JsonParameters {
  return {
    id: String(list.id),
    name: list.name,
    type: list.type,
    description: list.description,
    version: String(list.version),
    enabled: list.enabled,
    default: list.default,
    category: list.category,
  };
}

function view({ sim, args }: SimCall): SimResponse {
  const list = sim.state.warninglists.get(Number(args[0]));
  if (list === undefined) throw new MispException(404, "Warninglist not found.");
  const id = String(list.id);
  return pretty({
    Warninglist: {
      ...described(list),
      WarninglistEntry: list.entries.map((value, at) => ({
        id: String(at + 1),
        value,
        warninglist_id: id,
        comment: null,
      })),
      WarninglistType: list.attributes.map((type, at) => ({ id: String(at + 1), type, warninglist_id: id })),
    },
  });
}

/** By value, whatever the attribute types of the lists. */
function checkValue({ sim, body }: SimCall): SimResponse {
  const values = typeof body === "string" ? [body] : Array.isArray(body) ? body.map(String) : [];
  const hits = new Map<string, unknown[]>();
  for (const value of values) {
    const matches = [...sim.state.warninglists.values()].flatMap((list) => {
      const matched = list.enabled ? warninglistEntry(list, value) : undefined;
      return matched === undefined ? [] : [{ id: String(list.id), name: list.name, matched }];
    });
    if (matches.length > 0) hits.set(value, matches);
  }
  return hits.size === 0 ? pretty([]) : pretty(Object.fromEntries(hits));
}

function describeCheckValue(): SimResponse {
  return pretty({
    name: "/warninglists/checkValue API description",
    description:
      "POST a JSON list with value(s) to check against the warninglists to get a JSON dictionary as a response with any hits, if there are any (with the key being the passed value triggering a warning).",
    mandatory_fields: ["[]"],
    url: "/warninglists/checkValue",
  });
}

function toggleEnable({ sim, role, key, body }: SimCall): SimResponse {
  if (!role.siteAdmin || key.readOnly === true) throw new MispException(403, NO_PERMISSION);
  const { id, enabled } = parameters(body);
  const lists = (Array.isArray(id) ? id : [id]).flatMap((each) => sim.state.warninglists.get(Number(each)) ?? []);
  if (lists.length === 0) return compact({ saved: false, errors: "Warninglist(s) not found." });
  for (const list of lists) list.enabled = enabled === undefined ? !list.enabled : Number(enabled) === 1;
  const verb = lists[0]?.enabled === true ? "enabled" : "disabled";
  return compact({ saved: true, success: `${lists.length} warninglist(s) ${verb}` });
}
