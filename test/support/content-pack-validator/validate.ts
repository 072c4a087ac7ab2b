import { dependencyFaults } from "./dependencies.ts";
import { CONFIGURATIONS, ENTITY_SHAPES } from "./entity-shapes.ts";
import { type Context, check, isObject, list, number, object, reference, type Shape, text, word } from "./shape.ts";

const PARAMETER = object(
  { name: text, title: text, description: text, type: word("boolean", "double", "float", "integer", "long", "string") },
  { default_value: { is: "anything" } },
);
const CONSTRAINT = object({ type: word("server-version", "plugin-version"), version: text }, { plugin: text });
const ENTITY = object({
  v: word("1"),
  type: object({ name: text, version: text }),
  id: text,
  data: { is: "anything" },
  constraints: list(CONSTRAINT),
});
export const ENVELOPE: Shape = object(
  {
    v: word("1"),
    id: text,
    rev: number,
    name: text,
    summary: text,
    description: text,
    vendor: text,
    url: text,
    entities: list(ENTITY, 1),
  },
  { parameters: list(PARAMETER), created_at: text, server_version: text },
);

/** Everything for which Graylog would refuse the pack, or install something that does not work; empty for a sound one. */
export function packFaults(pack: unknown): readonly string[] {
  const faults: string[] = [];
  const parameters = declared(pack, faults);
  const context: Context = { parameters, used: new Set(), faults };
  check(ENVELOPE, pack, "pack", context);
  if (!isObject(pack) || !Array.isArray(pack["entities"])) return faults;
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(String(pack["id"])))
    faults.push("pack.id: expected a UUID");
  if (!Number.isInteger(pack["rev"]) || Number(pack["rev"]) < 1) faults.push("pack.rev: expected 1 or more");
  const entities = pack["entities"].filter(isObject);
  for (const entity of entities) checkEntity(entity, context);
  for (const name of parameters.keys()) if (!context.used.has(name)) faults.push(`parameter ${name}: used nowhere`);
  faults.push(...dependencyFaults(entities));
  return faults;
}

/** As `input/1`. */
export function kindOf({ type }: Record<string, unknown>): string {
  return isObject(type) ? `${String(type["name"])}/${String(type["version"])}` : "no type";
}

function checkEntity(entity: Record<string, unknown>, context: Context): void {
  const kind = kindOf(entity);
  const path = `${kind} ${String(entity["id"])}`;
  const shape = Object.hasOwn(ENTITY_SHAPES, kind) ? ENTITY_SHAPES[kind] : undefined;
  if (shape === undefined) return void context.faults.push(`${path}: no such type of entity`);
  check(shape, entity["data"], path, context);
  const data = isObject(entity["data"]) ? entity["data"] : {};
  const configuration = isObject(data["configuration"]) ? data["configuration"] : {};
  const type = isObject(data["type"]) ? data["type"] : isObject(configuration["type"]) ? configuration["type"] : {};
  const wanted = CONFIGURATIONS[String(type["@value"])];
  if (isObject(data["configuration"]) && wanted === undefined)
    context.faults.push(`${path}.configuration: of no known type`);
  for (const [name, wantedType] of Object.entries(wanted ?? {}))
    if (configuration[name] === undefined) context.faults.push(`${path}.configuration.${name}: missing`);
    else check(reference(wantedType), configuration[name], `${path}.configuration.${name}`, context);
}

function declared(pack: unknown, faults: string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const parameters = isObject(pack) ? pack["parameters"] : undefined;
  for (const one of Array.isArray(parameters) ? parameters.filter(isObject) : []) {
    const { name, type, default_value: value } = one;
    if (found.has(String(name))) faults.push(`parameter ${String(name)}: declared twice`);
    found.set(String(name), String(type));
    const fits = value === undefined || (type === "integer" ? Number.isInteger(value) : typeof value === type);
    if (!fits) faults.push(`parameter ${String(name)}: its default is no ${String(type)}`);
  }
  return found;
}
