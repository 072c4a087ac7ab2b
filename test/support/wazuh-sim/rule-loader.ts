import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DecoderError, DecoderTree } from "./decoder-tree.ts";
import { applyVariables, OsXmlError, type OsXmlNode, readOsXml } from "./os-xml.ts";
import { type LoadMessage, message } from "./rule.ts";
import { RuleError, readRule, readRuleId } from "./rule-reader.ts";
import { RuleTree } from "./rule-tree.ts";

/** Who the daemon is, for what it may read: mode bits decide, also where the test runs as root. */
export interface DaemonUser {
  readonly uid: number;
  readonly gid: number;
}

export interface LoadedRules {
  readonly tree: RuleTree;
  readonly decoders: DecoderTree;
  readonly messages: readonly LoadMessage[];
  /** False: analysisd refuses to start, and a reload keeps what was loaded. */
  readonly ok: boolean;
  /** Values of `<alerts>`. */
  readonly logLevel: number;
  readonly mailLevel: number;
  readonly jsonOut: boolean;
}

/** Everything that analysisd loads from a prefix, in its order, with what it says about it. */
export function loadRules(prefix: string, user: DaemonUser): LoadedRules {
  const messages: LoadMessage[] = [];
  const tree = new RuleTree();
  const decoders = new DecoderTree();
  const failed = (): LoadedRules => ({
    tree,
    decoders,
    messages,
    ok: false,
    logLevel: 3,
    mailLevel: 12,
    jsonOut: true,
  });
  const conf = readConf(prefix, messages);
  if (conf === undefined) return failed();
  if (!loadDecoders(prefix, conf, decoders, messages)) return failed();
  for (const file of ruleFiles(prefix, conf)) {
    if (!mayRead(join(prefix, file), user)) {
      messages.push(message("WARNING", 1103, `Could not open file '${file}' due to [(13)-(Permission denied)].`));
      continue;
    }
    const problem = readRoots(prefix, file, (root) => loadGroup(root, file, decoders.names, tree, messages));
    if (problem === undefined) continue;
    messages.push(problem, message("CRITICAL", 1220, `Error loading the rules: '${file}'.`));
    return failed();
  }
  return {
    tree,
    decoders,
    messages,
    ok: true,
    logLevel: Number(lastValue(conf, "alerts", "log_alert_level") ?? 3),
    mailLevel: Number(lastValue(conf, "alerts", "email_alert_level") ?? 12),
    jsonOut: lastValue(conf, "global", "jsonout_output") !== "no",
  };
}

function readConf(prefix: string, messages: LoadMessage[]): readonly OsXmlNode[] | undefined {
  const file = "etc/ossec.conf";
  try {
    return readOsXml(readFileSync(join(prefix, file), "utf8"));
  } catch (thrown) {
    const detail = thrown instanceof OsXmlError ? thrown : new OsXmlError(`File '${file}' not found.`, 0);
    messages.push(
      message("ERROR", 1226, `Error reading XML file '${file}': ${detail.message} (line ${detail.line}).`),
      message("CRITICAL", 1202, `Configuration error at '${file}'.`),
    );
    return undefined;
  }
}

/** Of all `<ossec_config>` roots the last value counts. */
function lastValue(conf: readonly OsXmlNode[], section: string, name: string): string | undefined {
  return sections(conf, section)
    .flatMap((node) => node.children)
    .findLast((node) => node.name === name)
    ?.content.trim();
}

function sections(conf: readonly OsXmlNode[], name: string): OsXmlNode[] {
  return conf
    .filter((root) => root.name === "ossec_config")
    .flatMap((root) => root.children.filter((c) => c.name === name));
}

/** By `<ruleset>`: includes as named, each folder's `.xml` files sorted by bytes, without the excluded. */
function ruleFiles(prefix: string, conf: readonly OsXmlNode[]): string[] {
  const entries = sections(conf, "ruleset").flatMap((node) => node.children);
  const excluded = entries.filter((node) => node.name === "rule_exclude").map((node) => node.content.trim());
  const isExcluded = (file: string) =>
    excluded.some(
      (name) => file === name || basename(file) === name || `${basename(dirname(file))}/${basename(file)}` === name,
    );
  const files: string[] = [];
  for (const node of entries) {
    const content = node.content.trim();
    if (node.name === "rule_include") files.push(content);
    else if (node.name === "rule_dir") files.push(...xmlFiles(prefix, content).filter((file) => !files.includes(file)));
  }
  if (!entries.some((node) => node.name === "rule_dir" || node.name === "rule_include"))
    files.push(...xmlFiles(prefix, "ruleset/rules"), ...xmlFiles(prefix, "etc/rules"));
  return files.filter((file) => !isExcluded(file));
}

