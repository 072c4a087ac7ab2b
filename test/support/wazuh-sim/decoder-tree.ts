import { type Fields, STATIC_FIELDS } from "./decode.ts";
import { compileExpression, type Expression, type ExpressionType } from "./expression.ts";
import type { OsXmlNode } from "./os-xml.ts";

/** Why analysisd refuses a decoder file. */
export class DecoderError extends Error {}

interface Decoder {
  readonly name: string;
  readonly parent: string | undefined;
  readonly type: string;
  readonly programName: Expression | undefined;
  readonly prematch: Expression | undefined;
  readonly regex: Expression | undefined;
  readonly order: readonly string[];
  readonly useOwnName: boolean;
  readonly plugin: boolean;
}

export interface DecodedBy {
  readonly decoder: string;
  readonly parentDecoder: string | undefined;
  readonly category: string;
  readonly own: Map<string, string>;
  readonly fields: Fields;
}

const ELEMENTS = new Set(
  "parent program_name prematch regex order plugin_decoder use_own_name type fts ftscomment accumulate json_null_field json_array_structure var".split(
    " ",
  ),
);

/**
 * Decoders of one's own, as far as rules for log lines need them: program name, prematch, regex with its order, children.
 * `offset` is not modelled: every pattern looks at the whole log without its header.
 */
export class DecoderTree {
  readonly #decoders: Decoder[] = [];
  readonly #names = new Set<string>();

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** Names that exist without a file. */
  know(names: readonly string[]): void {
    for (const name of names) this.#names.add(name);
  }

  add(node: OsXmlNode): void {
    if (node.name !== "decoder") throw new DecoderError(`Invalid element '${node.name}' for the decoder file.`);
    const name = node.attributes.find(([key]) => key === "name")?.[1];
    if (name === undefined) throw new DecoderError("No name for the decoder.");
    for (const child of node.children)
      if (!ELEMENTS.has(child.name)) throw new DecoderError(`Invalid option '${child.name}' for decoder '${name}'.`);
    const text = (element: string) => node.children.find((child) => child.name === element)?.content.trim();
    const parent = text("parent");
    if (parent !== undefined && !this.#names.has(parent))
      throw new DecoderError(`Parent decoder name invalid: '${parent}'.`);
    this.#names.add(name);
    this.#decoders.push({
      name,
      parent,
      type: text("type") ?? "syslog",
      programName: expression(node, name, "program_name", "osmatch"),
      prematch: expression(node, name, "prematch", "osregex"),
      regex: expression(node, name, "regex", "osregex"),
      order: (text("order") ?? "")
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== ""),
      useOwnName: text("use_own_name") === "true",
      plugin: text("plugin_decoder") !== undefined,
    });
  }

  /** The first decoder at the top that takes the line, and what its children read from it. */
  decode(log: string, programName: string | undefined, except: ReadonlySet<string>): DecodedBy | undefined {
    for (const top of this.#decoders) {
      if (top.parent !== undefined || top.plugin || except.has(top.name)) continue;
      if (top.programName === undefined && top.prematch === undefined) continue;
      if (top.programName !== undefined && (programName === undefined || !top.programName.matches(programName)))
        continue;
      if (top.prematch !== undefined && !top.prematch.matches(log)) continue;
      return this.#decodeBy(top, log);
    }
    return undefined;
  }

  #decodeBy(top: Decoder, log: string): DecodedBy {
    const own = new Map<string, string>();
    const fields: Fields = new Map();
    take(top, log, own, fields);
    const children = this.#decoders.filter((decoder) => decoder.parent === top.name);
    const first = children.findIndex((child) => child.prematch?.matches(log) ?? child.regex?.matches(log) ?? true);
    const chosen = children[first];
    const base = { category: top.type, own, fields };
    if (chosen === undefined) return { decoder: top.name, parentDecoder: undefined, ...base };
    take(chosen, log, own, fields);
    for (const next of children.slice(first + 1)) {
      if (next.name !== chosen.name || next.prematch !== undefined) break;
      take(next, log, own, fields);
    }
    return { decoder: chosen.useOwnName ? chosen.name : top.name, parentDecoder: top.name, ...base };
  }
}

function expression(node: OsXmlNode, name: string, element: string, fallback: ExpressionType): Expression | undefined {
  const found = node.children.filter((child) => child.name === element);
  if (found.length === 0) return undefined;
  const given = found[0]!.attributes.find(([key]) => key === "type")?.[1];
  const type = given === "pcre2" || given === "osregex" || given === "osmatch" ? given : fallback;
  const compiled = compileExpression(found.map((child) => child.content).join(""), type);
  if (compiled === undefined) throw new DecoderError(`Syntax error on tag '${element}' in decoder '${name}'.`);
  return compiled;
}

function take(decoder: Decoder, log: string, own: Map<string, string>, fields: Fields): void {
  const taken = decoder.regex?.captures(log);
  for (const [index, name] of decoder.order.entries()) {
    const value = taken?.[index];
    if (value === undefined || value === "") continue;
    if (STATIC_FIELDS.has(name)) own.set(name === "user" ? "dstuser" : name, value);
    else if (!fields.has(name)) fields.set(name, value);
  }
}
