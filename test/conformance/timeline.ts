import type { MispSim } from "../support/misp-sim/sim.ts";
import { BULK_EVENTS, SMALL_EVENTS } from "./filling.ts";
import type { Harvest } from "./harvest.ts";
import { putAttributes, putEvents } from "./seed-rows.ts";

/** A change of the recorded server that has no recording of its own. */
export interface Step {
  /** The recording before which it happened. */
  readonly before: string;
  /** Epoch seconds of the change; of the recording when absent. */
  readonly at?: number;
  /** What in the recordings shows it. */
  readonly shownBy: string;
  readonly apply: (sim: MispSim, harvest: Harvest) => void;
}

const DELTA_EVENT = 1406;
const DELTA_ATTRIBUTE = 300_011;

export const STEPS: readonly Step[] = [
  {
    before: "events_add_main_full",
    shownBy: "events_view_full, without warnings of 62 and 63 that were just switched on",
    apply: ({ state }) => {
      for (const id of [62, 63]) {
        const list = state.warninglists.get(id);
        if (list) list.enabled = false;
      }
    },
  },
  {
    before: "events_add_iabg",
    shownBy: "the ids and time stamps of events 2 to 35",
    apply: ({ state }, harvest) => putEvents(state, harvest, SMALL_EVENTS),
  },
  {
    before: "attributes_add_single",
    at: 1_795_296_385,
    shownBy: "publish_timestamp of event 36 in events_view_id",
    apply: ({ edit }) => void edit.publish(36),
  },
  {
    before: "sightings_add_by_id_path",
    at: 1_795_296_423,
    shownBy: "publish_timestamp of event 1 in rs_value_exact_ip",
    apply: ({ edit }) => void edit.publish(1),
  },
  {
    before: "rs_page_1_limit20",
    shownBy: "events_index_last, attributes_index, attributes_attributeStatistics",
    apply: ({ state }, harvest) => putEvents(state, harvest, BULK_EVENTS),
  },
  {
    before: "pymisp_client_exchanges#00",
    at: 1_795_297_379,
    shownBy: "eventBlocklists, and the ids of the rows that the next recordings add",
    apply: ({ edit, state }, harvest) => {
      const event = edit.addEvent({ uuid: harvest.blocked(1) ?? "", info: "ZMQ test event edited" });
      for (const value of ["first", "second"]) edit.addAttribute(event, { type: "text", value });
      edit.deleteEvent(event);
      state.seen("sighting", 18);
    },
  },
  {
    before: "rs_deleted_representation",
    at: 1_795_297_468,
    shownBy: "the event beside the attributes in rs_deleted_representation",
    apply: ({ state, edit }, harvest) => {
      edit.addEvent({ id: 1404, info: "unpublish probe", distribution: 0, publishTimestamp: 1_795_297_467 });
      putAttributes(state, harvest, [300_005, 300_006]);
    },
  },
  {
    before: "feeds_fetch_freetext_result",
    shownBy: "feeds_fetch_freetext_result itself: a fetch of a feed is not simulated",
    apply: ({ state }, harvest) => putEvents(state, harvest, [1405]),
  },
  {
    before: "delta_late_publish_event_timestamp",
    at: 1_795_297_601,
    shownBy: "time stamps in delta_late_publish_last",
    apply: ({ edit }, harvest) => {
      edit.addEvent({
        id: DELTA_EVENT,
        uuid: harvest.uuid("event", DELTA_EVENT) ?? "",
        info: "delta probe",
        distribution: 0,
      });
      edit.addAttribute(DELTA_EVENT, { id: DELTA_ATTRIBUTE, type: "ip-dst", value: "203.0.113.252" });
    },
  },
  {
    before: "delta_late_publish_event_timestamp",
    at: 1_795_297_604,
    shownBy: "publish_timestamp in delta_late_publish_last",
    apply: ({ edit }) => void edit.publish(DELTA_EVENT),
  },
  {
    before: "delta_event_tag_event_timestamp",
    at: 1_795_297_606,
    shownBy: "delta_event_tag_event_timestamp",
    apply: ({ edit }) => void edit.tagEvent(DELTA_EVENT, "tlp:green"),
  },
  {
    before: "delta_threat_level_edit_timestamp",
    at: 1_795_297_607,
    shownBy: "its name, and publish_timestamp in delta_attr_tag_timestamp",
    apply: ({ edit }) => {
      edit.publish(DELTA_EVENT);
      edit.setThreatLevel(DELTA_EVENT, 1);
    },
  },
  {
    before: "delta_attr_tag_timestamp",
    at: 1_795_297_609,
    shownBy: "delta_attr_tag_timestamp",
    apply: ({ edit }) => void edit.tagAttribute(DELTA_ATTRIBUTE, "tlp:amber"),
  },
  {
    before: "delta_sighting_timestamp",
    shownBy: "its name: a sighting moves nothing",
    apply: ({ edit }) => edit.addSighting(DELTA_ATTRIBUTE),
  },
  {
    before: "delta_toids_flip_with_to_ids1",
    shownBy: "delta_toids_flip_without_filter",
    apply: ({ edit }) => void edit.editAttribute(DELTA_ATTRIBUTE, { toIds: false }),
  },
  {
    before: "delta_soft_delete_default",
    shownBy: "delta_soft_delete_deleted01",
    apply: ({ edit }) => void edit.softDeleteAttribute(DELTA_ATTRIBUTE),
  },
  {
    before: "err_memory_limit_role64M",
    shownBy: "the missing X-Rate-Limit headers",
    apply: ({ state }) => {
      const limited = state.roles.get(7);
      if (limited) delete limited.rateLimit;
    },
  },
  {
    before: "sightings_add_identical_1",
    shownBy: "its id",
    apply: ({ state }) => state.seen("sighting", 554),
  },
];
