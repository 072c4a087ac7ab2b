import { domainToUnicode } from "node:url";
import { baseName, canonicalCidr } from "../intel/canonical.ts";
import { MISP_TYPES } from "../intel/misp-types.ts";
import { refang } from "../intel/refang.ts";
import type { IndicatorType } from "../model/indicator.ts";
import type { ObservableType } from "../model/observable.ts";
import { partsOf, readings } from "./lookup.ts";

/** Sorts of values that are asked for together. */
export type Sort = "network" | "hash" | "host";

const SORT_OF: Readonly<Record<IndicatorType, Sort>> = {
  ip: "network",
  domain: "network",
  url: "network",
  email: "network",
  md5: "hash",
  sha1: "hash",
  sha224: "hash",
  sha256: "hash",
  sha384: "hash",
  sha512: "hash",
  imphash: "hash",
  ja3: "hash",
  x509: "hash",
  filename: "host",
  path: "host",
  regkey: "host",
  mutex: "host",
  "user-agent": "host",
  asn: "host",
};

/** Attribute types that yield indicators of a sort: what a search for its values is narrowed to. */
export function attributeTypesOf(sort: Sort): readonly string[] {
  const types: string[] = [];
  for (const [attributeType, rule] of Object.entries(MISP_TYPES)) {
    const found =
      rule.kind === "single"
        ? [rule.type]
        : rule.kind === "composite"
          ? rule.halves.flatMap(({ alone }) => alone?.type ?? [])
          : [];
    if (found.some((type) => SORT_OF[type] === sort)) types.push(attributeType);
  }
  return types;
}

/** Widest networks that go live (wider ones are refused as dangerous), and the steps in which IPv6 networks are given out. */
const WIDEST_V4 = 16;
const WIDEST_V6 = 32;
const STEP_V6 = 4;
const MOST_LABELS = 12;

/**
 * Every spelling under which MISP may hold what covers a value, by sort: MISP compares whole texts (or whole halves of a
 * composite) and knows neither subdomains nor networks, so parent domains and the networks around an address are asked for by
 * name. Nothing is said here of what is safe to send.
 */
export function spellingsOf(raw: string): ReadonlyMap<Sort, readonly string[]> {
  const bySort = new Map<Sort, Map<string, string>>();
  for (const part of partsOf(raw.trim())) {
    for (const [type, canonical] of readings(part)) {
      if (type === "cve") continue;
      const sort = SORT_OF[type];
      const spellings = bySort.get(sort) ?? new Map<string, string>();
      bySort.set(sort, spellings);
      // The database compares without regard to case.
      for (const spelling of spelled(type, part.trim(), canonical)) spellings.set(spelling.toLowerCase(), spelling);
    }
  }
  return new Map([...bySort].map(([sort, spellings]) => [sort, [...spellings.values()]]));
}

function spelled(type: ObservableType, written: string, canonical: string): readonly string[] {
  switch (type) {
    case "ip":
      return [canonical, ...networksAround(canonical)];
    case "domain":
      return namesAbove(canonical);
    case "url":
      return urls(written, canonical);
    case "email":
      return [canonical, ...namesAbove(canonical.slice(canonical.lastIndexOf("@") + 1))];
    case "x509":
      return [written, canonical];
    case "regkey":
      return [written, canonical, longHive(canonical)];
    case "path":
      return [written, baseName(written), ...windows(canonical)];
    case "filename":
      return [written, canonical];
    case "asn":
      return [canonical, `AS${canonical}`];
    default:
      return [canonical];
  }
}

/** Of an address every network that may go live; of a network those at least as wide. */
function networksAround(value: string): readonly string[] {
  const [address = "", own] = value.split("/");
  const v6 = address.includes(":");
  const narrowest = own === undefined ? (v6 ? 127 : 31) : Number(own);
  const networks: string[] = [];
  for (let prefix = v6 ? WIDEST_V6 : WIDEST_V4; prefix <= narrowest; prefix += v6 ? STEP_V6 : 1)
    networks.push(canonicalCidr(`${address}/${prefix}`) ?? "");
  return networks.filter((network) => network !== "");
}

/** The name and every name above it down to two labels, each also as it is written in its own script. */
function namesAbove(name: string): readonly string[] {
  const names: string[] = [];
  const labels = name.split(".");
  for (let from = Math.max(0, labels.length - MOST_LABELS); from < labels.length - 1; from++)
    names.push(labels.slice(from).join("."));
  if (!names.includes(name)) names.unshift(name);
  return [...names, ...names.map((each) => domainToUnicode(each)).filter((each) => each !== "")];
}

/** As written, canonical, without the slash that stands for an empty path, and without the scheme (MISP takes any text). */
function urls(written: string, canonical: string): readonly string[] {
  const spellings = [written, refang(written), canonical];
  const bare = canonical.replace(/^[a-z][a-z0-9+.-]{0,20}:\/\//, "");
  spellings.push(bare);
  if (bare.indexOf("/") === bare.length - 1) spellings.push(canonical.slice(0, -1), bare.slice(0, -1));
  return spellings;
}

const HIVES = new Map([
  ["hklm", "HKEY_LOCAL_MACHINE"],
  ["hkcu", "HKEY_CURRENT_USER"],
  ["hku", "HKEY_USERS"],
  ["hkcr", "HKEY_CLASSES_ROOT"],
  ["hkcc", "HKEY_CURRENT_CONFIG"],
]);

function longHive(key: string): string {
  const slash = key.indexOf("\\");
  return `${HIVES.get(key.slice(0, slash)) ?? key.slice(0, slash)}${key.slice(slash)}`;
}

/** A canonical path has slashes; Windows writes the other ones. */
function windows(path: string): readonly string[] {
  return /^[a-z]:\//.test(path) ? [path.replaceAll("/", "\\")] : [path];
}
