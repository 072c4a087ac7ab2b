/** A value as JSON.parse gives it. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** An object as JSON.parse gives it: keys are hostile (`__proto__` may be one), so read with `Object.hasOwn` or `get`. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Own property, or undefined: `get` of one key for hot loops. */
export function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Own property along a path, or undefined; safe for prototype keys. */
export function get(value: JsonValue | undefined, ...path: readonly string[]): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (const key of path) {
    if (!isJsonObject(at)) return undefined;
    const inner: JsonValue | undefined = at[key];
    // Most names that are asked for are not there, and one look tells; what a prototype has is none of the event's.
    if (inner === undefined || !Object.hasOwn(at, key)) return undefined;
    at = inner;
  }
  return at;
}

/** A non-empty string along a path (numbers and booleans as words), or undefined. */
export function text(value: JsonValue | undefined, ...path: readonly string[]): string | undefined {
  const found = get(value, ...path);
  if (typeof found === "string") return found === "" ? undefined : found;
  return typeof found === "number" || typeof found === "boolean" ? String(found) : undefined;
}
