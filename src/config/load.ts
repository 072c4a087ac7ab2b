import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { type Document, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import { z } from "zod";
import type { Definition } from "../contract/define.ts";
import { asError, systemCode, TiplineError } from "../lib/errors.ts";
import { FEEDS, SINKS, SOURCES } from "../registry.gen.ts";
import { type KeyLines, keyLines } from "./key-lines.ts";
import { configSchema, feedCommon, type RawConfig, sinkCommon } from "./schema.ts";

type Loader = () => Promise<{ readonly default: unknown }>;
type AnyDefinition = Definition<unknown, unknown>;

/** A component of the configuration: its definition, and its own settings as its schema made them. */
export interface Configured<Common> {
  readonly name: string;
  readonly definition: AnyDefinition;
  readonly settings: unknown;
  readonly common: Common;
}

export interface Config extends Omit<RawConfig, "sources" | "feeds" | "sinks"> {
  readonly sources: readonly Configured<object>[];
  readonly feeds: readonly Configured<z.output<typeof feedCommon>>[];
  readonly sinks: readonly Configured<z.output<typeof sinkCommon>>[];
  /** Of what the file says, before variables are put in: comments and layout do not count. Never printed. */
  readonly digest: string;
  /** Absolute; undefined for a configuration that was no file. */
  readonly path?: string;
  readonly keys: KeyLines;
}

const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * Reads and checks a configuration file. Throws TIP_CONFIG_INVALID naming every fault with its key and line:
 * `sinks.siem.port: expected 1–65535, got "12x" (tipline.yaml:31)`.
 */
export async function loadConfig(path: string, env: NodeJS.ProcessEnv = process.env): Promise<Config> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const hint = systemCode(error) === "ENOENT" ? "; write one with `tipline config example`" : "";
    throw new TiplineError("TIP_CONFIG_INVALID", `cannot read ${path}: ${asError(error).message}${hint}`, {
      cause: error,
    });
  }
  return { ...(await parseConfig(text, basename(path), env)), path: resolve(path) };
}

/** `loadConfig` for text; `file` only names it in messages. */
export async function parseConfig(text: string, file: string, env: NodeJS.ProcessEnv = process.env): Promise<Config> {
  if (text.length > MAX_CONFIG_BYTES) throw new TiplineError("TIP_CONFIG_INVALID", `${file}: larger than 1 MiB`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const reader = new Reader(document, lines, file);
  for (const error of document.errors) reader.fault([], error.message, lines.linePos(error.pos[0]).line);
  reader.throwIfFaulty();
  const digest = createHash("sha256")
    .update(JSON.stringify(plain(document, reader)) ?? "")
    .digest("base64url");
  substitute(document, env, reader);
  reader.throwIfFaulty();
  const raw = reader.check(configSchema, plain(document, reader) ?? {}, []);
  reader.throwIfFaulty();
  if (raw === undefined) throw new TiplineError("TIP_CONFIG_INVALID", `${file}: empty`);
  const feeds = await components(reader, "feeds", raw.feeds, FEEDS, feedCommon);
  const sinks = await components(reader, "sinks", raw.sinks, SINKS, sinkCommon);
  const config: Config = {
    ...raw,
    sources: await components(reader, "sources", raw.sources, SOURCES, z.strictObject({})),
    feeds,
    sinks: [...sinks, ...(await broughtSinks(reader, feeds, Object.keys(raw.sinks)))],
    digest,
    keys: keyLines(document, lines, file),
  };
  reader.throwIfFaulty();
  return config;
}

/** The document as plain values; an alias bomb is a fault, not a crash. */
function plain(document: Document, reader: Reader): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    reader.fault([], asError(error).message, 1);
    reader.throwIfFaulty();
    throw error;
  }
}

/** Collects faults with the line of the key they are about. */
class Reader {
  readonly #faults: string[] = [];
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #file: string;
  constructor(document: Document, lines: LineCounter, file: string) {
    this.#document = document;
    this.#lines = lines;
    this.#file = file;
  }

  fault(path: readonly PropertyKey[], message: string, line = this.#lineOf(path)): void {
    const where = path.length > 0 ? `${path.map(String).join(".")}: ` : "";
    this.#faults.push(`${where}${message} (${this.#file}${line === undefined ? "" : `:${line}`})`);
  }

  check<T>(schema: z.ZodType<T>, value: unknown, prefix: readonly PropertyKey[]): T | undefined {
    const result = schema.safeParse(value, { reportInput: true });
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.#issue(issue, prefix);
    return undefined;
  }

