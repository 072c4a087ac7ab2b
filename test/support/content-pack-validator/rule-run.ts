import { type GraylogMessage, JavaList } from "./message.ts";
import type { Arguments, Expression, Rule } from "./rule-parser.ts";

/** What the rules may reach beside the message. */
export interface RuleWorld {
  /** Streams by title that are not paused. */
  readonly streams: ReadonlySet<string>;
  readonly lookup: (table: string, key: string) => unknown;
}

/** The first argument of the functions that are called with one without a name. */
const FIRST: Readonly<Record<string, string>> = {
  to_string: "value",
  to_long: "value",
  has_field: "field",
  remove_field: "field",
};

/** Runs rules as Graylog's interpreter does: what throws ends the rule, and is an error of the message. */
export class RuleRunner {
  readonly #world: RuleWorld;
  readonly errors: string[] = [];
  constructor(world: RuleWorld) {
    this.#world = world;
  }

  /** Whether the rule's condition held; then its actions were run. */
  run({ name, when, then }: Rule, message: GraylogMessage): boolean {
    const variables = new Map<string, unknown>();
    try {
      if (this.#value(when, message, variables) !== true) return false;
      for (const statement of then)
        if (statement.kind === "let") variables.set(statement.name, this.#value(statement.value, message, variables));
        else this.#value(statement.call, message, variables);
    } catch (error) {
      this.errors.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    return true;
  }

  #value(expression: Expression, message: GraylogMessage, variables: Map<string, unknown>): unknown {
    const value = (one: Expression) => this.#value(one, message, variables);
    switch (expression.kind) {
      case "literal":
        return expression.value;
      case "variable":
        return variables.get(expression.name);
      case "field":
        return message.fields.get(expression.name);
      case "get": {
        const object = value(expression.object);
        if (object === null || object === undefined) return undefined;
        if (!(object instanceof Map)) throw new Error("not a map");
        return object.get(value(expression.key));
      }
      case "list":
        return expression.items.map(value);
      case "map":
        return new Map([...expression.entries].map(([key, one]) => [key, value(one)]));
      case "not":
        return value(expression.operand) !== true;
      case "binary":
        return binary(
          expression.operator,
          () => value(expression.left),
          () => value(expression.right),
        );
      case "call":
        return this.#call(expression.name, named(expression.name, expression.args, value), message);
    }
  }

  #call(name: string, args: ReadonlyMap<string, unknown>, message: GraylogMessage): unknown {
    const text = (key: string): string => {
      const value = args.get(key);
      if (typeof value !== "string") throw new Error(`${name}: ${key} is no string`);
      return value;
    };
    switch (name) {
      case "starts_with":
        return text("value").startsWith(text("prefix"));
      case "contains":
        return text("value").includes(text("search"));
      case "has_field":
        return message.fields.has(text("field"));
      case "to_string":
        return shown(args.get("value")) ?? args.get("default") ?? "";
      case "to_long":
        return long(args.get("value")) ?? args.get("default") ?? 0;
      case "concat":
        return text("first") + text("second");
      case "substring":
        return text("value").slice(Number(args.get("start")), Number(args.get("indexEnd")));
      case "regex_replace":
        return text("value").replace(pattern(text("pattern")), text("replacement"));
      case "parse_json":
        return parsed(text("value"));
      case "select_jsonpath":
        return selected(args.get("json"), args.get("paths") as ReadonlyMap<string, string>);
      case "parse_date":
        return parseDate(text("value"), text("pattern"));
      case "format_date":
        return formatDate(args.get("value"), text("format"));
      case "lookup_value":
        return this.#world.lookup(text("lookup_table"), shown(args.get("key")) ?? "");
      case "set_field":
        return message.add(text("field"), args.get("value"));
      case "remove_field":
        return message.remove(text("field"));
      case "route_to_stream":
        if (this.#world.streams.has(text("name"))) message.streams.add(text("name"));
        return undefined;
      default:
        throw new Error(`${name}: not known here`);
    }
  }
}

const patterns = new Map<string, RegExp>();

function pattern(source: string): RegExp {
  const made = patterns.get(source) ?? new RegExp(source, "g");
  patterns.set(source, made);
  return made;
}

function named(name: string, args: Arguments, value: (one: Expression) => unknown): ReadonlyMap<string, unknown> {
  if (args instanceof Map)
    return new Map([...(args as ReadonlyMap<string, Expression>)].map(([key, one]) => [key, value(one)]));
  const [only] = args as readonly Expression[];
  return new Map(only === undefined ? [] : [[FIRST[name] ?? "value", value(only)]]);
}

function binary(operator: string, left: () => unknown, right: () => unknown): unknown {
  if (operator === "&&") return left() === true && right() === true;
  if (operator === "||") return left() === true || right() === true;
  if (operator === "==") return left() === right();
  if (operator === "!=") return left() !== right();
  throw new Error(`${operator}: not known here`);
}

/** Java's toString; undefined for null. */
function shown(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (value instanceof JavaList) return value.toString();
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function long(value: unknown): number | undefined {
  if (typeof value === "number") return Math.trunc(value);
  return /^-?\d{1,18}$/.test(String(value)) ? Number(value) : undefined;
}

/** A missing node, not an error, for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Scalars come as themselves, lists as Java lists of nodes, objects as nodes; null for what is not there. */
function selected(json: unknown, paths: ReadonlyMap<string, string>): ReadonlyMap<string, unknown> {
  return new Map(
    [...paths].map(([name, path]) => {
      if (!/^\$(?:\.[a-z_]+)+$/.test(path)) throw new Error(`select_jsonpath: ${path} is not known here`);
      let value = json;
      for (const part of path.split(".").slice(1))
        value =
          typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, part)
            ? (value as Readonly<Record<string, unknown>>)[part]
            : undefined;
      return [name, Array.isArray(value) ? new JavaList(value) : value];
    }),
  );
}

/** Joda's `yyyy-MM-dd'T'HH:mm:ss.SSSZ`: zones +0100, +01:00 and Z; a day that does not exist throws. */
function parseDate(text: string, pattern: string): Date {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})(?:([+-])(\d\d):?(\d\d)|Z)$/.exec(text);
  if (pattern !== "yyyy-MM-dd'T'HH:mm:ss.SSSZ" || parts === null) throw new Error(`parse_date: ${text}`);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0] = parts.slice(1, 8).map(Number);
  const local = new Date(Date.UTC(year, month - 1, day, hour, minute, second, ms));
  if (local.getUTCDate() !== day || local.getUTCMonth() !== month - 1 || hour > 23)
    throw new Error(`parse_date: ${text}`);
  const offset = (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0)) * (parts[8] === "-" ? -1 : 1);
  return new Date(local.getTime() - offset * 60_000);
}

function formatDate(value: unknown, format: string): string {
  if (!(value instanceof Date) || format !== "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'") throw new Error("format_date");
  return value.toISOString();
}
