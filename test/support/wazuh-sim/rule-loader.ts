import { existsSync, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DecoderError, DecoderTree } from "./decoder-tree.ts";
import { compileExpression } from "./expression.ts";
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
  for (const file of listedFiles(prefix, conf, "rule")) {
    const unopened = !existsSync(join(prefix, file))
      ? "(2)-(No such file or directory)"
      : mayRead(join(prefix, file), user)
        ? undefined
        : "(13)-(Permission denied)";
    if (unopened !== undefined) {
      messages.push(message("WARNING", 1103, `Could not open file '${file}' due to [${unopened}].`));
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

type Listed = "rule" | "decoder";

/**
 * By the last `<ruleset>`, which begins its lists anew: what is named, then what folders add that is neither excluded nor there; then
 * all sorted by the name without its folder [source: rules-config.c]. Without a folder only the stock one is read.
 */
function listedFiles(prefix: string, conf: readonly OsXmlNode[], kind: Listed): string[] {
  const stock = `ruleset/${kind}s`;
  const entries = sections(conf, "ruleset").at(-1)?.children ?? [];
  const texts = (name: string) => entries.filter((node) => node.name === name).map((node) => node.content.trim());
  const files = texts(`${kind}_include`).map((name) => (name.includes("/") ? name : `${stock}/${name}`));
  const excluded = texts(`${kind}_exclude`);
  const folders = entries.filter((node) => node.name === `${kind}_dir`);
  const dirs = folders.map((node) => ({ folder: node.content.trim(), pattern: attribute(node, "pattern") ?? ".xml$" }));
  for (const { folder, pattern } of dirs.length > 0 ? dirs : [{ folder: stock, pattern: ".xml$" }])
    for (const name of namesIn(prefix, folder)) {
      const file = `${folder}/${name}`;
      const known = excluded.includes(file) || excluded.includes(name) || files.includes(file) || files.includes(name);
      if (!known && compileExpression(pattern, "osregex")?.matches(file) === true) files.push(file);
    }
  return files.sort((a, b) => Buffer.compare(Buffer.from(basename(a)), Buffer.from(basename(b))));
}

function attribute(node: OsXmlNode, name: string): string | undefined {
  return node.attributes.find(([key]) => key === name)?.[1];
}

function namesIn(prefix: string, folder: string): string[] {
  try {
    return readdirSync(join(prefix, folder));
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
  for (const file of listedFiles(prefix, conf, "decoder")) {
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
    const roots = applyVariables(readOsXml(text, { bareAmpersand: false }));
    // Nothing but comments [source: rules.c].
    if (roots.length === 0) return message("ERROR", 1202, `Configuration error at '${file}'.`);
    for (const root of roots) take(root);
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
