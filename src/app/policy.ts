import { isIP } from "node:net";
import type { Config } from "../config/load.ts";
import { canonicalCidr, canonicalize } from "../intel/canonical.ts";
import type { OwnAssets } from "../intel/policy.ts";
import { TiplineError } from "../lib/errors.ts";
import type { CanonicalValue, ObservableType } from "../model/observable.ts";

/** The `own:` part of a configuration in canonical spelling; a value that is not one stops the start. */
export function ownAssets(own: Config["own"]): OwnAssets {
  return {
    networks: own.networks.map((value, at) => network(value, at)),
    domains: own.domains.map((value, at) => canonical("domain", value, `own.domains.${at}`)),
    hashes: own.hashes.map((value, at) => hash(value, at)),
    matchDocumentation: own.match_documentation,
  };
}

function network(value: string, at: number): string {
  const found = value.includes("/") ? canonicalCidr(value) : canonicalize("ip", value);
  if (found !== undefined) return found;
  throw new TiplineError(
    "TIP_CONFIG_INVALID",
    `own.networks.${at}: expected an address or network such as 198.51.100.0/24, got "${value}"`,
  );
}

function canonical(type: ObservableType, value: string, where: string): CanonicalValue {
  const found = isIP(value) ? undefined : canonicalize(type, value);
  if (found !== undefined) return found;
  throw new TiplineError("TIP_CONFIG_INVALID", `${where}: expected a ${type}, got "${value}"`);
}

function hash(value: string, at: number): CanonicalValue {
  for (const type of ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] as const) {
    const found = canonicalize(type, value);
    if (found !== undefined) return found;
  }
  throw new TiplineError("TIP_CONFIG_INVALID", `own.hashes.${at}: expected a hash in hex, got "${value}"`);
}
