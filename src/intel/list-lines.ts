import type { Companion, IndicatorType } from "../model/indicator.ts";
import { canonicalize } from "./canonical.ts";
import { splitPort } from "./canonical-ip.ts";
import { isPublicTld } from "./hosts.ts";
import { canonicalIndicators, type IndicatorValue } from "./indicator-value.ts";
import type { Reading } from "./misp-types.ts";

/** Types a list may name; `auto` looks at each value. */
export const LIST_TYPES = [
  "auto",
  "ip",
  "domain",
  "hostname",
  "url",
  "email",
  "md5",
  "sha1",
  "sha224",
  "sha256",
  "sha384",
  "sha512",
  "imphash",
  "ja3",
  "x509",
  "filename",
  "path",
  "regkey",
  "mutex",
  "user-agent",
  "asn",
] as const;
export type ListType = (typeof LIST_TYPES)[number];

/** What MISP would call the type, and how it is read. */
interface ListReading {
  readonly attributeType: string;
  readonly category: string;
  readonly reading: Reading;
}

const NETWORK = "Network activity";
const PAYLOAD = "Payload delivery";
const ARTIFACTS = "Artifacts dropped";

const of = (attributeType: string, category: string, type: IndicatorType, weak = false): ListReading => ({
  attributeType,
  category,
  reading: {
    type,
    pattern: type === "domain" && attributeType === "domain" ? "subdomains" : "exact",
    ...(weak ? { weak } : {}),
  },
});

const READINGS: Readonly<Record<Exclude<ListType, "auto">, ListReading>> = {
  ip: of("ip-dst", NETWORK, "ip"),
  domain: of("domain", NETWORK, "domain"),
  hostname: of("hostname", NETWORK, "domain"),
  url: of("url", NETWORK, "url"),
  email: of("email", PAYLOAD, "email"),
  md5: of("md5", PAYLOAD, "md5"),
  sha1: of("sha1", PAYLOAD, "sha1"),
  sha224: of("sha224", PAYLOAD, "sha224"),
  sha256: of("sha256", PAYLOAD, "sha256"),
  sha384: of("sha384", PAYLOAD, "sha384"),
  sha512: of("sha512", PAYLOAD, "sha512"),
  imphash: of("imphash", PAYLOAD, "imphash", true),
  ja3: of("ja3-fingerprint-md5", NETWORK, "ja3", true),
  x509: of("x509-fingerprint-sha1", NETWORK, "x509"),
  filename: of("filename", PAYLOAD, "filename", true),
  path: of("filename", PAYLOAD, "path"),
  regkey: of("regkey", ARTIFACTS, "regkey"),
  mutex: of("mutex", ARTIFACTS, "mutex"),
  "user-agent": of("user-agent", NETWORK, "user-agent", true),
  asn: of("AS", NETWORK, "asn", true),
};

/** A MISP attribute type or one of ours, as a column may hold it; undefined for anything else. */
export function listType(word: string): ListType | undefined {
  const name = word.trim().toLowerCase();
  const aliases: Readonly<Record<string, ListType>> = {
    "ip-src": "ip",
    "ip-dst": "ip",
    ipv4: "ip",
    ipv6: "ip",
    cidr: "ip",
    fqdn: "domain",
    host: "hostname",
    "email-src": "email",
    "sha-1": "sha1",
    "sha-256": "sha256",
    as: "asn",
    "ja3-fingerprint-md5": "ja3",
    "x509-fingerprint-sha1": "x509",
    "ip:port": "ip",
    "ip-dst|port": "ip",
    "ip-src|port": "ip",
    "hostname|port": "hostname",
    md5_hash: "md5",
    sha1_hash: "sha1",
    sha256_hash: "sha256",
  };
  if (Object.hasOwn(aliases, name)) return aliases[name];
  return LIST_TYPES.find((type) => type === name);
}

/** The value's type by its looks: URL, network or address, hash by length, e-mail address, name. */
export function detectType(value: string): Exclude<ListType, "auto"> | undefined {
  if (/^[a-z]{2,10}(?:\[?:\]?)\/\//i.test(value)) return "url";
  if (!Array.isArray(canonicalIndicators({ type: "ip", pattern: "exact" }, value))) {
    for (const hash of ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] as const)
      if (canonicalize(hash, value) !== undefined) return hash;
    if (value.includes("@") || /\[at\]/i.test(value))
      return canonicalize("email", value) === undefined ? undefined : "email";
    const slash = value.indexOf("/");
    if (slash >= 0) return isHost(splitPort(value.slice(0, slash)).host) ? "url" : undefined;
    return isPublicName(splitPort(value).host) ? "domain" : undefined;
  }
  return "ip";
}

function isHost(text: string): boolean {
  return canonicalize("ip", text) !== undefined || isPublicName(text);
}

/** `setup.exe` would pass as a name: only public top-level domains are guessed. */
function isPublicName(text: string): boolean {
  const name = canonicalize("domain", text);
  return name !== undefined && isPublicTld(name.slice(name.lastIndexOf(".") + 1));
}

export interface ListValue {
  readonly attributeType: string;
  readonly category: string;
  readonly indicators: readonly IndicatorValue[];
  /** The port of `198.51.100.7:443`. */
  readonly companion?: Companion;
}

/** Reads one value of a list, or says why it cannot be used. */
export function readListValue(type: ListType, value: string): ListValue | string {
  const known = type === "auto" ? detectType(value) : type;
  if (known === undefined) return "neither an address, a name, a URL, an e-mail address nor a hash";
  const named = known === "domain" || known === "hostname";
  const { host, port } = named || known === "ip" ? splitPort(value) : { host: value };
  // With a port it is one host, as MISP's hostname|port is.
  const { reading, attributeType, category } = READINGS[named && port !== undefined ? "hostname" : known];
  const indicators = canonicalIndicators(reading, port === undefined ? value : host);
  if (typeof indicators === "string") return indicators;
  if (port === undefined) return { attributeType, category, indicators };
  return {
    attributeType: `${attributeType}|port`,
    category,
    indicators,
    companion: { kind: "port", value: String(port) },
  };
}
