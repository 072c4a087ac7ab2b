import { canonicalCidr, canonicalize } from "../intel/canonical.ts";
import { parseUrl } from "../intel/canonical-url.ts";
import type { Generation } from "../intel/generation.ts";
import { refang } from "../intel/refang.ts";
import type { Indicator } from "../model/indicator.ts";
import type { CanonicalValue, ObservableType } from "../model/observable.ts";
import { coveringIndicators } from "./covering.ts";

/** Order in which a bare value is tried; the first type that an indicator covers names the answer. */
const TYPES: readonly ObservableType[] = [
  "ip",
  "url",
  "email",
  "sha256",
  "sha1",
  "md5",
  "sha512",
  "sha384",
  "sha224",
  "imphash",
  "ja3",
  "x509",
  "domain",
  "regkey",
  "path",
  "filename",
  "cve",
  "asn",
  "mutex",
  "user-agent",
];
const MOST_LENGTH = 8192;

/** What is known of one value, however it was spelled. */
export interface LookupResult {
  readonly value: string;
  /** Type and canonical spelling of what matched, or the likeliest reading when nothing did; undefined: not an observable. */
  readonly type?: ObservableType;
  readonly canonical?: string;
  readonly indicators: readonly Indicator[];
  /** Alerts are not matched against it, and why (private address, own domain …). */
  readonly notLookedUp?: string;
  readonly warninglists: readonly { readonly name: string; readonly action: string }[];
}

/**
 * Looks a value up as an analyst would type or paste it: defanged, with a port, in upper case, or a composite as MISP shows
 * it (`name.dll|<sha256>`, whose halves are tried in turn). Every type it can be is tried, and after a URL its host.
 */
export function lookupValue(raw: string, generation: Generation): LookupResult {
  const value = raw.trim().slice(0, MOST_LENGTH);
  let likeliest: LookupResult | undefined;
  for (const part of partsOf(value)) {
    for (const [type, canonical] of readings(part)) {
      const indicators = covering(type, canonical, generation);
      const result = describe(value, type, canonical, indicators, generation);
      if (indicators.length > 0) return result;
      likeliest ??= result;
    }
  }
  return likeliest ?? { value, indicators: [], warninglists: [] };
}

/** The value, the halves of a composite, and the host of a URL: alerts are matched on that as well. */
export function partsOf(value: string): readonly string[] {
  const parts = value.includes("|") ? [value, ...value.split("|").slice(0, 4)] : [value];
  const host = hostOf(value);
  return host === undefined ? parts : [...parts, host];
}

function hostOf(value: string): string | undefined {
  return canonicalCidr(refang(value)) === undefined ? parseUrl(value)?.host : undefined;
}

/** For a network: the indicators that cover all of it. */
function covering(type: ObservableType, canonical: CanonicalValue, generation: Generation): readonly Indicator[] {
  const [address, prefix] = type === "ip" ? canonical.split("/") : [];
  if (address === undefined || prefix === undefined) return coveringIndicators(type, canonical, generation);
  return generation.index
    .lookup("ip", address as CanonicalValue)
    .filter(({ pattern, value }) => pattern === "cidr" && Number(value.split("/")[1]) <= Number(prefix));
}

/** Every type that a text can be, with its canonical spelling. */
export function* readings(part: string): Iterable<readonly [ObservableType, CanonicalValue]> {
  const network = part.includes("/") ? canonicalCidr(refang(part)) : undefined;
  if (network !== undefined) yield ["ip", network];
  for (const type of TYPES) {
    const canonical = canonicalize(type, part);
    if (canonical !== undefined) yield [type, canonical];
  }
}

function describe(
  value: string,
  type: ObservableType,
  canonical: CanonicalValue,
  indicators: readonly Indicator[],
  { policy, warninglists }: Generation,
): LookupResult {
  const attributeTypes = indicators.flatMap(({ reports }) => reports.map(({ attributeType }) => attributeType));
  const notLookedUp = canonical.includes("/") && type === "ip" ? undefined : policy.notLookedUp(type, canonical);
  return {
    value,
    type,
    canonical,
    indicators,
    ...(notLookedUp === undefined ? {} : { notLookedUp }),
    warninglists: warninglists.check(type, canonical, attributeTypes),
  };
}

/** Every indicator that an event (numeric id or uuid, on any feed) reports. Reads the whole index: seconds, not milliseconds. */
export function* indicatorsOfEvent(event: string, generation: Generation): Iterable<Indicator> {
  const wanted = event.toLowerCase();
  for (const indicator of generation.index.all()) {
    const reports = indicator.reports.filter(
      ({ event: { id, uuid } }) => id === wanted || uuid.toLowerCase() === wanted,
    );
    if (reports.length > 0) yield { ...indicator, reports };
  }
}
