import type { SimRoute } from "./request.ts";
import { ATTRIBUTE_ROUTES } from "./routes-attributes.ts";
import { BLOCKLIST_ROUTES } from "./routes-blocklists.ts";
import { EVENT_ROUTES } from "./routes-events.ts";
import { OBJECT_ROUTES } from "./routes-objects.ts";
import { SEARCH_ROUTES } from "./routes-search.ts";
import { SIGHTING_ROUTES } from "./routes-sightings.ts";
import { STATISTICS_ROUTES } from "./routes-statistics.ts";
import { TAG_ROUTES } from "./routes-tags.ts";
import { TAXONOMY_ROUTES } from "./routes-taxonomies.ts";
import { USER_ROUTES } from "./routes-users.ts";
import { WARNINGLIST_ROUTES } from "./routes-warninglists.ts";

/** Every route of the simulator; the first that fits answers. */
export const ROUTES: readonly SimRoute[] = [
  ...SEARCH_ROUTES,
  ...EVENT_ROUTES,
  ...STATISTICS_ROUTES,
  ...ATTRIBUTE_ROUTES,
  ...OBJECT_ROUTES,
  ...SIGHTING_ROUTES,
  ...WARNINGLIST_ROUTES,
  ...TAXONOMY_ROUTES,
  ...TAG_ROUTES,
  ...USER_ROUTES,
  ...BLOCKLIST_ROUTES,
];
