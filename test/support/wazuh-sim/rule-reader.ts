import { STATIC_FIELDS } from "./decode.ts";
import { compileExpression, type Expression, type ExpressionType } from "./expression.ts";
import type { OsXmlNode } from "./os-xml.ts";
import type { SimRule } from "./rule.ts";

/** Why analysisd refuses a rule, and with it the file and the whole ruleset. */
export class RuleError extends Error {}

export interface RuleContext {
  readonly file: string;
  /** The `name` of the `<group>` around. */
  readonly group: string;
  readonly decoders: ReadonlySet<string>;
}

/** `id` and `level` alone: what is looked at before a duplicate is skipped. */
export function readRuleId(node: OsXmlNode): { id: number; overwrite: boolean } {
  const attributes = readAttributes(node);
  return { id: attributes.id, overwrite: attributes.overwrite };
}

const MAX_ID = 999_999;
const DEFAULT_TIMEFRAME = 360;

function readAttributes(node: OsXmlNode) {
  let id = -1;
  let level = -1;
  const rest = {
    overwrite: false,
    noalert: false,
    accuracy: true,
    frequency: undefined as number | undefined,
    timeframe: DEFAULT_TIMEFRAME,
    ignore: 0,
    maxsize: 0,
  };
  for (const [name, value] of node.attributes) {
    const number = /^[0-9]+$/.test(value) ? Number(value) : -1;
    const within = (max: number, message: string, min = 0): number => {
      if (number < min || number > max) throw new RuleError(message);
      return number;
    };
    if (name === "id") id = within(MAX_ID, `Invalid rule id: ${value}. Must be integer and max 6 digits`);
    else if (name === "level") level = within(16, `Invalid level: ${value}. Must be integer and max 2 digits`);
    else if (name === "maxsize") rest.maxsize = within(9999, `Invalid maxsize: ${value}. Must be integer`);
    else if (name === "timeframe") rest.timeframe = within(99_999, `Invalid timeframe: ${value}. Must be integer`);
    else if (name === "frequency") rest.frequency = within(9999, `Invalid frequency: ${value}. Must be integer`);
    else if (name === "accuracy") rest.accuracy = within(9, `Invalid accuracy: ${value}. Must be integer`) !== 0;
    else if (name === "noalert") rest.noalert = number === 1;
    else if (name === "ignore") rest.ignore = within(9999, `Invalid ignore_time: ${value}. Must be integer`);
    else if (name === "overwrite") rest.overwrite = value === "yes";
    else
      throw new RuleError(
        `Invalid attribute "${name}". Only id, level, maxsize, accuracy, noalert and timeframe are allowed.`,
      );
  }
  if (id === -1 || level === -1) throw new RuleError("No rule id or level specified for rule.");
  return { id, level, ...rest };
}

/** Default pattern language of each element that holds one; others are listed below. */
const EXPRESSIONS: Readonly<Record<string, ExpressionType>> = {
  match: "osmatch",
  regex: "osregex",
  location: "osmatch",
  url: "osmatch",
  id: "osmatch",
  status: "osmatch",
  hostname: "osmatch",
  data: "osmatch",
  extra_data: "osmatch",
  program_name: "osmatch",
  protocol: "osmatch",
  system_name: "osmatch",
  action: "osmatch",
  user: "osmatch",
  srcuser: "osmatch",
  dstuser: "osmatch",
  srcport: "osmatch",
  dstport: "osmatch",
  srcip: "osmatch",
  dstip: "osmatch",
};
const SAME =
  /^(?:same|different|not_same)_(?:source_ip|srcip|src_port|srcport|dst_port|dstport|srcuser|user|location|id|dstip|agent|url|srcgeoip|protocol|action|data|extra_data|status|system_name|dstgeoip)$/;
/** Known to analysisd, not evaluated here: a rule that has one never fires. */
const UNEVALUATED = new Set([
  "list",
  "compiled_rule",
  "time",
  "weekday",
  "if_fts",
  "if_matched_regex",
  "check_if_ignored",
  "check_diff",
  "srcgeoip",
  "dstgeoip",
]);
const OPTIONS = new Set([
  "alert_by_email",
  "no_email_alert",
  "log_alert",
  "no_log",
  "no_ar",
  "no_full_log",
  "no_counter",
]);

export function readRule(node: OsXmlNode, context: RuleContext): SimRule {
  const attributes = readAttributes(node);
  if (node.children.length === 0) {
    throw new RuleError(
      `Rule '${attributes.id}' without any option. It may lead to false positives and some other problems for the system. Exiting.`,
    );
  }
  const parts = new RuleParts(attributes.id, context);
  for (const child of node.children) parts.add(child);
  return { ...attributes, file: context.file, line: node.line, ...parts.finish() };
}

class RuleParts {
  readonly #id: number;
  readonly #context: RuleContext;
  readonly #expressions = new Map<string, { text: string; type: ExpressionType; negate: boolean }>();
  readonly #fields: { name: string; expression: Expression }[] = [];
  readonly #same: string[] = [];
  readonly #notSame: string[] = [];
  readonly #options = new Set<string>();
  readonly #mitre: string[] = [];
  readonly #texts = new Map<string, string>();
  #group: string;
  #category = "syslog";
  #ifSid: number[] = [];
  #globalFrequency = false;
  #unsupported = false;

  constructor(id: number, context: RuleContext) {
    this.#id = id;
    this.#context = context;
    this.#group = context.group;
  }

