import type { Tlp } from "../model/indicator.ts";
import { get, isJsonObject, type JsonValue, member, text } from "../model/json.ts";

/** Tags kept of one event or attribute, and their length; what lies beyond is dropped. */
export const MAX_TAGS = 200;
const MAX_TAG_LENGTH = 300;

const TLP_ORDER: readonly Tlp[] = ["clear", "green", "amber", "amber+strict", "red"];
/** `tlp:white` is TLP 1.0's word for clear; `tlp:ex:chr` and the like are not TLP. */
const TLP_WORDS: ReadonlyMap<string, Tlp> = new Map([
  ...TLP_ORDER.map((tlp) => [tlp, tlp] as const),
  ["white", "clear"],
  ["amber-strict", "amber+strict"],
]);

const TECHNIQUE = /^misp-galaxy:mitre-(?:[a-z]{1,20}-){0,4}attack-pattern="[^"]{0,250} - (T\d{4}(?:\.\d{3})?)"$/i;

/** Strictest TLP among the tags, or undefined when none is a TLP tag. */
export function tlpOf(tags: readonly string[]): Tlp | undefined {
  let strictest = -1;
  for (const tag of tags) {
    const match = /^tlp:\s{0,4}"?([a-z+-]{3,12})"?$/i.exec(tag.trim());
    const tlp = match?.[1] === undefined ? undefined : TLP_WORDS.get(match[1].toLowerCase());
    if (tlp !== undefined) strictest = Math.max(strictest, TLP_ORDER.indexOf(tlp));
  }
  return TLP_ORDER[strictest];
}

/** True when `tlp` restricts more than `ceiling`. */
export function tlpExceeds(tlp: Tlp, ceiling: Tlp): boolean {
  return TLP_ORDER.indexOf(tlp) > TLP_ORDER.indexOf(ceiling);
}

const PAP_ORDER = ["clear", "green", "amber", "red"] as const;
/** Permissible Actions Protocol, in rising order of restriction. */
export type Pap = (typeof PAP_ORDER)[number];

/** Strictest PAP among the tags (`PAP:WHITE` is clear), or undefined when none is a PAP tag. */
export function papOf(tags: readonly string[]): Pap | undefined {
  let strictest = -1;
  for (const tag of tags) {
    const word = /^pap:\s{0,4}"?([a-z]{3,5})"?$/i.exec(tag.trim())?.[1]?.toLowerCase();
    if (word !== undefined)
      strictest = Math.max(strictest, PAP_ORDER.indexOf((word === "white" ? "clear" : word) as Pap));
  }
  return PAP_ORDER[strictest];
}

/** True when `pap` restricts more than `ceiling`. */
export function papExceeds(pap: Pap, ceiling: Pap): boolean {
  return PAP_ORDER.indexOf(pap) > PAP_ORDER.indexOf(ceiling);
}

/** ATT&CK technique ids named by galaxy tags, in order, each once: `T1059.001`. */
export function mitreOf(tags: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const tag of tags) {
    const id = TECHNIQUE.exec(tag)?.[1];
    if (id !== undefined) found.add(id.toUpperCase());
  }
  return [...found];
}

const TAG_MEMBERS = ["Tag", "EventTag", "AttributeTag", "Galaxy", "GalaxyCluster"];
const NO_TAGS: readonly string[] = [];

/**
 * Tag names of an event or attribute of any export shape: `Tag: [{name}]`, `EventTag`/`AttributeTag: [{Tag: {name}}]`, plain
 * strings, and galaxy clusters whose tag is missing. Tags an attribute inherits from its event are left to the event.
 */
export function tagNames(record: JsonValue): readonly string[] {
  if (!TAG_MEMBERS.some((key) => member(record, key) !== undefined)) return NO_TAGS;
  const names = new Set<string>();
  const add = (name: string | undefined) => {
    const clean = name?.trim().slice(0, MAX_TAG_LENGTH);
    if (clean && names.size < MAX_TAGS) names.add(clean);
  };
  for (const tag of list(member(record, "Tag"))) {
    if (typeof tag === "string") add(tag);
    else if (!text(tag, "inherited")?.match(/^(?:1|true)$/)) add(stringOf(tag, "name"));
  }
  for (const key of ["EventTag", "AttributeTag"])
    for (const link of list(member(record, key))) add(stringOf(get(link, "Tag"), "name"));
  for (const galaxy of list(member(record, "Galaxy")))
    for (const cluster of list(get(galaxy, "GalaxyCluster"))) add(clusterTag(cluster));
  for (const cluster of list(member(record, "GalaxyCluster"))) add(clusterTag(cluster));
  return [...names];
}

function clusterTag(cluster: JsonValue): string | undefined {
  const name = stringOf(cluster, "tag_name");
  if (name !== undefined) return name;
  const type = stringOf(cluster, "type");
  const value = stringOf(cluster, "value");
  return type === undefined || value === undefined ? undefined : `misp-galaxy:${type}="${value}"`;
}

/** Where an analyst opens the event on its server. */
export function eventLink(baseUrl: string, idOrUuid: string): string {
  return `${baseUrl.replace(/\/{1,8}$/, "")}/events/view/${encodeURIComponent(idOrUuid)}`;
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value.slice(0, MAX_TAGS * 5) : [];
}

function stringOf(value: JsonValue | undefined, key: string): string | undefined {
  if (!isJsonObject(value)) return undefined;
  const found = get(value, key);
  return typeof found === "string" && found !== "" ? found : undefined;
}
