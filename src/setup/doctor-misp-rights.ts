import type { Misp } from "../clients/misp.ts";
import { get, type JsonObject, text } from "../model/json.ts";
import { type Check, fail, failedBy, ok, warn } from "./checks.ts";

export interface RightsSubject {
  readonly misp: Misp;
  readonly sightings: boolean;
  /** Command that puts another key in the place of this one, and into force. */
  readonly newKey?: string | undefined;
}

/** Rights that Tipline never uses, in MISP's words and for people. */
const UNUSED: readonly (readonly [string, string])[] = [
  ["perm_site_admin", "site admin"],
  ["perm_admin", "admin"],
  ["perm_sync", "sync"],
  ["perm_publish", "publish"],
  ["perm_modify_org", "modify organisation events"],
  ["perm_modify", "modify own events"],
  ["perm_add", "add"],
  ["perm_tagger", "tag"],
  ["perm_delegate", "delegate"],
  ["perm_galaxy_editor", "edit galaxies"],
  ["perm_warninglist", "edit warninglists"],
];

/** What a role that may write sightings always has beside them: MISP's own role User. */
const WITH_SIGHTINGS: ReadonlySet<string> = new Set([
  "perm_add",
  "perm_modify",
  "perm_modify_org",
  "perm_tagger",
  "perm_galaxy_editor",
]);

/** Whose key it is, what it may do, what of that Tipline needs, and how often it may ask. */
export async function* mispRights(
  { misp, sightings, newKey }: RightsSubject,
  signal: AbortSignal,
): AsyncGenerator<Check> {
  let me: JsonObject;
  try {
    me = await misp.get("/users/view/me", signal);
  } catch (thrown) {
    const failed = failedBy("user", thrown, "the rights of the key cannot be seen; all else may work");
    yield { ...failed, status: "warn" };
    return;
  }
  const role = get(me, "Role");
  const name = text(role, "name") ?? "?";
  yield ok("user", `${text(me, "User", "email") ?? "?"} of ${text(me, "Organisation", "name") ?? "?"}, role ${name}`);
  const may = (right: string) => get(role, right) === true || get(role, right) === "1";
  if (sightings && !may("perm_sighting"))
    yield fail(
      "rights",
      `role ${name} may not write sightings`,
      "give the user a role with perm_sighting, or set sightings: false",
    );
  else yield needs(name, may, sightings, newKey);
  yield limits(role, misp);
}

function needs(role: string, may: (right: string) => boolean, sightings: boolean, newKey: string | undefined): Check {
  const then = newKey === undefined ? "" : `, then ${newKey}`;
  const can = sightings ? "read and write sightings, all that is needed" : "read, all that is needed";
  const spare = UNUSED.filter(([right]) => may(right) && !(sightings && WITH_SIGHTINGS.has(right))).map(
    ([, word]) => word,
  );
  if (!sightings && may("perm_sighting")) spare.push("sightings");
  if (spare.length === 0) return ok("rights", can);
  return warn(
    "rights",
    `${can}; and more: ${spare.join(", ")}`,
    sightings
      ? `a role with nothing but perm_sighting is enough, not ${role}${then}`
      : `a user with the role Read Only is enough, not ${role}; or make the key read-only${then}`,
  );
}

function limits(role: JsonObject[string] | undefined, misp: Misp): Check {
  const enforced = get(role, "enforce_rate_limit") === true || get(role, "enforce_rate_limit") === "1";
  const said = misp.status().rateLimit.limit;
  const limit = enforced ? Number(text(role, "rate_limit_count") ?? 0) : said;
  if (limit === undefined) return ok("rate limit", "none");
  const found = `${limit} searches in 15 minutes`;
  if (limit === 0) return fail("rate limit", found, "raise rate_limit_count of the role: it may not search at all");
  return limit < 1000
    ? warn("rate limit", found, "a first sync asks for more: raise rate_limit_count of the role, or expect it to wait")
    : ok("rate limit", found);
}
