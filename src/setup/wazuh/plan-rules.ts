import { basename, join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import type { Installation } from "./installation.ts";
import type { OssecConf } from "./ossec-conf.ts";
import { type Draft, ownerLike, readable } from "./plan-draft.ts";
import { chooseName, foreignFiles, inOrder, ourRuleFiles, RULES_FILES } from "./plan-rules-order.ts";
import { COMMUNITY, takeOver } from "./plan-takeover.ts";
import { type CatalogRule, loadRules, type RuleCatalog } from "./rule-catalog.ts";
import { blindedCounters, collisions, type LoadedRules, loadedRules } from "./rule-catalog-checks.ts";
import { catchAlls, type OursAmong, type Taker } from "./rule-takers.ts";
import { BLOCK_SIZE, checkBlock, RULES_FILE, renderRules, ruleIds } from "./rules.ts";
import { renderVisibility, takesLinuxSysmon, VISIBILITY_FILES, VISIBILITY_PARTS, visibilityIds } from "./visibility.ts";

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

/** 660, as Wazuh's own local_rules.xml. */
const RULES_MODE = 0o660;
/** Names below `etc/` of every file that is or was ours. */
export function ourFileNames(): readonly string[] {
  return [...RULES_FILES, ...VISIBILITY_FILES.map(({ name }) => name)];
}

/** Puts our rules in place of the community's, and what they need. */
export function planRules(draft: Draft, installation: Installation, conf: OssecConf, wanted: RulesWanted): RulesPlan {
  checkBlock(wanted.block);
  const catalog = loadRules(installation, conf);
  const notes: string[] = [];
  const ids = wantedIds(draft, installation, wanted);
  const ours: ReadonlySet<string> = new Set(ourFileNames());
  const foreign = catalog.rules.filter(({ file }) => !ours.has(basename(file)));
  refuseTaken(foreign, ids);
  const changed = takeOver(draft, catalog, foreign, notes);
  const { localRules } = installation.paths;
  const options = { block: wanted.block, api: wanted.api, logAlertLevel: logAlertLevel(conf) };
  const text = renderRules(options);
  const theirs = foreignFiles(catalog, changed);
  const now = loadedRules(catalog);
  const own = ruleIds(wanted.block);
  const { name: file, takers } = chooseName(theirs, text, now, (name) => own[name]);
  if (file !== RULES_FILE)
    notes.push(
      `${file} is so called because rules of yours hang under ours, or would be tried before ours: files are read in the order of their names`,
    );
  notes.push(...takerNotes(takers));
  putFile(draft, installation, join(localRules, file), text, "Tipline's rules");
  for (const name of RULES_FILES) if (name !== file) draft.remove(join(localRules, name), `${file} takes its place`);
  planVisibility(draft, installation, wanted, options, catalog, notes);
  const loaded = loadedRules({ rules: inOrder([...theirs, ...ourRuleFiles(draft, localRules)]) });
  notes.push(...blindedNotes(loaded, now), ...shadowNotes({ loaded, ids, idOf: (name) => own[name] }));
  return { file, ids, loaded: loaded.rules, notes };
}

/** Rules that no name of ours helps against: findings would not alert as rule 100622. */
function takerNotes(takers: readonly Taker[]): readonly string[] {
  return takers
    .slice(0, 5)
    .map(
      ({ rule: { id, level, file, line }, missed, samples }) =>
        `${file}:${line}: rule ${id}, level ${level}, takes events of Tipline's before rule ${missed} is tried (${samples.join(", ")}): \`tipline doctor wazuh\` prints what mends it`,
    );
}

/** Rules below ours, mostly by the group misp_alert, that leave nothing to ours. */
function shadowNotes(rules: OursAmong): readonly string[] {
  return catchAlls(rules)
    .slice(0, 5)
    .map(
      ({ id, level, file, line }) =>
        `${file}:${line}: rule ${id}, level ${level}, hangs below rule ${ruleIds().match} and takes every finding: alerts have its id and level, known-benign ones too. Leave it if that is meant; take it out if dashboards and responses shall see ${ruleIds().match}`,
    );
}

/** Counters by group that go blind by our rules, because ours count the same events by id. */
function blindedNotes(loaded: LoadedRules, before: LoadedRules): readonly string[] {
  const { match } = ruleIds();
  const already = new Set(blindedCounters(before, match).map(({ id }) => id));
  return blindedCounters(loaded, match)
    .filter(({ id }) => !already.has(id))
    .map(
      ({ id, file, line }) =>
        `${file}:${line}: rule ${id} counts a group (<if_matched_group>), and analysisd does not give it the events of rule ${match} any more, because Tipline's rules count these by id: write <if_matched_sid>${match}</if_matched_sid> there`,
    );
}

/** Of a block only what is in our files: it is larger than what is used of it. */
function wantedIds(draft: Draft, { paths }: Installation, { block, visibility }: RulesWanted): ReadonlySet<number> {
  const { sysmon, sysmonLinux, packetbeat } = visibilityIds(block);
  const there = VISIBILITY_FILES.some(
    ({ kind, name }) => kind === "rules" && draft.text(join(paths.localRules, name)) !== undefined,
  );
  const more = (visibility ?? there) ? [sysmon, sysmonLinux, packetbeat].flatMap((ids) => Object.values(ids)) : [];
  return new Set([...Object.values(ruleIds(block)), ...more]);
}

function taken(rules: readonly CatalogRule[], ids: ReadonlySet<number>): readonly CatalogRule[] {
  return collisions({ rules }, ids, []);
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