  throwIfFaulty(): void {
    if (this.#faults.length > 0) throw new TiplineError("TIP_CONFIG_INVALID", this.#faults.join("\n"));
  }

  #issue(issue: z.core.$ZodIssue, prefix: readonly PropertyKey[]): void {
    const path = [...prefix, ...issue.path];
    if (issue.code === "invalid_union") {
      // The variant that was meant is the one that got furthest.
      const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(-1, ...issues.map((inner) => inner.path.length));
      const [meant] = [...issue.errors].sort((a, b) => depth(b) - depth(a));
      if (meant && depth(meant) > 0) {
        for (const inner of meant) this.#issue(inner, path);
        return;
      }
    }
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) this.fault([...path, key], "unknown key");
      return;
    }
    const secretish = /key|token|password|secret/i.test(String(path.at(-1) ?? ""));
    const got =
      issue.input === undefined ? "nothing" : secretish ? "a hidden value" : JSON.stringify(issue.input)?.slice(0, 80);
    const says = issue.message.startsWith("expected")
      ? issue.message
      : `${issue.message.replace(/^Invalid input: /, "")}${issue.message.includes("received") ? "" : `, got ${got}`}`;
    this.fault(path, says);
  }

  /** Line of the deepest part of the path that the file has. */
  #lineOf(path: readonly PropertyKey[]): number | undefined {
    let node: unknown = this.#document.contents;
    let offset = (node as Node | null)?.range?.[0];
    for (const key of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
        if (!pair) break;
        offset = (pair.key as Node).range?.[0] ?? offset;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(key)];
        offset = (node as Node | undefined)?.range?.[0] ?? offset;
      } else break;
    }
    return offset === undefined ? undefined : this.#lines.linePos(offset).line;
  }
}

/** Replaces `${NAME}` in string values by the environment's; an unset name is a fault (never an empty secret). */
function substitute(document: Document, env: NodeJS.ProcessEnv, reader: Reader): void {
  visit(document, {
    Scalar(position, node, ancestors) {
      if (position === "key" || typeof node.value !== "string" || !node.value.includes("${")) return;
      node.value = node.value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]{0,100})\}/g, (all, name: string) => {
        const value = env[name];
        if (value !== undefined) return value;
        const path = ancestors.flatMap((ancestor) =>
          isPair(ancestor) && isScalar(ancestor.key) ? [String(ancestor.key.value)] : [],
        );
        reader.fault(path, `environment variable ${name} is not set`);
        return all;
      });
    },
  });
}

async function components<Common extends object>(
  reader: Reader,
  kind: string,
  configured: Readonly<Record<string, { readonly type: string; readonly [key: string]: unknown }>>,
  registry: Readonly<Record<string, Loader>>,
  commonSchema: z.ZodObject<z.ZodRawShape> & z.ZodType<Common>,
): Promise<Configured<Common>[]> {
  const made: Configured<Common>[] = [];
  for (const [name, { type, ...rest }] of Object.entries(configured)) {
    const load = Object.hasOwn(registry, type) ? registry[type] : undefined;
    if (!load) {
      reader.fault([kind, name, "type"], `expected one of ${Object.keys(registry).join(", ")}, got "${type}"`);
      continue;
    }
    const definition = (await load()).default as AnyDefinition;
    const isCommon = (key: string) => Object.hasOwn(commonSchema.shape, key);
    const pick = (wanted: boolean) =>
      Object.fromEntries(Object.entries(rest).filter(([key]) => isCommon(key) === wanted));
    const settings = reader.check(definition.config, pick(false), [kind, name]);
    const defaults = settings === undefined ? {} : (definition.commonDefaults?.(settings) ?? {});
    const common = reader.check(commonSchema as z.ZodType<Common>, { ...defaults, ...pick(true) }, [kind, name]);
    if (common !== undefined && settings !== undefined) made.push({ name, definition, settings, common });
  }
  return made;
}

/** Sinks that are switched on at a feed. They never hold the sources back, and a finding's own server may know all of it. */
async function broughtSinks(
  reader: Reader,
  feeds: Config["feeds"],
  taken: readonly string[],
): Promise<Configured<z.output<typeof sinkCommon>>[]> {
  const made: Configured<z.output<typeof sinkCommon>>[] = [];
  for (const { name: feed, definition: origin, settings: given } of feeds) {
    for (const [name, { type, settings }] of Object.entries(origin.sinks?.(given, feed) ?? {})) {
      if (taken.includes(name))
        reader.fault(["sinks", name], `expected another name: feed ${feed} brings a sink of this name`);
      const load = (SINKS as Readonly<Record<string, Loader>>)[type];
      if (load === undefined)
        throw new TiplineError("TIP_INTERNAL", `feed ${feed} brings a sink of unknown type ${type}`);
      const definition = (await load()).default as AnyDefinition;
      made.push({ name, definition, settings, common: sinkCommon.parse({ required: false }) });
    }
  }
  return made;
}

/** JSON Schema of the whole file: every component's own schema under its type, for editors and `config schema`. */
export async function configJsonSchema(): Promise<object> {
  const kinds = { sources: [SOURCES, undefined], feeds: [FEEDS, feedCommon], sinks: [SINKS, sinkCommon] } as const;
  const base = z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" }) as {
    properties: Record<string, { additionalProperties?: unknown }>;
  };
  for (const [kind, [registry, common]] of Object.entries(kinds)) {
    const variants: object[] = [];
    for (const [type, load] of Object.entries(registry as Readonly<Record<string, Loader>>)) {
      const definition = (await load()).default as AnyDefinition;
      const own = z.toJSONSchema(definition.config, { io: "input", unrepresentable: "any" }) as {
        properties?: object;
        required?: string[];
      };
      const shared =
        common === undefined
          ? {}
          : (z.toJSONSchema(common, { io: "input", unrepresentable: "any" }) as { properties?: object }).properties;
      variants.push({
        ...own,
        description: definition.summary,
        properties: { type: { const: type }, ...shared, ...own.properties },
        required: ["type", ...(own.required ?? [])],
      });
    }
    const property = base.properties[kind];
    if (property) property.additionalProperties = { oneOf: variants };
  }
  return base;
}
