import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { asError, systemCode } from "../../lib/errors.ts";
import type { OssecConf } from "./ossec-conf.ts";
import { compileOsRegex } from "./rule-catalog-pattern.ts";
import type { XmlNode } from "./xml.ts";

/** What analysisd reads by `<ruleset>`, in two lists of their own. */
export type RulesetKind = "rule" | "decoder";

/** A folder or file that was named and cannot be listed, and why. */
export interface ListingProblem {
  readonly file: string;
  readonly reason: string;
}

const DEFAULT_DIR = { rule: "ruleset/rules", decoder: "ruleset/decoders" } as const;
const DEFAULT_PATTERN = ".xml$";
/** Where the manager is by its own account, whatever the prefix here. */
const MANAGER_PREFIX = "/var/ossec";
const MAX_FILES = 5_000;

/**
 * Relative paths in the order in which analysisd reads them: all together by their names without folders, byte by byte. So a
 * file of `etc/rules` may come before a stock one. Files that are named stand once, and folders add what is neither named nor
 * excluded [source: rules-config.c].
 */
export function rulesetFiles(
  prefix: string,
  conf: OssecConf,
  kind: RulesetKind,
  problems: ListingProblem[] = [],
): { readonly all: readonly string[]; readonly named: readonly string[] } {
  const { named, folders, excluded } = rulesetOf(prefix, conf, kind);
  const files = new Set(named);
  for (const folder of folders)
    for (const name of listFolder(prefix, folder.path, problems)) {
      const file = `${folder.path}/${name}`;
      if (!excludes(excluded, file) && folder.takes(file)) files.add(file);
    }
  return { all: [...files].sort(byName).slice(0, MAX_FILES), named };
}

/** Whether analysisd would read this file (`etc/rules/x.xml`) if it were there. */
export function readsFile(prefix: string, conf: OssecConf, kind: RulesetKind, file: string): boolean {
  const { named, folders, excluded } = rulesetOf(prefix, conf, kind);
  if (named.includes(file)) return true;
  return !excludes(excluded, file) && folders.some(({ path, takes }) => path === dirname(file) && takes(file));
}

/** The line that keeps a file out although its folder is read. */
export function exclusionOf(prefix: string, conf: OssecConf, kind: RulesetKind, file: string): XmlNode | undefined {
  return rulesetOf(prefix, conf, kind).excluded.find((node) => excludes([node], file));
}

/** Only the last `<ruleset>` counts: each begins the lists anew. Without a folder in it the stock one is read, and no other. */
function rulesetOf(prefix: string, conf: OssecConf, kind: RulesetKind) {
  const children = conf.all("ruleset").at(-1)?.children ?? [];
  const of = (name: string) => children.filter((child) => child.name === `${kind}_${name}`);
  const named = of("include").map(({ text }) => {
    const path = relativePath(prefix, text);
    return path.includes("/") ? path : `${DEFAULT_DIR[kind]}/${path}`;
  });
  const folders = of("dir").map((node) => ({ path: relativePath(prefix, node.text), takes: patternOf(node) }));
  if (folders.length === 0) folders.push({ path: DEFAULT_DIR[kind], takes: isXml });
  return { named, folders, excluded: of("exclude") };
}

function relativePath(prefix: string, text: string): string {
  const path = text.trim().replace(/\/+$/, "");
  const below = [prefix, MANAGER_PREFIX].find((folder) => path.startsWith(`${folder}/`));
  return below === undefined ? path : path.slice(below.length + 1);
}

function patternOf({ attributes }: XmlNode): (file: string) => boolean {
  const matches = compileOsRegex(attributes.get("pattern") ?? DEFAULT_PATTERN);
  return matches ?? isXml;
}

const isXml = (file: string): boolean => file.endsWith(".xml");

function excludes(excluded: readonly XmlNode[], file: string): boolean {
  return excluded.some(({ text }) => [file, basename(file)].includes(text.trim()));
}

function listFolder(prefix: string, path: string, problems: ListingProblem[]): readonly string[] {
  try {
    return readdirSync(join(prefix, path)).sort(byBytes);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") problems.push({ file: path, reason: asError(error).message });
    return [];
  }
}

/** The order of reading: by the name without its folder. */
export function byName(a: string, b: string): number {
  return byBytes(basename(a), basename(b));
}

/** As strcmp does. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
