import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import { packageRoot } from "../../lib/package-root.ts";
import type { FileState } from "./install-files.ts";
import { type Accounts, SERVICE_HOME, SERVICE_USER } from "./install-user.ts";
import { formatVersion, type Installation, since, type WazuhVersion } from "./installation.ts";
import { integrationsOf, takesEverything } from "./integrations.ts";
import type { OssecConf } from "./ossec-conf.ts";
import type { Change, Plan, Reload } from "./plan.ts";
import { confOf, HOOK_NAME, neededEdits, planAgentGroup, planEdits, planReplace } from "./plan-conf.ts";
import { Draft } from "./plan-draft.ts";
import { planHook, spoolNotes } from "./plan-hook.ts";
import { DEFAULT_CONFIG, KEY_FILE, planHost } from "./plan-host.ts";
import { planRules, type RulesPlan } from "./plan-rules.ts";
import { DEFAULT_BLOCK } from "./rules.ts";
import { agentConf } from "./visibility.ts";

/** What is wanted of `install wazuh`. What is left out is as the last run had it, else as below. */
export interface InstallOptions {
  /** Default 100623. */
  readonly ruleBlock?: number | undefined;
  /** Accept findings that come in by the server API. Default false. */
  readonly api?: boolean | undefined;
  /** False takes it away; undefined leaves it as it is. */
  readonly hook?: boolean | undefined;
  /** Names under `integrations/` that the hook has as well; an `<integration>` of such a name is the hook's then. */
  readonly hookNames?: readonly string[] | undefined;
  /** False takes it away; undefined leaves it as it is. */
  readonly visibility?: boolean | undefined;
  /** Integrations whose place the hook takes: their names, or `true` for every MISP lookup of the community's. Not remembered. */
  readonly replace?: readonly string[] | true | undefined;
  readonly agentGroups?: readonly string[] | undefined;
  /** Default true. */
  readonly user?: boolean | undefined;
  /** Default /etc/tipline/tipline.yaml. */
  readonly configFile?: string | undefined;
  readonly mispUrl?: string | undefined;
  /** The service's state, and its user's home. Default /var/lib/tipline. */
  readonly stateDir?: string | undefined;
}

export interface PlanInput {
  readonly installation: Installation;
  readonly version: WazuhVersion | undefined;
  readonly accounts: Accounts;
  readonly options: InstallOptions;
  /** The manager's own prefix, where its programs run elsewhere. */
  readonly managerPrefix?: string | undefined;
  /** A file as it was before Tipline first changed it; undefined: not there, or never changed. */
  readonly before?: (path: string) => FileState | undefined;
}

export interface InstallPlan extends Plan {
  readonly rules: RulesPlan;
  readonly draft: Draft;
}

/** First minor version of Wazuh 4 that is supported, and the last that Tipline was made for. */
const FIRST = 3;
const LAST = 14;

/** What `install wazuh` would do. It changes nothing. Throws TiplineError where it cannot be done. */
export async function planInstall({
  installation,
  version,
  accounts,
  options,
  managerPrefix,
  before = () => undefined,
}: PlanInput): Promise<InstallPlan> {
  const notes = versionNotes(version);
  const draft = new Draft(installation.prefix);
  const conf = confOf(draft, installation);
  const { ruleBlock: block = DEFAULT_BLOCK, api = false, visibility, replace, hookNames: names = [] } = options;
  const hook = replace === undefined ? options.hook : true;
  const rules = planRules(draft, installation, conf, { block, api, visibility });
  planEdits(draft, installation, neededEdits(draft, installation, conf));
  const replaced = replace && planReplace(draft, installation, replace === true ? undefined : replace, rules.loaded);
  if (hook === true) notes.push(...spoolNotes(draft, installation));
  const hooked = planHook(draft, installation, { hook, names, managerPrefix, before });
  notes.push(...hooked.notes);
  for (const group of options.agentGroups ?? []) planAgentGroup(draft, installation, group, agentConf());
  if (visibility === true && (options.agentGroups ?? []).length === 0)
    notes.push(
      `what agents must send is in ${join(packageRoot(), "setup/wazuh/visibility")} (agent.conf, packetbeat.yml); --agent-group GROUP puts agent.conf into that group's`,
    );
  const { user = true, configFile = DEFAULT_CONFIG } = options;
  const host = await planHost(draft, installation, accounts, {
    user,
    configFile,
    stateDir: options.stateDir ?? accounts.home ?? SERVICE_HOME,
    mispUrl: options.mispUrl ?? replaced?.migration.mispUrl,
    hook: hook === true,
    echoes: passesOurs(confOf(draft, installation), [HOOK_NAME, ...names]),
  });
  const files = draft.changes();
  const reload = reloadFor(
    installation,
    files.map(({ place }) => place.path),
  );
  notes.push(...placeNotes(conf, managerPrefix !== undefined && reload === "restart"));
  const changes: readonly Change[] = [...host.changes, ...hooked.folders, ...files];
  return {
    changes,
    reload,
    notes: [...notes, ...rules.notes, ...(replaced?.notes ?? []), ...host.notes],
    rules,
    draft,
  };
}

