import type { MispState } from "../support/misp-sim/state.ts";
import { parse, type Row, rowsIn } from "./harvest.ts";
import type { Recording } from "./recordings.ts";

/** Clusters as answers print them, by the tag that each stands behind. */
export function putGalaxies(state: MispState, recordings: readonly Recording[]): void {
  const indexes = new Map<string, Row>();
  const inEvents = new Map<string, { galaxy: Row; cluster: Row }>();
  for (const { response } of recordings) {
    for (const row of rowsIn(parse(response.body))) {
      for (const each of rowsOf(row["GalaxyCluster"])) {
        const name = String(each["tag_name"] ?? "");
        if ("event_tag_id" in each || "attribute_tag_id" in each) {
          const { GalaxyCluster: _, ...galaxy } = row;
          if (!inEvents.has(name)) inEvents.set(name, { galaxy, cluster: own(each) });
        } else if ("tag_id" in each) indexes.set(name, own(each));
      }
    }
  }
  for (const [name, { galaxy, cluster }] of inEvents) {
    const tag = state.tagNamed(name);
    if (tag) state.galaxyClusters.set(tag.id, { galaxy, cluster, index: indexes.get(name) ?? {} });
  }
}

/** Without what the link from the tag adds. */
function own(cluster: Row): Row {
  const { tag_id: _t, event_tag_id: _e, attribute_tag_id: _a, local: _l, relationship_type: _r, ...rest } = cluster;
  return rest;
}

function rowsOf(value: unknown): Row[] {
  return Array.isArray(value) ? (value as Row[]) : [];
}
