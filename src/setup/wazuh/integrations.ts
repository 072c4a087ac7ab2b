import type { OssecConf } from "./ossec-conf.ts";
import type { XmlNode } from "./xml.ts";

/** What integratord compares an alert with, as written; all that are given must hold. */
export interface IntegrationFilters {
  /** Least level of the alert's rule. */
  readonly level?: string;
  /** Ids, separated by commas. */
  readonly ruleId?: string;
  /** Names, separated by commas, compared exactly: a space before a name is part of it. */
  readonly group?: string;
  readonly eventLocation?: string;
}

/** An `<integration>` of ossec.conf. Its key is not kept: only that there is one. */
export interface Integration {
  readonly name: string;
  readonly filters: IntegrationFilters;
  readonly json: boolean;
  readonly hasApiKey: boolean;
  readonly hookUrl: string | undefined;
  /** Names of what else is set and means something to the script alone: `options`, `timeout` … */
  readonly settings: readonly string[];
  readonly node: XmlNode;
}

/** Element names of the filters, in the order in which they are written. */
const FILTERS = [
  ["level", "level"],
  ["rule_id", "ruleId"],
  ["group", "group"],
  ["event_location", "eventLocation"],
] as const satisfies readonly (readonly [string, keyof IntegrationFilters])[];

/** What integratord hands on to a script; the hook takes none of it. */
const SETTINGS = ["options", "timeout", "retries", "max_log"];

/** All integrations, in the order in which integratord asks them. */
export function integrationsOf(conf: OssecConf): readonly Integration[] {
  return conf.all("integration").map(integrationOf);
}

/**
 * The blocks of a name. Where none has it, those of the same name with or without `.py`: Wazuh's wrapper `custom-misp` runs
 * `custom-misp.py`, and people mean both by either.
 */
export function blocksNamed(all: readonly Integration[], wanted: string): readonly Integration[] {
  const exact = all.filter(({ name }) => name === wanted);
  return exact.length > 0 ? exact : all.filter(({ name }) => stem(name) === stem(wanted));
}

const stem = (name: string) => name.replace(/\.py$/, "");

/** The community's MISP lookups are copied under many names: `custom-misp`, `custom-misp.py`, `custom-misp_sysmon` … */
export function isMispIntegration({ name }: Integration): boolean {
  return /^custom-[A-Za-z0-9._-]{0,60}misp/i.test(name);
}

/** The filters as elements. The text is the file's own, so nothing is escaped anew. */
export function filterLines(filters: IntegrationFilters): readonly string[] {
  return FILTERS.flatMap(([element, member]) => {
    const text = filters[member];
    return text === undefined ? [] : [`<${element}>${text}</${element}>`];
  });
}

/** Neither rules, groups nor places: at most a level. */
export function takesEverything({ ruleId, group, eventLocation }: IntegrationFilters): boolean {
  return ruleId === undefined && group === undefined && eventLocation === undefined;
}

function integrationOf(node: XmlNode): Integration {
  // integratord keeps the last of each.
  const values = new Map(node.children.map(({ name, text }) => [name, text] as const));
  const filters: { -readonly [K in keyof IntegrationFilters]: string } = {};
  for (const [element, member] of FILTERS) {
    const text = values.get(element);
    if (text !== undefined && text.trim() !== "") filters[member] = text;
  }
  return {
    name: (values.get("name") ?? "").trim(),
    filters,
    json: (values.get("alert_format") ?? "").startsWith("json"),
    hasApiKey: (values.get("api_key") ?? "").trim() !== "",
    hookUrl: values.get("hook_url")?.trim() || undefined,
    settings: SETTINGS.filter((element) => (values.get(element) ?? "").trim() !== ""),
    node,
  };
}
