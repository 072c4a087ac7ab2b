import { ALERT_FIELDS, type GelfField, MISP_FIELDS } from "../../clients/gelf-fields.ts";
import { TiplineError } from "../../lib/errors.ts";
import type { Parts, PipelinePart } from "./parts.ts";

/** UTF-16 units; at most three bytes each, so below the 32,766 bytes of a keyword. */
export const MAX_FIELD_CHARS = 8000;

/** Fields of logs that do not pass Wazuh, which Tipline is asked about: Graylog's own names for them, and the commonest others. */
export const ASKED_FIELDS = [
  "source_ip",
  "destination_ip",
  "src_ip",
  "dst_ip",
  "query_request",
  "http_host",
  "hash_sha256",
] as const;

const NUMBER_FIELDS = [...ALERT_FIELDS, ...MISP_FIELDS].filter(({ type }) => type === "number");

/** What an index would take for a date on first sight, and would then want in every later message. */
const LOOKS_LIKE_DATE = String.raw`^\s*(\d{4}[-/]\d\d(?:[-/]\d\d(?:[T ][\dTZ:.,+-]{0,40}(?: [\dZ:+-]{0,8})?)?)?)\s*$`;
const DAY = String.raw`\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])`;
const CLOCK = String.raw`(?:[01]\d|2[0-3]):[0-5]\d`;
const DATE = notThis(String.raw`${DAY}(?:T${CLOCK}(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?`);
const WAZUH_TIME = notThis(String.raw`${DAY}T${CLOCK}:[0-5]\d\.\d{3}[+-]\d{4}`);
const NUMBER = notThis(String.raw`\d{1,9}`);
/** The items of a list come with brackets and quotes around them. */
const AROUND_ITEMS = String.raw`^\[|\]$|(?<!\\)"`;

const ESCAPED = String.raw`\\(["\\])`;

/** The pack's rules by name, made from the parts and the table of fields. */
export function makeRules({ rules }: Parts): ReadonlyMap<string, string> {
  const made = new Map<string, string>();
  for (const [name, text] of rules) {
    if (name === "tipline-30-number")
      for (const field of NUMBER_FIELDS) add(made, text.replaceAll("@field", field.name));
    else if (name === "tipline-70-ask") for (const field of ASKED_FIELDS) add(made, text.replaceAll("@field", field));
    else add(made, filled(text));
  }
  return made;
}

function add(made: Map<string, string>, text: string): void {
  const name = /^rule "([^"\n]+)"$/m.exec(text)?.[1];
  if (name === undefined || made.has(name))
    throw new TiplineError("TIP_INTERNAL", `expected one more rule of another name, found ${name ?? "none"}`);
  made.set(name, text);
}

/** Each line `// @…` by the lines that it stands for, indented like it. */
function filled(text: string): string {
  return text.replace(/^( *)\/\/ @([a-z-]+)$/gm, (_, indent: string, marker: string) =>
    linesFor(marker)
      .map((line) => `${indent}${line}`)
      .join("\n"),
  );
}

function linesFor(marker: string): readonly string[] {
  if (marker === "alert-paths") return paths(ALERT_FIELDS, "$.");
  if (marker === "misp-paths") return paths(MISP_FIELDS, "$.data.misp.");
  if (marker === "alert-fields") return ALERT_FIELDS.map((field) => assignment("alert", field));
  if (marker === "misp-fields") return MISP_FIELDS.map((field) => assignment("misp", field));
  if (marker === "asked-malicious")
    return ASKED_FIELDS.map(
      (field, at) => `${at === 0 ? "" : "|| "}to_string($message.tipline_lookup_${field}) == "malicious"`,
    );
  throw new TiplineError("TIP_INTERNAL", `setup/graylog/rules: nothing is known of the marker @${marker}`);
}

/** All of a text that is not just this. */
function notThis(pattern: string): string {
  return String.raw`^(?!${pattern}$)[\s\S]*$`;
}

const paths = (fields: readonly GelfField[], root: string) =>
  fields.map(({ name, path }, at) => `${name}: "${root}${path.join(".")}"${at < fields.length - 1 ? "," : ""}`);

/** Always a string, never too long; empty ones are dropped by Graylog itself. */
function assignment(map: string, { name, type }: GelfField): string {
  const text = `to_string(${map}["${name}"])`;
  const cut = `substring(value: ${text}, start: 0, indexEnd: ${MAX_FIELD_CHARS})`;
  return `set_field(field: "${name}", value: ${shaped(name, type, text, cut)});`;
}

function shaped(name: string, type: GelfField["type"], text: string, cut: string): string {
  if (name === "wazuh_timestamp") return replaced(WAZUH_TIME, text, "");
  if (type === "date") return replaced(DATE, text, "");
  if (type === "number") return replaced(NUMBER, text, "");
  if (type === "list") return replaced(ESCAPED, replaced(AROUND_ITEMS, cut, ""), "$1");
  return replaced(LOOKS_LIKE_DATE, cut, '"$1"');
}

function replaced(pattern: string, value: string, by: string): string {
  return `regex_replace(pattern: ${quoted(pattern)}, value: ${value}, replacement: ${quoted(by)})`;
}

/** As the rule language writes a string. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** The pipeline in Graylog's language; `name-*` stands for all rules that begin so. */
export function pipelineSource(part: PipelinePart, rules: ReadonlyMap<string, string>): string {
  const stages = part.stages.map((names, at) => {
    const meant = names.flatMap((name) => named(name, [...rules.keys()]));
    return [`stage ${at} match pass`, ...meant.map((name) => `  rule "${name}";`)].join("\n");
  });
  return [`pipeline "${part.title}"`, ...stages, "end", ""].join("\n");
}

function named(name: string, all: readonly string[]): readonly string[] {
  const found = name.endsWith("*")
    ? all.filter((rule) => rule.startsWith(name.slice(0, -1)))
    : all.filter((rule) => rule === name);
  if (found.length === 0)
    throw new TiplineError("TIP_INTERNAL", `setup/graylog/pipelines.yaml: there is no rule ${name}`);
  return found;
}
