import { basename, dirname, join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import { HOOK_NAMES, isHookScript } from "./hook.ts";
import { folderOwner } from "./install-files.ts";
import type { Installation } from "./installation.ts";
import { blocksNamed, type Integration, integrationsOf } from "./integrations.ts";
import { type Migration, planMigration } from "./migrate.ts";
import { scriptNotes } from "./migrate-notes.ts";
import { type OssecConf, readOssecConf } from "./ossec-conf.ts";
import { addToSection, type ConfEdit, editConf, removeFromSection, setOption } from "./ossec-conf-edit.ts";
import type { Draft } from "./plan-draft.ts";
import { RULES_FILES } from "./plan-rules-order.ts";
import type { CatalogRule } from "./rule-catalog.ts";
import { exclusionOf, type RulesetKind, readsFile } from "./ruleset-files.ts";
import { VISIBILITY_FILES } from "./visibility.ts";

/** The hook's name under `integrations/` and in `<integration>`. */
export const HOOK_NAME = HOOK_NAMES[0];

/** Reads ossec.conf as it shall be. Throws TIP_INPUT_INVALID when it is not there or Wazuh could not read it. */
export function confOf(draft: Draft, { paths }: Installation): OssecConf {
  const state = draft.read(paths.ossecConf);
  if (!state) throw new TiplineError("TIP_INPUT_INVALID", `${paths.ossecConf}: expected a file, found none`);
  if (state.bytes.includes(0))
    throw new TiplineError("TIP_INPUT_INVALID", `${paths.ossecConf}: expected text, found binary data`);
  const conf = readOssecConf(state.bytes.toString("latin1"), paths.ossecConf);
  const [client] = conf.all("client");
  if (client && conf.all("ruleset").length === 0)
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `${paths.ossecConf}:${client.line}: expected a manager's configuration, found an agent's`,
    );
  return conf;
}

/** Makes edits of ossec.conf; its owner and mode stay. */
export function planEdits(draft: Draft, installation: Installation, edits: readonly ConfEdit[]): void {
  const { ossecConf } = installation.paths;
  const { text, why } = editConf(confOf(draft, installation).text, edits);
  if (why.length > 0) draft.write(ossecConf, text, why.join("; "));
}

/** What ossec.conf must say whatever else is asked for. */
export function neededEdits(draft: Draft, installation: Installation, conf: OssecConf): readonly ConfEdit[] {
  const json = conf.last("global", "jsonout_output");
  return [
    ...(json === "yes" ? [] : [setOption("global", "jsonout_output", "yes", "Tipline reads alerts.json")]),
    ...ourFiles().flatMap((file) => rulesetEdit(draft, installation, conf, file)),
  ];
}

interface OurFile {
  readonly kind: RulesetKind;
  /** Relative to the prefix. */
  readonly file: string;
}

function ourFiles(): readonly OurFile[] {
  return [
    ...RULES_FILES.map((name): OurFile => ({ kind: "rule", file: `etc/rules/${name}` })),
    ...VISIBILITY_FILES.map(
      ({ kind, name }): OurFile => ({ kind: kind === "rules" ? "rule" : "decoder", file: `etc/${kind}/${name}` }),
    ),
  ];
}

/** A file of ours must be read, and one that is not there may not be named. */
function rulesetEdit(
  draft: Draft,
  { prefix }: Installation,
  conf: OssecConf,
  { kind, file }: OurFile,
): readonly ConfEdit[] {
  const option = `${kind}_include`;
  if (draft.text(join(draft.prefix, file)) === undefined)
    return [removeFromSection("ruleset", option, file, `${file} is not there`)];
  if (readsFile(prefix, conf, kind, file)) return [];
  const excluded = exclusionOf(prefix, conf, kind, file);
  if (excluded)
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `ossec.conf:${excluded.line}: <${kind}_exclude> keeps ${basename(file)} out: remove that line, then try again`,
    );
  return [addToSection("ruleset", option, file, `<ruleset> does not read ${dirname(file)}`)];
}

/** The names that are asked for may be gone because an earlier run took them; then there is nothing to replace any more. */
export function planReplace(
  draft: Draft,
  installation: Installation,
  names: readonly string[] | undefined,
  rules: readonly CatalogRule[],
): { readonly migration: Migration; readonly notes: readonly string[] } {
  const conf = confOf(draft, installation);
  const all = integrationsOf(conf);
  const isThere = (wanted: string) => all.some(({ name }) => name === wanted);
  const wanted = isThere(HOOK_NAME) ? names?.filter(isThere) : names;
  const migration = planMigration(conf, { names: wanted, ...(rules.length > 0 && { rules }) });
  planEdits(draft, installation, [migration.edit]);
  const { replaced, notes } = migration;
  const nothing = `--replace: no <integration> of the community's looks up MISP in ossec.conf${names ? ` under the name ${names.join(", ")} any more${nearWords(all, names)}` : ""}`;
  const script = scriptNotes(installation.paths.integrations, replaced, isHookScript);
  const said = [...notes, ...script].map(({ line, text }) =>
    line === undefined ? text : `ossec.conf:${line}: ${text}`,
  );
  return { migration, notes: replaced.length === 0 ? [nothing, ...said] : said };
}

function nearWords(all: readonly Integration[], names: readonly string[]): string {
  const near = [...new Set(names.flatMap((name) => blocksNamed(all, name)).map(({ name }) => name))];
  return near.length === 0 ? "" : `; there is ${near.join(", ")}`;
}

/** The snippet in the configuration of an agent group, or "" where it is there already. */
export function planAgentGroup(draft: Draft, { paths }: Installation, group: string, snippet: string): void {
  if (!/^[A-Za-z0-9._-]{1,255}$/.test(group) || group === "." || group === "..")
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `--agent-group: expected the name of a group of agents, found "${group.slice(0, 60)}"`,
    );
  const folder = join(paths.sharedDir, group);
  const own = folderOwner(draft.place(folder));
  if (!own)
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `--agent-group ${group}: ${folder} is not there; make the group first (bin/agent_groups)`,
    );
  const path = join(folder, "agent.conf");
  const text = draft.text(path);
  const piece = `${AGENT_BEGIN}\n${snippet.trimEnd()}\n${AGENT_END}\n`;
  if (text?.includes(AGENT_BEGIN)) return;
  const gap = text === undefined || text === "" || text.endsWith("\n") ? "" : "\n";
  const latin1 = Buffer.from(piece, "utf8").toString("latin1");
  const owner = draft.read(path) ?? { mode: 0o660, uid: own.uid, gid: own.gid };
  draft.write(path, `${text ?? ""}${gap}${latin1}`, `visibility: what agents of group ${group} send`, {
    owner: { mode: owner.mode, uid: owner.uid, gid: owner.gid },
  });
}

const AGENT_BEGIN = "<!-- Put here by `tipline install wazuh`, from here ... -->";
const AGENT_END = "<!-- ... to here. -->";
