import { canEditEvent } from "./access.ts";
import type { JsonParameters, SimCall } from "./request.ts";
import { truthy } from "./search-terms.ts";
import type { SimAttribute, SimEvent, SimTag } from "./state.ts";

/** What tagging answers, always with status 200. */
export type TagAnswer =
  | { readonly saved: true; readonly success: string; readonly check_publish: boolean }
  | { readonly saved: false; readonly errors: string };

/** Attaches the tag that the body names (or the path) by name or id. */
export function attachTag(
  call: SimCall,
  target: SimEvent | SimAttribute | undefined,
  sent: JsonParameters,
  inPath?: string,
): TagAnswer {
  const problem = check(call, target);
  if (problem !== undefined || target === undefined) return problem ?? refused("Invalid Event.");
  const tag = namedTag(call, sent["tag"] ?? inPath);
  if (tag === undefined) return refused("Invalid Tag.");
  const held = target.tags.some(({ tagId }) => tagId === tag.id);
  const kind = "attributes" in target ? "event" : "attribute";
  if (held) return refused(`Tag is already attached to this ${kind}.`);
  const local = truthy(sent["local"]) || call.named.get("local") === "1";
  if ("attributes" in target) call.sim.edit.tagEvent(target, tag.name, { local });
  else call.sim.edit.tagAttribute(target, tag.name, { local });
  return { saved: true, success: "Tag added.", check_publish: true };
}

export function detachTag(
  call: SimCall,
  target: SimEvent | SimAttribute | undefined,
  sent: JsonParameters,
  inPath?: string,
): TagAnswer {
  const problem = check(call, target);
  if (problem !== undefined || target === undefined) return problem ?? refused("Invalid Event.");
  const tag = namedTag(call, sent["tag"] ?? inPath);
  if (tag === undefined || !target.tags.some(({ tagId }) => tagId === tag.id)) return refused("Invalid Tag.");
  if ("attributes" in target) call.sim.edit.untagEvent(target, tag.name);
  else call.sim.edit.untagAttribute(target, tag.name);
  return { saved: true, success: "Tag removed.", check_publish: true };
}

function check(call: SimCall, target: SimEvent | SimAttribute | undefined): TagAnswer | undefined {
  if (target === undefined) return refused("Invalid Event.");
  const event = "attributes" in target ? target : call.sim.state.events.get(target.eventId);
  return event && canEditEvent(call, event) ? undefined : refused("You don't have permission to do that.");
}

function namedTag(call: SimCall, name: unknown): SimTag | undefined {
  const { state } = call.sim;
  if (name === undefined) return undefined;
  return state.tagNamed(String(name)) ?? (/^\d{1,9}$/.test(String(name)) ? state.tags.get(Number(name)) : undefined);
}

function refused(errors: string): TagAnswer {
  return { saved: false, errors };
}
