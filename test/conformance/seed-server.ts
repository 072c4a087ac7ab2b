import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_PEOPLE, type SimPeople } from "../support/misp-sim/defaults.ts";
import type { MispState } from "../support/misp-sim/state.ts";
import type { SimWarninglist } from "../support/misp-sim/state-knowledge.ts";
import type { Row } from "./harvest.ts";

/** The recorded server's users; keys are the names that the recordings carry in their place. */
export const PEOPLE: SimPeople = {
  orgs: DEFAULT_PEOPLE.orgs,
  roles: DEFAULT_PEOPLE.roles,
  users: [
    { id: 1, email: "admin@admin.test", orgId: 1, roleId: 1 },
    { id: 2, email: "readonly@lab.test", orgId: 1, roleId: 6 },
    { id: 3, email: "orguser@lab.test", orgId: 1, roleId: 3 },
    { id: 4, email: "partner@lab.test", orgId: 2, roleId: 3 },
    { id: 5, email: "limited@lab.test", orgId: 1, roleId: 7 },
    { id: 6, email: "publisher@lab.test", orgId: 1, roleId: 4 },
    { id: 7, email: "sync@lab.test", orgId: 1, roleId: 5 },
  ],
  keys: [
    { key: "APIKEY_ADMIN", userId: 1 },
    { key: "APIKEY_ADMIN_RO", userId: 1, readOnly: true },
    { key: "APIKEY_EXPIRING", userId: 1, expiration: Date.UTC(2026, 11, 31) / 1000 },
    { key: "APIKEY_IPLIMITED", userId: 1, allowedIps: ["10.9.9.9"] },
    { key: "APIKEY_READONLY", userId: 2 },
    { key: "APIKEY_ORGUSER", userId: 3 },
    { key: "APIKEY_PARTNER", userId: 4 },
    { key: "APIKEY_LIMITED", userId: 5 },
  ],
};

/** Tags as the server had them; `lab:added-by-api` is what a recording adds. */
export function putTags(state: MispState, index: Row): void {
  for (const tag of index["Tag"] as Row[]) {
    const number = tag["numerical_value"];
    state.putTag({
      id: Number(tag["id"]),
      name: String(tag["name"]),
      colour: String(tag["colour"]),
      exportable: tag["exportable"] === true,
      hideTag: tag["hide_tag"] === true,
      numericalValue: number === null ? null : Number(number),
      isGalaxy: tag["is_galaxy"] === true,
      isCustomGalaxy: tag["is_custom_galaxy"] === true,
      localOnly: tag["local_only"] === true,
      orgId: Number(tag["org_id"]),
      userId: Number(tag["user_id"]),
    });
  }
}

/**
 * Entries come from the public lists of the same name and version; of a list that is in neither form only the number of its
 * entries is known, and none was enabled.
 */
export function putWarninglists(state: MispState, index: Row, listsFolder: string): void {
  const lists = publicLists(listsFolder);
  for (const { Warninglist: list } of index["Warninglists"] as { Warninglist: Row }[]) {
    const held = lists.get(`${String(list["name"])} ${String(list["version"])}`);
    const count = Number(list["warninglist_entry_count"]);
    state.warninglists.set(Number(list["id"]), {
      id: Number(list["id"]),
      name: String(list["name"]),
      type: list["type"] as SimWarninglist["type"],
      description: String(list["description"]),
      version: Number(list["version"]),
      enabled: false,
      default: list["default"] === true,
      category: String(list["category"]),
      attributes: String(list["valid_attributes"]).split(", "),
      entries: held?.length === count ? held : Array.from({ length: count }, () => ""),
    });
  }
}

function publicLists(folder: string): Map<string, readonly string[]> {
  const lists = new Map<string, readonly string[]>();
  for (const name of readdirSync(folder)) {
    const content = JSON.parse(readFileSync(join(folder, name, "list.json"), "utf8")) as {
      name: string;
      version: number;
      list: string[];
    };
    lists.set(`${content.name} ${content.version}`, content.list);
  }
  return lists;
}

/** Entries of the enabled ones are what the tags show of them; of the others only their number is known. */
export function putTaxonomies(state: MispState, index: readonly Row[], tlp: Row, tags: Row): void {
  for (const each of index) {
    const { id, namespace, description, version, enabled, exclusive, required, highlighted } = each["Taxonomy"] as Row;
    const shown = namespace === "tlp" ? (tlp["entries"] as Row[]) : entriesOf(String(namespace), tags);
    const missing = Math.max(0, Number(each["total_count"]) - shown.length);
    state.taxonomies.set(Number(id), {
      id: Number(id),
      namespace: String(namespace),
      description: String(description),
      version: Number(version),
      enabled: enabled === true,
      exclusive: exclusive === true,
      required: required === true,
      highlighted: highlighted === true,
      entries: [
        ...shown.map(({ existing_tag: _, ...entry }) => entry),
        ...Array.from({ length: missing }, (_, i) => ({ tag: `${String(namespace)}:unknown-${i}`, expanded: "" })),
      ],
    });
  }
}

function entriesOf(namespace: string, tags: Row): Row[] {
  return (tags["Tag"] as Row[])
    .filter(({ Taxonomy: of }) => (of as Row | undefined)?.["namespace"] === namespace)
    .map(({ name, colour, Taxonomy: of }) => ({ tag: name, expanded: (of as Row)["expanded"], colour }));
}

export function putModels(state: MispState, index: readonly Row[]): void {
  for (const { DecayingModel: model } of index as readonly { DecayingModel: Row }[]) {
    state.decayingModels.set(Number(model["id"]), {
      id: Number(model["id"]),
      uuid: String(model["uuid"]),
      name: String(model["name"]),
      parameters: model["parameters"] as Row,
      attributeTypes: model["attribute_types"] as string[],
      enabled: model["enabled"] === true,
      description: String(model["description"]),
      orgId: Number(model["org_id"]),
      formula: String(model["formula"]),
      version: String(model["version"]),
      ref: model["ref"] as string[],
      allOrgs: model["all_orgs"] === true,
      isDefault: model["default"] === true,
    });
  }
}
