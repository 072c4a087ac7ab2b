import fc from "fast-check";
import type { MispEdits } from "./misp-sim/edits.ts";
import type { MispSim } from "./misp-sim/sim.ts";
import type { SimAttribute, SimEvent } from "./misp-sim/state.ts";

const TAGS = ["tlp:amber", "tlp:red", 'phishing:state="active"', 'misp-galaxy:ransomware="LockBit"'] as const;

/** How a change picks its numbers: whatever they are, they name something that exists. */
interface Pick {
  readonly event: number;
  readonly attribute: number;
  readonly n: number;
}

type Change = (edit: MispEdits, target: Target, pick: Pick) => void;

interface Target {
  readonly sim: MispSim;
  readonly event: SimEvent;
  /** Undefined in an event without any. */
  readonly attribute: SimAttribute | undefined;
  /** A number that no other change of this run gets. */
  readonly serial: number;
}

const name = (n: number, serial: number) => `n${n % 7}-${serial}.example.net`;
const withAttribute =
  (change: (edit: MispEdits, attribute: SimAttribute, pick: Pick, target: Target) => void): Change =>
  (edit, target, pick) => {
    if (target.attribute !== undefined) change(edit, target.attribute, pick, target);
  };

/** Everything a team may do to events and attributes in MISP, by name. */
const CHANGES = {
  "add a published event": (edit, { serial }, { n }) => {
    const event = edit.addEvent({ info: `campaign ${serial}` });
    for (let at = 0; at <= n % 4; at++) edit.addAttribute(event, { type: "domain", value: name(at, serial) });
    edit.publish(event);
  },
  "add an unpublished event": (edit, { serial }) => {
    edit.addAttribute(edit.addEvent(), { type: "ip-dst", value: `203.0.113.${(serial % 250) + 1}` });
  },
  "add an attribute": (edit, { event, serial }, { n }) =>
    void edit.addAttribute(event, { type: "domain", value: name(n, serial), comment: `c${n}` }),
  "add an attribute and publish": (edit, { event, serial }, { n }) => {
    edit.addAttribute(event, { type: "url", value: `http://${name(n, serial)}/a`, toIds: n % 3 > 0 });
    edit.publish(event);
  },
  "add more attributes than fit a page": (edit, { event, serial }) => {
    for (let at = 0; at < 130; at++)
      edit.addAttribute(event, { type: "domain", value: `p${at}-${serial}.example.org` });
    edit.publish(event);
  },
  "add an object": (edit, { event, serial }, { n }) => {
    const value = serial.toString(16).padStart(32, "a");
    edit.addObject(event, { name: "file", comment: `object ${n}` }, [
      { type: "md5", value, objectRelation: "md5" },
      { type: "filename", value: `f${serial}.exe`, objectRelation: "filename" },
    ]);
    edit.publish(event);
  },
  "delete an object": (edit, { event }, { n }) => {
    const objects = event.objects.filter(({ deleted }) => !deleted);
    const object = objects[n % Math.max(1, objects.length)];
    if (object !== undefined) edit.deleteObject(object);
  },
  "edit an event": (edit, { event, serial }) => void edit.editEvent(event, { info: `edited ${serial}` }),
  "edit an event and publish": (edit, { event, serial }) => {
    edit.editEvent(event, { info: `edited and published ${serial}`, date: "2026-11-01" });
    edit.publish(event);
  },
  "set the threat level and publish": (edit, { event }, { n }) => {
    edit.setThreatLevel(event, (n % 4) + 1);
    edit.publish(event);
  },
  publish: (edit, { event }) => void edit.publish(event),
  unpublish: (edit, { event }) => void edit.unpublish(event),
  "unpublish and publish": (edit, { event }) => {
    edit.unpublish(event);
    edit.publish(event);
  },
  "delete an event": (edit, { event }) => edit.deleteEvent(event),
  "edit a value": withAttribute((edit, attribute, { n }, { serial }) => {
    if (attribute.type === "domain") edit.editAttribute(attribute, { value: name(n, serial) });
    else edit.editAttribute(attribute, { comment: `edited ${serial}` });
  }),
  "flip to_ids": withAttribute((edit, attribute) => void edit.editAttribute(attribute, { toIds: !attribute.toIds })),
  "flip to_ids and publish": withAttribute((edit, attribute, _pick, { event }) => {
    edit.editAttribute(attribute, { toIds: !attribute.toIds });
    edit.publish(event);
  }),
  "delete an attribute softly": withAttribute((edit, attribute) => void edit.softDeleteAttribute(attribute)),
  "delete an attribute softly and publish": withAttribute((edit, attribute, _pick, { event }) => {
    edit.softDeleteAttribute(attribute);
    edit.publish(event);
  }),
  "restore an attribute and publish": withAttribute((edit, attribute, _pick, { event }) => {
    if (attribute.deleted) edit.restoreAttribute(attribute);
    edit.publish(event);
  }),
  "delete an attribute for good and publish": withAttribute((edit, attribute, _pick, { event }) => {
    edit.hardDeleteAttribute(attribute);
    edit.publish(event);
  }),
  "tag or untag an event": (edit, { sim, event }, { n }) => {
    const tag = TAGS[n % TAGS.length] as string;
    if (event.tags.some(({ tagId }) => tagId === sim.state.tagNamed(tag)?.id)) edit.untagEvent(event, tag);
    else edit.tagEvent(event, tag);
    if (n % 2 === 0) edit.publish(event);
  },
  "tag or untag an attribute": withAttribute((edit, attribute, { n }, { sim, event }) => {
    const tag = TAGS[n % TAGS.length] as string;
    if (attribute.tags.some(({ tagId }) => tagId === sim.state.tagNamed(tag)?.id)) edit.untagAttribute(attribute, tag);
    else edit.tagAttribute(attribute, tag);
    if (n % 2 === 0) edit.publish(event);
  }),
  "re-timestamp an attribute": withAttribute((edit, attribute, { n }, { sim, event }) => {
    edit.retimestamp(attribute, sim.now() - n * 1000);
    if (n % 2 === 0) edit.publish(event);
  }),
  // A sync from another MISP brings an event with its own, older timestamp; no two edits share one.
  "edit an event back in time": (edit, { event, serial }, { n }) => {
    edit.editEvent(event, { info: `older ${serial}` });
    event.timestamp = 1_700_000_000 + serial;
    if (n % 2 === 0) edit.publish(event);
  },
  sight: withAttribute((edit, attribute) => edit.addSighting(attribute)),
} satisfies Record<string, Change>;

const HARD = ["publish", "unpublish", "unpublish and publish", "edit an event"] as const;

export interface Mutation extends Pick {
  readonly change: keyof typeof CHANGES;
}

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  // Those that move no timestamp are the likeliest to be missed.
  change: fc.constantFrom(...(Object.keys(CHANGES) as (keyof typeof CHANGES)[]), ...HARD, ...HARD),
  event: fc.nat({ max: 4 }),
  attribute: fc.nat({ max: 9 }),
  n: fc.nat({ max: 11 }),
});

/** Makes the change; the UUID of the event that it was made to. */
export function mutate(sim: MispSim, { change, ...pick }: Mutation, serial: number): string {
  const events = [...sim.state.events.values()];
  const event = events[pick.event % Math.max(1, events.length)] ?? sim.edit.addEvent({ info: `first ${serial}` });
  const attribute = event.attributes[pick.attribute % Math.max(1, event.attributes.length)];
  const run: Change = CHANGES[change];
  run(sim.edit, { sim, event, attribute, serial }, pick);
  return event.uuid;
}
