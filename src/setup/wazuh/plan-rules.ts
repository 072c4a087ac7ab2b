import { basename, join, relative } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import type { Installation } from "./installation.ts";
import { applySplices, type OssecConf, type Splice } from "./ossec-conf.ts";
import { wholeLines } from "./ossec-conf-edit.ts";
import { type Draft, ownerLike, readable } from "./plan-draft.ts";
import { type CatalogRule, loadRules, type RuleCatalog } from "./rule-catalog.ts";
import { collisions, loadedRules } from "./rule-catalog-checks.ts";
import { BLOCK_SIZE, checkBlock, RULES_FILE, renderRules, ruleIds } from "./rules.ts";
import { renderVisibility, takesLinuxSysmon, VISIBILITY_FILES, VISIBILITY_PARTS, visibilityIds } from "./visibility.ts";
import { parseXml, type XmlNode } from "./xml.ts";

export interface RulesWanted {
  readonly block: number;
  readonly api: boolean;
  /** Undefined: what is there of it stays. */
  readonly visibility: boolean | undefined;
}

export interface RulesPlan {
  /** Name of our rules file: it has to be read before every rule of the user that hangs under ours. */
  readonly file: string;
  readonly ids: ReadonlySet<number>;
  /** As the manager loads them now. */
  readonly loaded: readonly CatalogRule[];
  readonly notes: readonly string[];
}

/** Read before any other file of the user's. */
export const EARLY_RULES_FILE = "0000-tipline_rules.xml";
const OUR_RULES = [RULES_FILE, EARLY_RULES_FILE];
/** 660, as Wazuh's own local_rules.xml. */
const RULES_MODE = 0o660;
/** The community's ids, which ours take over. */
const COMMUNITY: ReadonlySet<number> = new Set([100_620, 100_621, 100_622]);

/** Names below `etc/` of every file of ours that analysisd reads. */
export function ourFileNames(): readonly string[] {
  return [...OUR_RULES, ...VISIBILITY_FILES.map(({ name }) => name)];
}

/** Puts our rules in place of the community's, and what they need. */
export function planRules(draft: Draft, installation: Installation, conf: OssecConf, wanted: RulesWanted): RulesPlan {
  checkBlock(wanted.block);
  const catalog = loadRules(installation, conf);
  const notes: string[] = [];
  const ids = wantedIds(wanted);
  const ours = new Set(ourFileNames());
  const foreign = catalog.rules.filter(({ file }) => !ours.has(basename(file)));
  refuseTaken(foreign, ids);
  for (const file of new Set(taken(foreign, COMMUNITY).map((rule) => rule.file))) takeOver(draft, file, notes);
  const file = dependsEarly(foreign, ids) ? EARLY_RULES_FILE : RULES_FILE;
  if (file === EARLY_RULES_FILE)
    notes.push(
      `${file} is so called because rules of yours hang under ours, and files are read in the order of their names`,
    );
  const { localRules } = installation.paths;
  const options = { block: wanted.block, api: wanted.api, logAlertLevel: logAlertLevel(conf) };
  putFile(draft, installation, join(localRules, file), renderRules(options), "Tipline's rules");
  for (const name of OUR_RULES) if (name !== file) draft.remove(join(localRules, name), `${file} takes its place`);
  planVisibility(draft, installation, wanted, options, catalog, notes);
  return { file, ids, loaded: loadedRules(catalog).rules, notes };
}

/** Of a block only what is in our files: it is larger than what is used of it. */
function wantedIds({ block, visibility }: RulesWanted): ReadonlySet<number> {
  const { sysmon, sysmonLinux, packetbeat } = visibilityIds(block);
  const more = visibility === false ? [] : [sysmon, sysmonLinux, packetbeat].flatMap((ids) => Object.values(ids));
  return new Set([...Object.values(ruleIds(block)), ...more]);
}

function taken(rules: readonly CatalogRule[], ids: ReadonlySet<number>): readonly CatalogRule[] {
  return collisions({ rules, files: [], problems: [] }, ids, []);
}

/** An id of the block that is somebody else's cannot be taken over: what their rule does is theirs to know. */
function refuseTaken(rules: readonly CatalogRule[], ids: ReadonlySet<number>): void {
  const [first] = taken(rules, ids).filter(({ id }) => !COMMUNITY.has(id));
  if (!first) return;
  const used = new Set(rules.map(({ id }) => id));
  const clash = (from: number) =>
    Array.from({ length: BLOCK_SIZE }, (_, n) => from + n).some((id) => used.has(id) || COMMUNITY.has(id));
  // Hundreds: easy to remember, and Wazuh keeps 100000 to 120000 for rules of one's own.
  let free = 100_700;
  while (clash(free) && free < 119_900) free += 100;
  throw new TiplineError(
    "TIP_CONFIG_INVALID",
    `rule id ${first.id} is taken by ${first.file}:${first.line} ("${first.description.slice(0, 80)}"): choose another block with --rule-block ${free}`,
  );
}

