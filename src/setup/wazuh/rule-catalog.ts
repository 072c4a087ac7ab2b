import { readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { asError, TiplineError } from "../../lib/errors.ts";
import type { Installation } from "./installation.ts";
import type { OssecConf } from "./ossec-conf.ts";
import type { Test } from "./rule-catalog-pattern.ts";
import { type ListingProblem, rulesetFiles } from "./ruleset-files.ts";
import { parseXml, type XmlNode } from "./xml.ts";

/** A rule as its file has it. Only what Tipline's checks look at; `others` names every further condition. */
export interface CatalogRule {
  readonly id: number;
  readonly level: number;
  /** Those of the file's `<group name>` and of the rule, joined as Wazuh does: without a comma two names become one. */
  readonly groups: readonly string[];
  readonly description: string;
  readonly ifSid: readonly number[];
  readonly ifGroup: string | undefined;
  readonly ifLevel: number | undefined;
  readonly ifMatchedSid: number | undefined;
  readonly ifMatchedGroup: string | undefined;
  readonly category: string | undefined;
  readonly decodedAs: string | undefined;
  readonly fields: readonly FieldTest[];
  readonly match: readonly Test[];
  readonly regex: readonly Test[];
  readonly location: Test | undefined;
  readonly options: readonly string[];
  /** Names of conditions that are not told above: `program_name`, `srcip`, `list` … */
  readonly others: readonly string[];
  readonly frequency: number | undefined;
  readonly timeframe: number | undefined;
  readonly overwrite: boolean;
  readonly noAlert: boolean;
  /** Path as the manager writes it, relative to its prefix: `etc/rules/local_rules.xml`. */
  readonly file: string;
  readonly line: number;
}

export interface FieldTest extends Test {
  readonly name: string;
}

/** A file that analysisd could not load as a whole, and why. */
export interface FileProblem {
  /** `unreadable`: analysisd warns (1103) and goes on without its rules; `broken`: analysisd refuses to start. */
  readonly kind: "unreadable" | "broken";
  readonly file: string;
  readonly reason: string;
}

/** Every rule of the manager's files, in the order in which analysisd reads them; nothing is dropped or overwritten yet. */
export interface RuleCatalog {
  readonly rules: readonly CatalogRule[];
  /** Files read, in that order, relative to the prefix. */
  readonly files: readonly string[];
  /** Those that `<rule_include>` names: analysisd warns when one is missing. */
  readonly named: readonly string[];
  readonly problems: readonly FileProblem[];
}

export interface LoadOptions {
  /** Ids of whom analysisd runs as: a file that they may not read is unreadable, whoever asks. Default: the owner of its files. */
  readonly reader?: { readonly uid: number; readonly gid: number } | undefined;
}

/** A stock ruleset is about 4 MB in 180 files; a rule file larger than this is none. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Reads the rules that analysisd would load with this configuration. */
export function loadRules(installation: Installation, conf: OssecConf, options: LoadOptions = {}): RuleCatalog {
  const reader = options.reader ?? installation.user;
  const rules: CatalogRule[] = [];
  const files: string[] = [];
  const problems: FileProblem[] = [];
  const listing: ListingProblem[] = [];
  const { all: wanted, named } = rulesetFiles(installation.prefix, conf, "rule", listing);
  problems.push(...listing.map((problem) => ({ kind: "unreadable" as const, ...problem })));
  for (const file of wanted) {
    files.push(file);
    const text = readRuleFile(join(installation.prefix, file), reader);
    if ("reason" in text) {
      problems.push({ kind: "unreadable", file, reason: text.reason });
      continue;
    }
    try {
      rules.push(...parseRules(text.content, file));
    } catch (error) {
      problems.push({ kind: "broken", file, reason: asError(error).message });
    }
  }
  return { rules, files, named, problems };
}

function readRuleFile(path: string, reader: LoadOptions["reader"]): { content: string } | { reason: string } {
  try {
    const stat = statSync(path);
    const { mode, uid, gid, size } = stat;
    if (!stat.isFile()) return { reason: "it is no file" };
    if (size > MAX_FILE_BYTES) return { reason: `it is larger than ${MAX_FILE_BYTES} bytes` };
    if (reader !== undefined && !mayRead(mode, { uid, gid }, reader))
      return {
        reason: `owner ${uid}:${gid} with mode ${(mode & 0o777).toString(8)} keeps analysisd's user ${reader.uid}:${reader.gid} from reading it`,
      };
    return { content: readFileSync(path, "latin1") };
  } catch (error) {
    return { reason: asError(error).message };
  }
}

function mayRead(mode: number, owner: { uid: number; gid: number }, reader: { uid: number; gid: number }): boolean {
  if (reader.uid === 0) return true;
  if (owner.uid === reader.uid) return (mode & 0o400) !== 0;
  if (owner.gid === reader.gid) return (mode & 0o040) !== 0;
  return (mode & 0o004) !== 0;
}

/** Rules of one file's text, in order. Throws TIP_INPUT_INVALID for XML that Wazuh refuses too, and for nothing but comments. */
export function parseRules(text: string, file = "rules.xml"): readonly CatalogRule[] {
  const rules: CatalogRule[] = [];
  const groups = parseXml(text, basename(file));
  if (text !== "" && !groups.some(({ name }) => name === "group"))
    throw new TiplineError("TIP_INPUT_INVALID", `${basename(file)}: expected a <group>, found none`);
  for (const group of groups) {
    if (group.name !== "group") continue;
    const name = group.attributes.get("name") ?? "";
    for (const rule of group.children) if (rule.name === "rule") rules.push(toRule(rule, name, file));
  }
  return rules;
}

const KNOWN = new Set([
  ...["if_sid", "if_group", "if_level", "if_matched_sid", "if_matched_group", "category", "decoded_as"],
  ...["field", "match", "regex", "location", "options", "group", "description", "mitre", "info", "cve"],
  ...["ignore", "check_if_ignored", "global_frequency", "same_field", "different_field", "not_same_field"],
]);

function toRule(node: XmlNode, groupName: string, file: string): CatalogRule {
  const texts = (name: string): readonly string[] =>
    node.children.filter((child) => child.name === name).map((child) => child.text);
  const first = (name: string): string | undefined => texts(name)[0]?.trim();
  const numberOf = (value: string | undefined): number | undefined =>
    value !== undefined && /^\d{1,9}$/.test(value.trim()) ? Number(value) : undefined;
  const tests = (name: string, type: Test["type"]): readonly Test[] =>
    node.children.filter((child) => child.name === name).map((child) => toTest(child, type));
  return {
    id: numberOf(node.attributes.get("id")) ?? -1,
    level: numberOf(node.attributes.get("level")) ?? -1,
    groups: [groupName, ...texts("group")].join("").split(",").map(trim).filter(isFilled),
    description: texts("description").join(""),
    ifSid: texts("if_sid")
      .join("")
      .split(/[\s,]+/)
      .filter(isFilled)
      .map(Number),
    ifGroup: first("if_group"),
    ifLevel: numberOf(first("if_level")),
    ifMatchedSid: numberOf(first("if_matched_sid")),
    ifMatchedGroup: first("if_matched_group"),
    category: first("category"),
    decodedAs: first("decoded_as"),
    fields: node.children
      .filter((child) => child.name === "field")
      .map((child) => ({ name: child.attributes.get("name") ?? "", ...toTest(child, "osregex") })),
    match: tests("match", "osmatch"),
    regex: tests("regex", "osregex"),
    location: tests("location", "osmatch")[0],
    options: texts("options").map(trim),
    others: node.children.map(({ name }) => name).filter((name) => !KNOWN.has(name)),
    frequency: numberOf(node.attributes.get("frequency")),
    timeframe: numberOf(node.attributes.get("timeframe")),
    overwrite: node.attributes.get("overwrite") === "yes",
    noAlert: node.attributes.get("noalert") === "1",
    file,
    line: node.line,
  };
}

function toTest({ attributes, text }: XmlNode, standard: Test["type"]): Test {
  const type = attributes.get("type")?.toLowerCase();
  return {
    pattern: text,
    type: type === "pcre2" || type === "osregex" || type === "osmatch" ? type : standard,
    negate: attributes.get("negate")?.toLowerCase() === "yes",
  };
}

const trim = (text: string): string => text.trim();
const isFilled = (text: string): boolean => text !== "";
