import { baseName, canonicalize } from "../intel/canonical.ts";
import type { IndicatorReport } from "../model/indicator.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../model/json.ts";
import type { Observable } from "../model/observable.ts";

const PORT_NAMES = /(?:dest|dst|destination|resp|remote|target|server)[a-z_.]{0,40}p(?:ort)?$|^(?:dpt|dport|port)$/;
/** A field's name is an attacker's choice in JSON logs; longer ones name no port. */
const MOST_NAME = 200;
const MOST_VALUES = 5000;

/** Was the other half of the report's composite attribute seen in the same alert? */
export function companionSeen(
  { companion }: IndicatorReport,
  observable: Observable,
  observables: readonly Observable[],
  event: JsonObject,
): boolean {
  if (companion === undefined) return false;
  switch (companion.kind) {
    case "port":
      return (
        observable.port === Number(companion.value) ||
        hasLeaf(event, (name, value) => value === companion.value && name.length <= MOST_NAME && PORT_NAMES.test(name))
      );
    case "filename":
      return hasFile(companion.value, observables);
    case "domain": {
      const name = canonicalize("domain", companion.value);
      return (
        name !== undefined &&
        observables.some(({ type, value }) => type === "domain" && (value === name || value.endsWith(`.${name}`)))
      );
    }
    case "ip":
    case "email": {
      const wanted = canonicalize(companion.kind, companion.value);
      return wanted !== undefined && observables.some(({ type, value }) => type === companion.kind && value === wanted);
    }
    case "hash":
      return observables.some(({ value }) => value === companion.value.toLowerCase());
    case "regdata": {
      const wanted = companion.value.trim().toLowerCase();
      return hasLeaf(event, (_name, value) => value.trim().toLowerCase() === wanted);
    }
  }
}

function hasFile(name: string, observables: readonly Observable[]): boolean {
  const path = canonicalize("path", name);
  const file = canonicalize("filename", name) ?? (path === undefined ? undefined : baseName(path));
  return observables.some(
    ({ type, value }) =>
      (type === "path" && (value === path || baseName(value) === file)) || (type === "filename" && value === file),
  );
}

/** Looks at the event's leaves, at most 5,000 of them, until one passes. */
function hasLeaf(event: JsonObject, passes: (name: string, value: string) => boolean): boolean {
  const open: (readonly [string, JsonValue])[] = [["", event]];
  for (let looked = 0; open.length > 0 && looked < MOST_VALUES; looked++) {
    const [name, value] = open.pop() as readonly [string, JsonValue];
    if (Array.isArray(value)) for (const item of value) open.push([name, item]);
    else if (isJsonObject(value))
      for (const key of Object.keys(value)) open.push([key.toLowerCase(), value[key] as JsonValue]);
    else if (value !== null && passes(name, String(value))) return true;
  }
  return false;
}
