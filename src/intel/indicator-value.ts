import type { IndicatorPattern, IndicatorType } from "../model/indicator.ts";
import type { CanonicalValue } from "../model/observable.ts";
import { canonicalCidr, canonicalize } from "./canonical.ts";
import type { Reading } from "./misp-types.ts";
import { refang } from "./refang.ts";

const SCHEME = /^\s{0,8}[a-z][a-z0-9+.-]{1,15}:\/\//i;

/** A value ready for the index. */
export interface IndicatorValue {
  readonly type: IndicatorType;
  readonly pattern: IndicatorPattern;
  readonly value: CanonicalValue;
  readonly weak: boolean;
}

/** The value as indicators of the reading's type (a URL without scheme is two), or the reason why it cannot be one. */
export function canonicalIndicators(reading: Reading, value: string): readonly IndicatorValue[] | string {
  const weak = reading.weak ?? false;
  if (reading.type === "ip" && value.includes("/")) {
    const network = canonicalCidr(value);
    if (network === undefined) return "not an address or network";
    return [{ type: "ip", pattern: network.includes("/") ? "cidr" : "exact", value: network, weak }];
  }
  if (reading.type === "filename" && /[\\/]/.test(value)) {
    // A path is specific enough to convict; a bare name is not.
    const path = canonicalize("path", value);
    return path === undefined ? "not a file name or path" : [exact("path", path)];
  }
  if (reading.type === "url" && !SCHEME.test(refang(value))) return withoutScheme(value);
  const canonical = canonicalize(reading.type, value);
  if (canonical !== undefined) return [{ type: reading.type, pattern: reading.pattern, value: canonical, weak }];
  return `not a valid ${reading.type}`;
}

const exact = (type: IndicatorType, value: CanonicalValue): IndicatorValue => ({
  type,
  pattern: "exact",
  value,
  weak: false,
});

/** MISP takes any text as `url`: a bare host is read as that host, `host/path` as the URL under both schemes. */
function withoutScheme(value: string): readonly IndicatorValue[] | string {
  if (/^[/?#]/.test(value)) return "a relative reference names no host";
  if (!value.includes("/")) {
    const host = value.replace(/:\d{1,5}$/, "");
    const address = canonicalize("ip", host);
    if (address !== undefined) return [exact("ip", address)];
    const name = canonicalize("domain", host);
    return name === undefined ? "not a valid url" : [exact("domain", name)];
  }
  const urls = ["http", "https"].map((scheme) => canonicalize("url", `${scheme}://${value}`));
  const valid = urls.filter((url) => url !== undefined);
  return valid.length < urls.length ? "not a valid url" : valid.map((url) => exact("url", url));
}