  add(node: OsXmlNode): void {
    const name = node.name.toLowerCase();
    const content = node.content;
    const known = Object.hasOwn(EXPRESSIONS, name) ? EXPRESSIONS[name] : undefined;
    if (known !== undefined) this.#addExpression(name, node, known);
    else if (name === "field") this.#addField(node);
    else if (name === "decoded_as") this.#addDecoder(content.trim());
    else if (name === "category") this.#category = content.trim();
    else if (name === "group") this.#group = `${this.#group.replace(/,\s*$/, "")},${content.trim()}`;
    else if (name === "if_sid") this.#ifSid.push(...this.#sids("if_sid", content));
    else if (name === "if_matched_sid") this.#texts.set(name, String(this.#sids("if_matched_sid", content)[0]));
    else if (name === "if_group" || name === "if_matched_group" || name === "if_level" || name === "description")
      this.#texts.set(name, (this.#texts.get(name) ?? "") + content);
    else if (name === "same_field") this.#same.push(content.trim());
    else if (name === "different_field" || name === "not_same_field") this.#notSame.push(content.trim());
    else if (name === "global_frequency") this.#globalFrequency = true;
    else if (name === "options") this.#addOptions(content);
    else if (name === "mitre") this.#mitre.push(...node.children.map((id) => id.content.trim()));
    else if (UNEVALUATED.has(name) || (SAME.test(name) && name !== "same_agent")) this.#unsupported = true;
    else if (name !== "info" && name !== "cve" && name !== "ignore" && name !== "same_agent")
      throw new RuleError(`Invalid option '${node.name}' for rule '${this.#id}'.`);
  }

  finish() {
    const expressions = new Map<string, Expression>();
    for (const [name, { text, type, negate }] of this.#expressions)
      expressions.set(name, this.#compile(name, text, type, negate));
    const matchedSid = this.#texts.get("if_matched_sid");
    const ifMatchedSid = matchedSid === undefined ? undefined : Number(matchedSid);
    const ifMatchedGroup = this.#texts.get("if_matched_group")?.trim();
    const level = this.#texts.get("if_level")?.trim();
    let ifGroup = this.#texts.get("if_group")?.trim();
    let ifSid = this.#ifSid;
    if (ifMatchedGroup !== undefined && ifSid.length === 0 && ifGroup === undefined) ifGroup = ifMatchedGroup;
    if (ifMatchedSid !== undefined && ifSid.length === 0 && ifGroup === undefined) ifSid = [ifMatchedSid];
    return {
      group: this.#group,
      category: this.#category,
      decodedAs: this.#texts.get("decoded_as"),
      description: (this.#texts.get("description") ?? "").trim(),
      mitre: this.#mitre,
      fields: this.#fields,
      expressions,
      ifSid,
      ifGroup,
      ifLevel: level === undefined ? undefined : Number(level),
      ifMatchedSid,
      ifMatchedGroup,
      sameFields: this.#same,
      notSameFields: this.#notSame,
      globalFrequency: this.#globalFrequency,
      options: this.#options,
      unsupported: this.#unsupported,
    };
  }

  /** The same element twice: the texts are joined, as analysisd joins them. */
  #addExpression(name: string, node: OsXmlNode, fallback: ExpressionType): void {
    const before = this.#expressions.get(name)?.text ?? "";
    this.#expressions.set(name, { text: before + node.content, ...this.#manner(node, fallback) });
  }

  #addField(node: OsXmlNode): void {
    const name = attribute(node, "name");
    if (name === undefined) throw new RuleError(`No such attribute 'name' in rule '${this.#id}'.`);
    if (STATIC_FIELDS.has(name)) throw new RuleError(`Field '${name}' is static.`);
    const { type, negate } = this.#manner(node, "osregex");
    this.#fields.push({ name, expression: this.#compile("field", node.content, type, negate) });
  }

  #addDecoder(name: string): void {
    if (!this.#context.decoders.has(name)) throw new RuleError(`Invalid decoder name: '${name}'.`);
    this.#texts.set("decoded_as", name);
  }

  #addOptions(content: string): void {
    for (const option of content.split(",").map((part) => part.trim())) {
      if (!OPTIONS.has(option)) throw new RuleError(`Invalid option '${option}' for rule '${this.#id}'.`);
      this.#options.add(option);
    }
  }

  #manner(node: OsXmlNode, fallback: ExpressionType): { type: ExpressionType; negate: boolean } {
    const given = attribute(node, "type");
    const type = given === "osregex" || given === "osmatch" || given === "pcre2" ? given : fallback;
    return { type, negate: attribute(node, "negate") === "yes" };
  }

  #compile(name: string, text: string, type: ExpressionType, negate: boolean): Expression {
    const compiled = compileExpression(text, type, negate);
    if (compiled === undefined) throw new RuleError(`Syntax error on tag '${name}' in rule '${this.#id}'.`);
    return compiled;
  }

  #sids(option: string, content: string): number[] {
    const ids = content.split(/[\s,]+/).filter((part) => part !== "");
    if (ids.length === 0 || ids.some((id) => !/^[0-9]+$/.test(id)))
      throw new RuleError(`Invalid '${option}' value: '${content}' in rule '${this.#id}'.`);
    return ids.map(Number);
  }
}

function attribute(node: OsXmlNode, name: string): string | undefined {
  return node.attributes.find(([key]) => key === name)?.[1];
}
