import type { Config } from "../config/load.ts";
import type { AgeRules } from "../intel/standing.ts";
import { DEFAULT_EXPIRY, NEVER_EXPIRES } from "../model/expiry.ts";
import { get, type JsonValue } from "../model/json.ts";

/** Lists say nothing about when a value was seen, so that without a word in the configuration theirs never expire. */
const UNDATED: ReadonlySet<string> = new Set(["list-file"]);

/** What of a configuration says something about age; of `settings` only `filters.max_age` counts. */
export interface AgedConfig {
  readonly feeds: readonly {
    readonly name: string;
    readonly definition: { readonly type: string };
    readonly settings: unknown;
    readonly common: Pick<Config["feeds"][number]["common"], "expiry">;
  }[];
}

/**
 * What the configuration says about the age of each feed's reports, by the feed's name. Without a configuration nothing expires:
 * whoever names a feed on the command line means what is in it.
 */
export function ageRules(config: AgedConfig | undefined): ReadonlyMap<string, AgeRules> {
  return new Map(
    (config?.feeds ?? []).map(({ name, definition, settings, common }) => {
      const expiry = common.expiry ?? (UNDATED.has(definition.type) ? NEVER_EXPIRES : DEFAULT_EXPIRY);
      const maxAge = get(settings as JsonValue, "filters", "max_age");
      return [name, { expiry, ...(typeof maxAge === "number" ? { maxAge } : {}) }];
    }),
  );
}