/** Whether the hook's blocks, as they shall be, let every alert of our own findings pass. */
function passesOurs(conf: OssecConf, names: readonly string[]): boolean {
  const blocks = integrationsOf(conf).filter(({ name }) => names.includes(name));
  return blocks.some(({ filters }) => takesEverything(filters) && Number(filters.level ?? 0) <= 3);
}

/** What of the changed files asks for: ossec.conf is read at the start only; agents' files need nothing. */
export function reloadFor({ paths }: Installation, changed: readonly string[]): Reload {
  if (changed.includes(paths.ossecConf)) return "restart";
  const below = (folder: string) => changed.some((path) => path.startsWith(`${folder}/`));
  return below(paths.localRules) || below(paths.localDecoders) ? "ruleset" : "none";
}

/** Where others write the same files later. */
function placeNotes(conf: OssecConf, inContainer: boolean): readonly string[] {
  const notes: string[] = [];
  if (conf.last("cluster", "node_type") === "worker" && conf.last("cluster", "disabled") !== "yes")
    notes.push(
      "this node is a worker: the master overwrites etc/rules, etc/decoders and etc/shared here, so install there first",
    );
  if (inContainer)
    notes.push(
      "Wazuh's own image copies a mounted ossec.conf over this one at every start: make the same change in that file",
    );
  return notes;
}

function versionNotes(version: WazuhVersion | undefined): string[] {
  if (!version) return ["nothing here says which version of Wazuh this is: expected 4.3 to 4.14"];
  const text = formatVersion(version);
  if (version.major !== 4 || !since(version, FIRST))
    throw new TiplineError("TIP_INPUT_INVALID", `expected Wazuh 4.${FIRST} to 4.${LAST}, found ${text}`);
  return version.minor > LAST ? [`Wazuh ${text} is newer than 4.${LAST}, which Tipline was tried with`] : [];
}

/** What is left for the user to do, after a successful run. */
export async function nextSteps(
  { configFile = DEFAULT_CONFIG }: Pick<InstallOptions, "configFile">,
  accounts: Accounts,
  keyFile: string = KEY_FILE,
): Promise<readonly string[]> {
  const user = await accounts.user(SERVICE_USER);
  const as = user ? `sudo -u ${SERVICE_USER} ` : "";
  const owner = user ? ` -o ${SERVICE_USER} -g ${SERVICE_USER}` : "";
  const other = configFile === DEFAULT_CONFIG ? "" : ` --config ${configFile}`;
  const folder = existsSync(dirname(keyFile)) ? "" : "-D ";
  const keyless = textOf(configFile).includes(`key_file: ${keyFile}`) && !existsSync(keyFile);
  return [
    ...(keyless ? [`install ${folder}-m 0400${owner} YOUR-KEY-FILE ${keyFile}`] : []),
    `${as}tipline config check ${configFile}`,
    `${as}tipline sync --config ${configFile}`,
    `tipline install systemd --start${other}`,
    `tipline doctor${other}`,
  ];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
