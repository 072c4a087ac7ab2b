import type { Generation } from "../intel/generation.ts";
import type { Indicator } from "../model/indicator.ts";
import type { CanonicalValue, ObservableType } from "../model/observable.ts";

/**
 * Indicators that cover a value as alerts are matched: what the index gives for it, and for an e-mail address also the domain
 * indicators of its domain, because mail from a listed domain is what they are for.
 */
export function coveringIndicators(
  type: ObservableType,
  value: CanonicalValue,
  { index, policy }: Generation,
): readonly Indicator[] {
  const found = index.lookup(type, value);
  if (type !== "email") return found;
  const domain = value.slice(value.lastIndexOf("@") + 1) as CanonicalValue;
  return policy.notLookedUp("domain", domain) === undefined ? [...found, ...index.lookup("domain", domain)] : found;
}
