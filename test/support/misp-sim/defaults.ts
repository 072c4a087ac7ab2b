import type { MispState, SimKey, SimOrg, SimRole, SimUser } from "./state.ts";

export const ORG_UUID = "38a9770a-221a-4613-a6ec-b2b9b045f5fd";
export const PARTNER_ORG_UUID = "5f0f3e6a-0000-4000-8000-0000000000b2";

/** Keys of the users below, all 40 characters. */
export const ADMIN_KEY = "0123456789abcdefghijABCDEFGHIJ0123456789";
export const READONLY_KEY = "readonly00readonly00readonly00readonly00";
export const PARTNER_KEY = "partner000partner000partner000partner000";
export const ORGUSER_KEY = "orguser000orguser000orguser000orguser000";
export const LIMITED_KEY = "limited000limited000limited000limited000";
export const ADMIN_READONLY_KEY = "adminro000adminro000adminro000adminro000";
export const EXPIRING_KEY = "expiring00expiring00expiring00expiring00";
export const EXPIRED_KEY = "expired000expired000expired000expired000";
export const IP_LIMITED_KEY = "iplimited0iplimited0iplimited0iplimited0";

/** Who may do what; the defaults are the organisations and the keys of the recorded server. */
export interface SimPeople {
  readonly orgs: readonly SimOrg[];
  readonly roles: readonly SimRole[];
  readonly users: readonly SimUser[];
  readonly keys: readonly SimKey[];
}

const NOTHING = {
  add: false,
  modify: false,
  modifyOrg: false,
  publish: false,
  tagger: false,
  tagEditor: false,
  sighting: false,
  sync: false,
  siteAdmin: false,
};
const USER = { ...NOTHING, add: true, modify: true, modifyOrg: true, tagger: true, sighting: true };
const ALL = { ...USER, publish: true, tagEditor: true, sync: true, siteAdmin: true };

export const DEFAULT_PEOPLE: SimPeople = {
  orgs: [
    { id: 1, uuid: ORG_UUID, name: "LAB-CERT", local: true },
    { id: 2, uuid: PARTNER_ORG_UUID, name: "PARTNER-ORG", local: true },
  ],
  roles: [
    { id: 1, name: "admin", ...ALL },
    { id: 2, name: "Org Admin", ...ALL, sync: false, siteAdmin: false },
    { id: 3, name: "User", ...USER },
    { id: 4, name: "Publisher", ...USER, publish: true },
    { id: 5, name: "Sync user", ...USER, publish: true, sync: true, tagEditor: true },
    { id: 6, name: "Read Only", ...NOTHING },
    { id: 7, name: "Limited", ...USER, rateLimit: 3 },
  ],
  users: [
    { id: 1, email: "admin@admin.test", orgId: 1, roleId: 1 },
    { id: 2, email: "readonly@lab.test", orgId: 1, roleId: 6 },
    { id: 3, email: "partner@partner.test", orgId: 2, roleId: 3 },
    { id: 4, email: "orguser@lab.test", orgId: 1, roleId: 3 },
    { id: 5, email: "limited@lab.test", orgId: 1, roleId: 7 },
  ],
  keys: [
    { key: ADMIN_KEY, userId: 1 },
    { key: READONLY_KEY, userId: 2 },
    { key: PARTNER_KEY, userId: 3 },
    { key: ORGUSER_KEY, userId: 4 },
    { key: LIMITED_KEY, userId: 5 },
    { key: ADMIN_READONLY_KEY, userId: 1, readOnly: true },
    { key: EXPIRING_KEY, userId: 1, expiration: Date.UTC(2026, 11, 31) / 1000 },
    { key: EXPIRED_KEY, userId: 1, expiration: Date.UTC(2020, 0, 1) / 1000 },
    { key: IP_LIMITED_KEY, userId: 1, allowedIps: ["10.9.9.9"] },
  ],
};

export function putPeople(state: MispState, people: Partial<SimPeople>): void {
  const { orgs, roles, users, keys } = { ...DEFAULT_PEOPLE, ...people };
  for (const org of orgs) state.putOrg(org);
  for (const role of roles) state.roles.set(role.id, { ...role });
  for (const user of users) state.users.set(user.id, user);
  for (const key of keys) state.keys.set(key.key, { ...key });
}