function xmlFiles(prefix: string, folder: string): string[] {
  try {
    return readdirSync(join(prefix, folder))
      .filter((name) => name.endsWith(".xml"))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Decoders that exist without a file. */
const BUILT_IN = [
  "json",
  "syscheck_integrity_changed",
  "syscheck_deleted",
  "syscheck_new_entry",
  "windows_eventchannel",
  "ossec",
  "rootcheck",
  "sca",
];

/** Every decoder file; false: one of them is refused. */
function loadDecoders(prefix: string, conf: readonly OsXmlNode[], tree: DecoderTree, messages: LoadMessage[]): boolean {
  tree.know(BUILT_IN);
  const given = sections(conf, "ruleset").flatMap((node) => node.children.filter((c) => c.name === "decoder_dir"));
  const folders = given.length > 0 ? given.map((node) => node.content.trim()) : ["ruleset/decoders", "etc/decoders"];
  for (const file of folders.flatMap((folder) => xmlFiles(prefix, folder))) {
    const problem = readRoots(prefix, file, (root) => tree.add(root));
    if (problem === undefined) continue;
    messages.push(problem, message("CRITICAL", 1202, `Configuration error at '${file}'.`));
    return false;
  }
  return true;
}

/** Gives each root element to `take`; the message of what is wrong with the file. */
function readRoots(prefix: string, file: string, take: (root: OsXmlNode) => void): LoadMessage | undefined {
  try {
    const text = readFileSync(join(prefix, file), "utf8");
    if (text === "") return undefined;
    for (const root of applyVariables(readOsXml(text, { bareAmpersand: false }))) take(root);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof RuleError || thrown instanceof DecoderError)
      return message("ERROR", undefined, thrown.message);
    const detail = thrown instanceof OsXmlError ? thrown : new OsXmlError(`File '${file}' not found.`, 0);
    if (!(thrown instanceof OsXmlError) && (thrown as NodeJS.ErrnoException).code === undefined) throw thrown;
    return message("ERROR", 1226, `Error reading XML file '${file}': ${detail.message} (line ${detail.line}).`);
  }
}

function loadGroup(
  root: OsXmlNode,
  file: string,
  decoders: ReadonlySet<string>,
  tree: RuleTree,
  messages: LoadMessage[],
): void {
  if (root.name !== "group")
    throw new RuleError(`rules_op: Invalid root element "${root.name}".Only "group" is allowed`);
  const [first, second] = root.attributes;
  if (first?.[0] !== "name" || second !== undefined)
    throw new RuleError(`rules_op: Invalid root element '${root.name}'.Only the group name is allowed`);
  if (root.children.length === 0) throw new RuleError(`Group '${root.name}' without any rule.`);
  for (const node of root.children) {
    if (node.name !== "rule") throw new RuleError(`Invalid configuration. '${node.name}' is not a valid element.`);
    const { id, overwrite } = readRuleId(node);
    if (!overwrite && tree.rule(id) !== undefined) {
      messages.push(
        message("WARNING", 7612, `Rule ID '${id}' is duplicated. Only the first occurrence will be considered.`),
      );
      continue;
    }
    messages.push(...tree.add(readRule(node, { file, group: first[1], decoders })));
  }
}

/** By owner, group and others of the file and of each folder below the prefix; a missing file fails later, in its own way. */
function mayRead(path: string, user: DaemonUser): boolean {
  const allowed = (stat: Stats, bit: number) => {
    const shift = stat.uid === user.uid ? 6 : stat.gid === user.gid ? 3 : 0;
    return ((stat.mode >> shift) & bit) !== 0;
  };
  try {
    return allowed(statSync(path), 4) && allowed(statSync(dirname(path)), 1);
  } catch {
    return true;
  }
}
