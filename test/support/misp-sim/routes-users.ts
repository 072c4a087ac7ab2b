import type { JsonParameters, SimCall, SimRoute } from "./request.ts";
import { MispException, NO_PERMISSION, pretty, type SimResponse } from "./respond.ts";
import type { SimOrg, SimRole, SimUser } from "./state.ts";

export const USER_ROUTES: readonly SimRoute[] = [
  { method: "GET", pattern: "users/view", handle: view },
  { method: "GET", pattern: "organisations/index", handle: organisations },
  { method: "GET", pattern: "organisations", handle: organisations },
  { method: "GET", pattern: "servers/getVersion", handle: getVersion },
  { method: "GET", pattern: "servers/getPyMISPVersion", handle: () => oneLine({ version: VERSION }) },
  { method: "POST", pattern: "servers/postTest", handle: postTest },
  { method: "*", pattern: "servers/serverSettings", handle: refused },
  { method: "*", pattern: "admin/users", handle: refused },
];

/** Answered without a key. */
export function heartbeat(): SimResponse {
  return pretty({ message: "You must construct additional pylons." });
}

const VERSION = "2.5.1";
const SERVER_UUID = "4fce1005-de8b-4d9d-bf54-509b2607004b";

function getVersion({ role }: SimCall): SimResponse {
  return pretty({
    version: VERSION,
    pymisp_recommended_version: VERSION,
    perm_sync: role.sync,
    perm_sighting: role.sighting,
    perm_galaxy_editor: knowledge(role),
    perm_analyst_data: knowledge(role),
    uuid: role.siteAdmin ? SERVER_UUID : "-",
    request_encoding: ["gzip"],
    filter_sightings: true,
  });
}

function view({ args, sim, user, role }: SimCall): SimResponse {
  const wanted = args[0] === "me" ? user : role.siteAdmin ? sim.state.users.get(Number(args[0])) : undefined;
  if (wanted === undefined) throw new MispException(404, "Invalid user");
  const held = sim.state.roles.get(wanted.roleId) ?? role;
  return pretty({
    User: userRecord(wanted),
    Role: roleRecord(held),
    UserSetting: [],
    Organisation: orgRecord(sim.state.org(wanted.orgId)),
  });
}

function userRecord({ id, email, orgId, roleId }: SimUser): JsonParameters {
  return {
    id: String(id),
    password: "*****",
    org_id: String(orgId),
    email,
    autoalert: false,
    invited_by: "1",
    gpgkey: "",
    certif_public: "",
    nids_sid: String(4_000_000 + id),
    termsaccepted: true,
    newsread: "0",
    role_id: String(roleId),
    change_pw: false,
    contactalert: false,
    disabled: false,
    expiration: null,
    current_login: "0",
    last_login: "0",
    force_logout: false,
    date_created: "0",
    date_modified: "0",
    sub: null,
    external_auth_required: false,
    external_auth_key: "",
    last_api_access: "0",
    notification_daily: false,
    notification_weekly: false,
    notification_monthly: false,
    totp: "*****",
    hotp_counter: null,
    last_pw_change: "0",
    totp_is_set: "0",
  };
}

function roleRecord(role: SimRole): JsonParameters {
  const { siteAdmin: all } = role;
  return {
    id: String(role.id),
    name: role.name,
    created: ROW_DATE,
    modified: ROW_DATE,
    perm_add: role.add,
    perm_modify: role.modify,
    perm_modify_org: role.modifyOrg,
    perm_publish: role.publish,
    perm_delegate: role.publish,
    perm_sync: role.sync,
    perm_admin: all,
    perm_audit: true,
    perm_auth: true,
    perm_site_admin: all,
    perm_regexp_access: all,
    perm_tagger: role.tagger,
    perm_template: all,
    perm_sharing_group: all,
    perm_tag_editor: role.tagEditor,
    perm_sighting: role.sighting,
    perm_object_template: all,
    default_role: role.name === "User",
    memory_limit: null,
    max_execution_time: null,
    restricted_to_site_admin: false,
    perm_publish_zmq: all,
    perm_publish_kafka: all,
    perm_decaying: knowledge(role),
    enforce_rate_limit: role.rateLimit !== undefined,
    rate_limit_count: String(role.rateLimit ?? 0),
    perm_galaxy_editor: knowledge(role),
    perm_warninglist: all,
    perm_view_feed_correlations: all,
    perm_analyst_data: knowledge(role),
    perm_skip_otp: false,
    ...level(role),
  };
}

function level(role: SimRole): JsonParameters {
  if (role.publish) return { permission: "3", permission_description: "publish" };
  if (role.modifyOrg) return { permission: "2", permission_description: "manage_org" };
  if (role.add) return { permission: "1", permission_description: "manage" };
  return { permission: "0", permission_description: "read_only" };
}

/** Galaxy, decaying model and analyst data rights, which the recorded roles have exactly when they may add and have no limit. */
function knowledge(role: SimRole): boolean {
  return role.add && role.rateLimit === undefined;
}

const ROW_DATE = "2026-11-21 21:20:24";

function organisations({ sim }: SimCall): SimResponse {
  const users = [...sim.state.users.values()];
  return pretty(
    [...sim.state.orgs.values()].map((org) => ({
      Organisation: {
        ...orgRecord(org),
        user_count: String(users.filter(({ orgId }) => orgId === org.id).length),
        created_by_email: "Unknown",
      },
    })),
  );
}

function orgRecord({ id, name, uuid, local }: SimOrg): JsonParameters {
  return {
    id: String(id),
    name,
    date_created: ROW_DATE,
    date_modified: ROW_DATE,
    description: "",
    type: "",
    nationality: "",
    sector: "",
    created_by: "0",
    uuid,
    contacts: null,
    local,
    restricted_to_domain: [],
    landingpage: null,
  };
}

function postTest({ body }: SimCall): SimResponse {
  return pretty({
    body,
    headers: { "Content-type": "application/json", Accept: "application/json", Authorization: "OK" },
  });
}

/** Administration is for site admins, and is not simulated for them. */
function refused({ role }: SimCall): SimResponse {
  throw role.siteAdmin ? new MispException(404, "Not Found") : new MispException(403, NO_PERMISSION);
}

function oneLine(value: unknown): SimResponse {
  return { ...pretty(value), body: JSON.stringify(value) };
}
