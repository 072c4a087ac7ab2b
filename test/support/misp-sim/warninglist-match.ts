import { BlockList, isIP, isIPv4 } from "node:net";
import type { SimWarninglist } from "./state-knowledge.ts";

interface Prepared {
  readonly exact: ReadonlySet<string>;
  readonly networks: readonly Network[];
}

interface Network {
  readonly entry: string;
  readonly family: "ipv4" | "ipv6";
  readonly list: BlockList;
}

const PREPARED = new WeakMap<readonly string[], Prepared>();

/**
 * The entry of the list that MISP says the value matched, or undefined. Strings match exactly, case included; a bare address
 * in a list of networks is reported with its prefix length; a network matches the one that holds it.
 */
export function warninglistEntry(list: SimWarninglist, value: string): string | undefined {
  const { exact, networks } = prepared(list);
  switch (list.type) {
    case "cidr":
      return network(exact, networks, value);
    case "hostname":
      return hostname(exact, value);
    case "string":
      return exact.has(value) ? value : undefined;
    case "substring":
      return list.entries.find((entry) => value.includes(entry));
    case "regex":
      return undefined;
  }
}

/** The value and, of a url, its host; each with its parents. */
function hostname(exact: ReadonlySet<string>, value: string): string | undefined {
  const host = /^[a-z][a-z0-9+.-]*:\/\/([^/:?#]+)/i.exec(value)?.[1] ?? value;
  const labels = host.replace(/\.$/, "").split(".");
  for (let from = 0; from < labels.length; from++) {
    const name = labels.slice(from).join(".");
    if (exact.has(name)) return name;
    if (exact.has(`.${name}`)) return `.${name}`;
  }
  return undefined;
}

function network(exact: ReadonlySet<string>, networks: readonly Network[], value: string): string | undefined {
  const [address = ""] = value.split("/", 1);
  if (isIP(address) === 0) return undefined;
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  if (exact.has(address)) return `${address}/${family === "ipv4" ? 32 : 128}`;
  return networks.find((held) => held.family === family && held.list.check(address, family))?.entry;
}

function prepared({ entries, type }: SimWarninglist): Prepared {
  const known = PREPARED.get(entries);
  if (known !== undefined) return known;
  const networks: Network[] = [];
  if (type === "cidr") {
    for (const entry of entries) {
      const [address = "", length] = entry.split("/", 2);
      if (length === undefined || isIP(address) === 0) continue;
      const family = isIPv4(address) ? "ipv4" : "ipv6";
      const list = new BlockList();
      list.addSubnet(address, Number(length), family);
      networks.push({ entry, family, list });
    }
  }
  const result = { exact: new Set(entries), networks };
  PREPARED.set(entries, result);
  return result;
}
