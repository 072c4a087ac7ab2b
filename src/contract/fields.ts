import { TiplineError } from "../lib/errors.ts";
import type { EventFacts } from "../model/alert.ts";
import { type JsonValue, text } from "../model/json.ts";
import type { ObservableType, Role } from "../model/observable.ts";
import type { FieldRule, Reading } from "./extractor.ts";

/** Fields read alike: reading, types, role, names separated by blanks. */
export type FieldGroup = readonly [reading: Reading, types: readonly ObservableType[], role: Role, names: string];

/** The `fields` of an extractor from groups of names; a name given twice is a broken invariant. */
export function fieldTable(...groups: readonly FieldGroup[]): Readonly<Record<string, FieldRule>> {
  const table: Record<string, FieldRule> = Object.create(null);
  for (const [reading, types, role, names] of groups) {
    const rule: FieldRule = { reading, types, role };
    for (const name of names.split(/\s+/)) {
      if (name === "") continue;
      if (name in table) {
        throw new TiplineError("TIP_INTERNAL", `expected each field once in a table, found "${name}" twice`);
      }
      table[name] = rule;
    }
  }
  return table;
}

/** First non-empty string among the names, each also with a capital first letter (products differ in that). */
export function pick(owner: JsonValue | undefined, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const found = text(owner, name) ?? text(owner, capitalised(name));
    if (found !== undefined) return found;
  }
  return undefined;
}

const CAPITALISED = new Map<string, string>();

/** Names come from code, so there are few. */
function capitalised(name: string): string {
  let capital = CAPITALISED.get(name);
  if (capital === undefined) {
    capital = name.charAt(0).toUpperCase() + name.slice(1);
    CAPITALISED.set(name, capital);
  }
  return capital;
}

/** Members of `facts` that are known; undefined ones left out. */
export function factsFrom(facts: { readonly [K in keyof EventFacts]: string | undefined }): EventFacts {
  const known: { -readonly [K in keyof EventFacts]: string } = {};
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value === "string" && value !== "" && value !== "-") known[name as keyof EventFacts] = value;
  }
  return known;
}
