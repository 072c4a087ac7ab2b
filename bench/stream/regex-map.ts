import type { JsonObject, JsonValue } from "../../src/model/json.ts";
import { indicatorValue } from "../generate.ts";

/** What most integrations look for in a string, in one pass. */
const CANDIDATES =
  /\bhttps?:\/\/[^\s"'<>\\]+|\b[a-f0-9]{32}(?:[a-f0-9]{8}|[a-f0-9]{32})?\b|\b(?:\d{1,3}\.){3}\d{1,3}\b|\b[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z]{2,}\b/gi;

/**
 * The usual design: every string of the parsed alert through a regular expression, every candidate and every parent of a name looked up
 * in a Map with all indicators.
 */
export function regexMapMatcher(known: number): (event: JsonObject) => boolean {
  const indicators = new Map<string, number>();
  for (let number = 0; number < known; number++) indicators.set(indicatorValue(number).value, number);
  const isListed = (candidate: string): boolean => {
    const value = candidate.toLowerCase();
    if (indicators.has(value)) return true;
    if (value.startsWith("http")) return isListed(value.slice(value.indexOf("//") + 2).split(/[/:?#]/, 1)[0] as string);
    for (let dot = value.indexOf("."); dot >= 0; dot = value.indexOf(".", dot + 1))
      if (indicators.has(value.slice(dot + 1))) return true;
    return false;
  };
  const found = (value: JsonValue): boolean => {
    if (typeof value === "string") return value.match(CANDIDATES)?.some(isListed) ?? false;
    if (typeof value !== "object" || value === null) return false;
    return Array.isArray(value) ? value.some(found) : Object.values(value).some(found);
  };
  return found;
}
