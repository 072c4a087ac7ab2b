import type { Json } from "./render.ts";
import { MispException, type SimResponse } from "./respond.ts";
import { findAttributes, type Row, renderRow } from "./search-attributes.ts";
import { decayAsked, decayScores, renderSightings, warnings } from "./search-extras.ts";
import type { Search } from "./search-filter.ts";
import { resultCount, truthy } from "./search-terms.ts";
import { fullValue } from "./state.ts";

/** Formats that are answered; the others of MISP are not simulated. */
const FORMATS: Readonly<Record<string, { readonly type: string; readonly name: string }>> = {
  json: { type: "application/json; charset=UTF-8", name: "json" },
  count: { type: "text/plain; charset=UTF-8", name: "txt" },
  text: { type: "text/plain; charset=UTF-8", name: "txt" },
};

/** `/attributes/restSearch`. */
export function answerAttributes(asked: Search): SimResponse {
  const format = readFormat(asked.params);
  /** Formats for detection leave out what is not meant for it. */
  const search = format === "text" ? { ...asked, params: { to_ids: 1, ...asked.params } } : asked;
  const { params } = search;
  /** Text at once: an answer may have 300,000 rows. */
  const rows: string[] = [];
  let skipped = 0;
  for (const row of findAttributes(search)) {
    const extras = extrasOf(search, row);
    if (extras === undefined) skipped++;
    else if (format === "json") rows.push(JSON.stringify(renderRow(search, row, extras)));
    else rows.push(format === "text" ? `${fullValue(row.attribute)}\n` : "");
  }
  const limit = truthy(params["limit"]) ? params["limit"] : search.state.blockRows;
  const count = rows.length === 0 && limit !== params["limit"] ? skipped : resultCount(limit, rows.length, skipped);
  if (format === "count") return searchResponse(format, String(rows.length), count, skipped);
  if (format === "text") return searchResponse(format, rows.join(""), count, skipped);
  return searchResponse(format, `{"response": {"Attribute": [${rows.join(",")}]}}\n`, count, skipped);
}

/** Undefined: the row is dropped, after paging. */
function extrasOf(search: Search, row: Row): Json | undefined {
  const extras: Json = {};
  const { state, params, caller, now } = search;
  if (truthy(params["enforceWarninglist"]) || truthy(params["includeWarninglistHits"])) {
    const hits = warnings(state, row.attribute);
    if (hits.length > 0 && truthy(params["enforceWarninglist"])) return undefined;
    if (hits.length > 0 && row.attribute.toIds) extras["warnings"] = hits;
  }
  const decay = decayAsked(params);
  if (decay.show) {
    const floor = params["score"] === undefined ? {} : { floor: Number(params["score"]) };
    const full = truthy(params["includeFullModel"]);
    const scores = decayScores(state, row, now, { models: params["decayingModel"], full, ...floor });
    if (scores.decayed && decay.drop) return undefined;
    if (scores.rendered.length > 0) extras["decay_score"] = scores.rendered;
  }
  if (truthy(params["includeSightings"])) extras["Sighting"] = renderSightings(state, caller, row);
  return extras;
}

export function readFormat(params: Search["params"]): string {
  const format = String(params["returnFormat"] ?? "json");
  if (!Object.hasOwn(FORMATS, format)) throw new MispException(404, "Invalid output format.");
  return format;
}

export function searchResponse(
  format: string,
  body: string,
  count: number,
  skipped: number,
  extra: Readonly<Record<string, string>> = {},
): SimResponse {
  const { type, name } = FORMATS[format] ?? { type: "text/plain", name: format };
  return {
    status: 200,
    headers: {
      "Content-Type": type,
      "X-Result-Count": String(count),
      "X-Export-Module-Used": format,
      "X-Response-Format": name,
      "X-Skipped-Elements-Count": String(skipped),
      ...extra,
    },
    body,
  };
}
