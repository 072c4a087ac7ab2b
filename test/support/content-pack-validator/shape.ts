/** What a value of the pack must look like. */
export type Shape =
  | { readonly is: "reference"; readonly types: readonly string[]; readonly oneOf?: readonly string[] }
  | { readonly is: "plain"; readonly type: "string" | "number" | "boolean"; readonly oneOf?: readonly string[] }
  | { readonly is: "object"; readonly required: Shapes; readonly optional: Shapes }
  | { readonly is: "list"; readonly of: Shape; readonly least: number }
  | { readonly is: "record"; readonly of: Shape }
  | { readonly is: "chosen"; readonly by: string; readonly among: Readonly<Record<string, Shape>> }
  | { readonly is: "configuration" }
  | { readonly is: "anything" };

export type Shapes = Readonly<Record<string, Shape>>;

export const reference = (...types: string[]): Shape => ({ is: "reference", types });
export const referenceOf = (...oneOf: string[]): Shape => ({ is: "reference", types: ["string"], oneOf });
export const text: Shape = { is: "plain", type: "string" };
export const number: Shape = { is: "plain", type: "number" };
export const flag: Shape = { is: "plain", type: "boolean" };
export const word = (...oneOf: string[]): Shape => ({ is: "plain", type: "string", oneOf });
export const object = (required: Shapes, optional: Shapes = {}): Shape => ({ is: "object", required, optional });
export const list = (of: Shape, least = 0): Shape => ({ is: "list", of, least });
export const record = (of: Shape): Shape => ({ is: "record", of });
/** The object's own member `by` says which shape it has. */
export const chosen = (by: string, among: Readonly<Record<string, Shape>>): Shape => ({ is: "chosen", by, among });
export const anything: Shape = { is: "anything" };
/** A map of references, and of such maps. */
export const configuration: Shape = { is: "configuration" };

export interface Context {
  /** Declared parameters with their types. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly used: Set<string>;
  readonly faults: string[];
}

/** Adds a fault for whatever is not as the shape says. `undefined` and `null` are missing. */
export function check(shape: Shape, value: unknown, path: string, context: Context): void {
  const fault = (what: string) => context.faults.push(`${path}: ${what}`);
  switch (shape.is) {
    case "anything":
      return;
    case "reference":
      checkReference(shape, value, path, context);
      return;
    case "configuration":
      checkConfiguration(value, path, context);
      return;
    case "plain":
      if (typeof value !== shape.type) fault(`expected a plain ${shape.type}`);
      else if (shape.oneOf && !shape.oneOf.includes(String(value))) fault(`expected one of ${shape.oneOf.join(", ")}`);
      return;
    case "list":
      if (!Array.isArray(value)) return void fault("expected a list");
      if (value.length < shape.least) fault(`expected at least ${shape.least}`);
      for (const [at, item] of value.entries()) check(shape.of, item, `${path}[${at}]`, context);
      return;
    case "record":
      if (!isObject(value)) return void fault("expected an object");
      for (const [key, item] of Object.entries(value)) check(shape.of, item, `${path}.${key}`, context);
      return;
    case "chosen": {
      const kind = isObject(value) ? value[shape.by] : undefined;
      const meant = typeof kind === "string" && Object.hasOwn(shape.among, kind) ? shape.among[kind] : undefined;
      if (meant === undefined) fault(`${shape.by}: expected one of ${Object.keys(shape.among).join(", ")}`);
      else check(meant, value, path, context);
      return;
    }
    case "object":
      checkObject(shape, value, path, context);
  }
}

function checkObject(shape: Shape & { is: "object" }, value: unknown, path: string, context: Context): void {
  if (!isObject(value)) return void context.faults.push(`${path}: expected an object`);
  for (const [name, inner] of Object.entries(shape.required))
    if (value[name] === undefined || (value[name] === null && inner.is !== "anything"))
      context.faults.push(`${path}.${name}: missing`);
    else check(inner, value[name], `${path}.${name}`, context);
  for (const [name, inner] of Object.entries(shape.optional))
    if (value[name] !== undefined && value[name] !== null) check(inner, value[name], `${path}.${name}`, context);
  for (const name of Object.keys(value))
    if (!Object.hasOwn(shape.required, name) && !Object.hasOwn(shape.optional, name))
      context.faults.push(`${path}.${name}: not known`);
}

function checkReference(shape: Shape & { is: "reference" }, value: unknown, path: string, context: Context): void {
  const type = referenceType(value, path, context);
  if (type === undefined) return;
  if (!shape.types.includes(type)) context.faults.push(`${path}: expected ${shape.types.join(" or ")}, found ${type}`);
  const plain = (value as { readonly "@value": unknown })["@value"];
  if (shape.oneOf && !shape.oneOf.includes(String(plain)))
    context.faults.push(`${path}: expected one of ${shape.oneOf.join(", ")}`);
}

const JSON_TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  integer: (value) => Number.isInteger(value),
  long: (value) => Number.isInteger(value),
  double: (value) => typeof value === "number",
  float: (value) => typeof value === "number",
};

/** Type of the value in the end, a parameter's by its declaration; undefined, and a fault, when it is no reference. */
function referenceType(value: unknown, path: string, context: Context): string | undefined {
  const type = isObject(value) ? value["@type"] : undefined;
  const plain = isObject(value) ? value["@value"] : undefined;
  if (type === "parameter") {
    const declared = context.parameters.get(String(plain));
    if (declared === undefined) context.faults.push(`${path}: no parameter ${String(plain)}`);
    context.used.add(String(plain));
    return declared;
  }
  const fits = typeof type === "string" && Object.hasOwn(JSON_TYPES, type) ? JSON_TYPES[type] : undefined;
  // A reference whose value is of another type turns null without a word.
  if (fits?.(plain)) return String(type);
  context.faults.push(`${path}: expected {"@type", "@value"} that fit each other`);
  return undefined;
}

function checkConfiguration(value: unknown, path: string, context: Context): void {
  if (!isObject(value)) return void context.faults.push(`${path}: expected an object`);
  for (const [key, item] of Object.entries(value))
    if (isObject(item) && item["@type"] === undefined) checkConfiguration(item, `${path}.${key}`, context);
    else referenceType(item, `${path}.${key}`, context);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
