import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NewAttribute } from "./misp-sim/edits.ts";
import type { MispSim } from "./misp-sim/sim.ts";

interface FeedAttribute {
  readonly uuid: string;
  readonly type: string;
  readonly category: string;
  readonly value: string;
  readonly to_ids: boolean;
  readonly timestamp: string;
  readonly comment?: string;
  readonly object_relation?: string;
  readonly Tag?: readonly { readonly name: string }[];
}

/** Puts the events of a feed in MISP's format into the simulator, published, with their own UUIDs and timestamps. */
export function loadMispFeed(sim: MispSim, dir: string): void {
  for (const name of readdirSync(dir)
    .filter((file) => /^[0-9a-f-]{36}\.json$/.test(file))
    .sort()) {
    const { Event: record } = JSON.parse(readFileSync(join(dir, name), "utf8"));
    const event = sim.edit.addEvent({
      uuid: record.uuid,
      info: record.info,
      date: record.date,
      threatLevelId: Number(record.threat_level_id),
      distribution: 3,
      tags: tagsOf(record),
    });
    for (const attribute of record.Attribute ?? []) sim.edit.addAttribute(event, toNew(attribute));
    for (const object of record.Object ?? [])
      sim.edit.addObject(event, { name: object.name, uuid: object.uuid }, (object.Attribute ?? []).map(toNew));
    sim.edit.publish(event);
    event.timestamp = Number(record.timestamp);
  }
}

function toNew(attribute: FeedAttribute): NewAttribute {
  return {
    uuid: attribute.uuid,
    type: attribute.type,
    category: attribute.category,
    value: attribute.value,
    toIds: attribute.to_ids,
    timestamp: Number(attribute.timestamp),
    comment: attribute.comment ?? "",
    objectRelation: attribute.object_relation ?? null,
    tags: tagsOf(attribute),
  };
}

function tagsOf({ Tag = [] }: { readonly Tag?: readonly { readonly name: string }[] }): readonly string[] {
  return Tag.map(({ name }) => name);
}
