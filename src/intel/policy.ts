import { BlockList, isIP } from "node:net";
import type { CanonicalValue, ObservableType } from "../model/observable.ts";
import { addressRange } from "./address-ranges.ts";

/** An analyst's own suppression (`tipline allow`). */
export interface AllowEntry {
  readonly type: ObservableType;
  readonly value: CanonicalValue;
  readonly reason: string;
  /** Only for this entity key. */
  readonly entity?: string;
  /** Epoch milliseconds. */
  readonly expires?: number;
  readonly createdAt: number;
  readonly by: string;
}

/** What belongs to the user (`own:` in the configuration), in canonical spelling. */
export interface OwnAssets {
  /** `address/prefix` or single addresses. */
  readonly networks: readonly string[];
  /** Each covers its subdomains. */
  readonly domains: readonly CanonicalValue[];
  readonly hashes: readonly CanonicalValue[];
  /** Look documentation ranges (RFC 5737, 3849) up like any other address: for test beds. */
  readonly matchDocumentation: boolean;
}

/** The user's side of a judgement: what is theirs and what they allowed. Pure lookups. */
export interface Policy {
  /** Why the value is not looked up at all (private range, own domain, own hash), or undefined. */
  notLookedUp(type: ObservableType, value: CanonicalValue): string | undefined;
  /** Why a match on the value is the user's own (a public address of theirs in an indicator), or undefined. */
  own(type: ObservableType, value: CanonicalValue): string | undefined;
  /** The allow entry in force for the value (or a parent domain of it) on this entity at this time. */
  allowed(type: ObservableType, value: CanonicalValue, entity: string, time: number): AllowEntry | undefined;
}

export const NO_OWN_ASSETS: OwnAssets = { networks: [], domains: [], hashes: [], matchDocumentation: false };

function* nameAndParents(name: string): Iterable<string> {
  yield name;
  for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) yield name.slice(dot + 1);
}

function networkList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function key(type: ObservableType, value: string): string {
  return `${type}\n${value}`;
}

/** Policy of a configuration; `own.networks` must be valid (the configuration checks them). */
export function createPolicy(own: OwnAssets, allow: readonly AllowEntry[]): Policy {
  const networks = networkList(own.networks);
  const domains = new Set<string>(own.domains);
  const hashes = new Set<string>(own.hashes);
  const allowByKey = groupByKey(allow);
  return {
    notLookedUp(type, value) {
      if (type === "ip") {
        const range = addressRange(value);
        if (range === undefined || (range === "documentation" && own.matchDocumentation)) return undefined;
        return `${range} address`;
      }
      if (type === "domain" && domains.size > 0) {
        for (const name of nameAndParents(value)) if (domains.has(name)) return `own domain ${name}`;
      }
      return hashes.has(value) ? "own hash" : undefined;
    },
    own(type, value) {
      if (type !== "ip" || own.networks.length === 0) return undefined;
      return networks.check(value, value.includes(":") ? "ipv6" : "ipv4") ? "address of your own network" : undefined;
    },
    allowed(type, value, entity, time) {
      if (allowByKey.size === 0) return undefined;
      const names = type === "domain" ? nameAndParents(value) : [value];
      for (const name of names) {
        const entry = allowByKey.get(key(type, name))?.find((candidate) => inForce(candidate, entity, time));
        if (entry) return entry;
      }
      return undefined;
    },
  };
}

function inForce(entry: AllowEntry, entity: string, time: number): boolean {
  return (
    (entry.entity === undefined || entry.entity === entity) && (entry.expires === undefined || time < entry.expires)
  );
}

function groupByKey(allow: readonly AllowEntry[]): Map<string, AllowEntry[]> {
  const groups = new Map<string, AllowEntry[]>();
  for (const entry of allow) {
    const group = groups.get(key(entry.type, entry.value));
    if (group) group.push(entry);
    else groups.set(key(entry.type, entry.value), [entry]);
  }
  return groups;
}