/** True when a rule that is read before our usual file, and stays, has one of ours for a parent. */
function dependsEarly(foreign: readonly CatalogRule[], ids: ReadonlySet<number>): boolean {
  return foreign.some(
    ({ id, file, ifSid, ifMatchedSid, overwrite }) =>
      basename(file) < RULES_FILE &&
      !(COMMUNITY.has(id) && !overwrite) &&
      ((overwrite && ids.has(id)) ||
        [...ifSid, ...(ifMatchedSid === undefined ? [] : [ifMatchedSid])].some((sid) => ids.has(sid))),
  );
}

/** Takes the community's rules out of a file, and the file away where nothing else is in it. */
function takeOver(draft: Draft, file: string, notes: string[]): void {
  const path = join(draft.prefix, file);
  const text = draft.text(path);
  if (text === undefined) return;
  if (file.startsWith("ruleset/"))
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `${file} has rules 100620 to 100622 among Wazuh's own, which the next upgrade overwrites: move them to etc/rules, then try again`,
    );
  const groups = parseXml(text, file);
  const isRule = (node: XmlNode) => node.name === "rule";
  const ours = (node: XmlNode) =>
    isRule(node) && COMMUNITY.has(Number(node.attributes.get("id"))) && node.attributes.get("overwrite") !== "yes";
  const splices: Splice[] = [];
  let left = 0;
  for (const group of groups) {
    const gone = group.children.filter(ours);
    const all = gone.length > 0 && gone.length === group.children.length;
    if (!all) left++;
    for (const node of all ? [group] : gone) splices.push({ ...wholeLines(text, node), text: "" });
  }
  const relativePath = relative(draft.prefix, path);
  if (left === 0)
    draft.remove(path, "its rules 100620 to 100622 are in Tipline's file now, and a second one of an id is dropped");
  else
    draft.write(
      path,
      applySplices(text, splices),
      "rules 100620 to 100622 are in Tipline's file now, and a second one of an id is dropped",
    );
  notes.push(
    `${relativePath}: rules 100620 to 100622 ${left === 0 ? "were all it had" : "are taken out"}; Tipline's have the same ids, groups and fields. If you had changed theirs (level, e-mail), change Tipline's by a rule with overwrite="yes" in a file that sorts after it`,
  );
}

function logAlertLevel(conf: OssecConf): number {
  const level = Number(conf.last("alerts", "log_alert_level") ?? 3);
  return Number.isInteger(level) && level >= 1 && level <= 16 ? level : 3;
}

/** A file of ours in `etc`: whole, and readable by the manager whoever ran this. An owner that does is kept. */
function putFile(draft: Draft, installation: Installation, path: string, content: string, why: string): void {
  const folder = join(path, "..");
  const found = draft.found(path);
  const text = Buffer.from(content, "utf8").toString("latin1");
  const neighbour = folder.endsWith("rules") ? "local_rules.xml" : "local_decoder.xml";
  const owner =
    found && readable(found, installation) && (found.mode & 0o002) === 0
      ? found
      : ownerLike(draft, installation, folder, neighbour, RULES_MODE);
  const { mode, uid, gid } = owner;
  draft.write(path, text, why, { owner: { mode, uid, gid } });
}

function planVisibility(
  draft: Draft,
  installation: Installation,
  wanted: RulesWanted,
  options: { readonly block: number; readonly logAlertLevel: number },
  catalog: RuleCatalog,
  notes: string[],
): void {
  if (wanted.visibility === undefined) return;
  const { localRules, localDecoders } = installation.paths;
  const folder = { rules: localRules, decoders: localDecoders };
  const files = wanted.visibility ? visibilityFiles(draft, installation, options, catalog, notes) : [];
  for (const { kind, name, content } of files)
    putFile(draft, installation, join(folder[kind], name), content, `visibility: ${kind}`);
  const names = new Set(files.map(({ name }) => name));
  for (const { kind, name } of VISIBILITY_FILES)
    if (!names.has(name)) draft.remove(join(folder[kind], name), "no longer wanted");
}

function visibilityFiles(
  draft: Draft,
  installation: Installation,
  options: { readonly block: number; readonly logAlertLevel: number },
  catalog: RuleCatalog,
  notes: string[],
) {
  // Where only a container's volumes are mounted the stock rules cannot be seen; the manager's own test will tell.
  const seen = catalog.files.some((file) => file.startsWith("ruleset/"));
  const other = otherLinuxDecoder(draft, installation);
  if (other !== undefined)
    notes.push(`etc/decoders/${other} decodes Sysmon for Linux already: ours and its rules are left out`);
  return renderVisibility({
    ...options,
    parts: VISIBILITY_PARTS.filter((part) => other === undefined || part !== "sysmon-linux"),
    ...(seen && { knownIds: loadedRules(catalog).byId }),
  });
}

function otherLinuxDecoder(draft: Draft, { paths }: Installation): string | undefined {
  const ours = new Set(ourFileNames());
  return draft
    .list(paths.localDecoders)
    .filter((name) => name.endsWith(".xml") && !ours.has(name))
    .find((name) => takesLinuxSysmon(draft.text(join(paths.localDecoders, name)) ?? ""));
}
