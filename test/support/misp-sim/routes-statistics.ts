import type { SimCall, SimRoute } from "./request.ts";
import { pretty, type SimResponse } from "./respond.ts";

export const STATISTICS_ROUTES: readonly SimRoute[] = [
  { method: "GET", pattern: "attributes/attributeStatistics", handle: byType },
];

/** Attributes of the whole server by type, the deleted ones too, whoever may read them. */
function byType({ sim }: SimCall): SimResponse {
  const counts = new Map<string, number>();
  for (const { type } of sim.state.attributes.values()) counts.set(type, (counts.get(type) ?? 0) + 1);
  return pretty(Object.fromEntries([...counts].sort().map(([type, count]) => [type, String(count)])));
}
