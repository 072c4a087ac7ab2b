import { TiplineError } from "../lib/errors.ts";
import type { JsonObject } from "../model/json.ts";

export type SearchScope = "attributes" | "events" | "objects" | "sightings";

/** Parameters that narrow a search; what MISP does not know (`id` on attributes) it ignores, and answers with everything. */
const NARROWING: ReadonlySet<string> = new Set([
  "eventid",
  "uuid",
  "value",
  "timestamp",
  "attribute_timestamp",
  "event_timestamp",
  "publish_timestamp",
  "last",
  "type",
  "tags",
  "org",
]);

/**
 * Refuses a filter that would not filter: no narrowing parameter, an empty value (which MISP takes as "no filter"), an empty
 * string inside a list (matches every row with an empty second half), or no positive limit (dumps and miscounts).
 */
export function checkFilter(scope: SearchScope, filter: JsonObject): void {
  const problem = filterProblem(scope, filter);
  if (problem !== undefined)
    throw new TiplineError("TIP_INTERNAL", `a search was about to ask MISP for everything: ${problem}`);
}

/** The same for a count, which has no rows to dump: a limit is enough, but an empty value is still refused. */
export function checkCount(scope: SearchScope, filter: JsonObject): void {
  const problem =
    filter["returnFormat"] === "count"
      ? filterProblem(scope, { ...filter, uuid: filter["uuid"] ?? "any" })
      : "no count is asked for";
  if (problem !== undefined)
    throw new TiplineError("TIP_INTERNAL", `a count was about to ask MISP for more: ${problem}`);
}

function filterProblem(scope: SearchScope, filter: JsonObject): string | undefined {
  const limit = filter["limit"];
  if (typeof limit !== "number" || !Number.isSafeInteger(limit) || limit < 1) return "expected a positive limit";
  const narrowing = Object.keys(filter).filter((key) => NARROWING.has(key) || (key === "id" && scope === "sightings"));
  if (narrowing.length === 0) return "no parameter narrows it";
  for (const key of narrowing) {
    const value = filter[key];
    const values = Array.isArray(value) ? value : [value];
    if (values.length === 0) return `${key} is an empty list`;
    if (values.some((one) => one === undefined || one === null || (typeof one === "string" && one.trim() === "")))
      return `${key} holds an empty value`;
  }
  return undefined;
}
