import { join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import { type Hook, hookFor, isHookScript } from "./hook.ts";
import { type FileState, folderOwner } from "./install-files.ts";
import type { Installation } from "./installation.ts";
import { type Integration, integrationsOf } from "./integrations.ts";
import { addIntegration, removeIntegration, removeOurIntegrations } from "./ossec-conf-edit.ts";
import type { FolderChange } from "./plan.ts";
import { confOf, HOOK_NAME, planEdits } from "./plan-conf.ts";
import type { Draft } from "./plan-draft.ts";

/** Least level of the alerts that the hook hands over: all that Wazuh writes with its stock `log_alert_level`. */
const HOOK_LEVEL = 3;

export interface HookWanted {
  /** Undefined: what is there of it stays. */
  readonly hook: boolean | undefined;
  /** Names that it has beside its own, as `custom-misp.py`. */
  readonly names: readonly string[];
  /** The manager's own prefix, where it is not the one at hand (a container's volumes). */
  readonly managerPrefix: string | undefined;
  /** A file as it was before Tipline first changed it; undefined: not there, or never changed. */
  readonly before: (path: string) => FileState | undefined;
}

export interface HookPlan {
  readonly folders: readonly FolderChange[];
  readonly notes: readonly string[];
}

/** The hook's scripts, its spool and its `<integration>`; or, where it is not wanted, none of them. */
export function planHook(draft: Draft, installation: Installation, wanted: HookWanted): HookPlan {
  if (wanted.hook === undefined) return { folders: [], notes: [] };
  const names = wanted.names.filter((name) => name !== HOOK_NAME);
  if (!wanted.hook) return { folders: [], notes: takeAway(draft, installation, names, wanted.before) };
  const { managerPrefix } = wanted;
  const hook = hookFor(installation, {
    names: [HOOK_NAME, ...names],
    ...(managerPrefix !== undefined && { managerPrefix }),
  });
  const owner = (mode: number) => ({
    mode,
    uid: process.geteuid?.() ?? 0,
    gid: installation.user?.gid ?? process.getegid?.() ?? 0,
  });
  const blocks = integrationsOf(confOf(draft, installation));
  const notes = names.flatMap((name) => nameNotes(draft, installation, blocks, name, names));
  for (const { path, mode } of hook.targets) writeScript(draft, hook, path, owner(mode));
  const [first = HOOK_NAME] = names;
  if (!blocks.some(({ name }) => name === HOOK_NAME || names.includes(name))) {
    const lines = [`<level>${HOOK_LEVEL}</level>`, "<alert_format>json</alert_format>"];
    planEdits(draft, installation, [addIntegration(first, lines, "integratord hands alerts to the hook")]);
  }
  const place = draft.place(hook.spool.path);
  if (folderOwner(place) !== undefined) return { folders: [], notes };
  return { folders: [{ kind: "folder", place, wanted: owner(hook.spool.mode), why: "the hook's spool" }], notes };
}

/** What it takes the place of is shown to nobody: the community's script has the key of MISP in its text. */
function writeScript(draft: Draft, { script }: Hook, path: string, owner: Omit<FileState, "bytes">): void {
  const is = draft.text(path);
  const foreign = is !== undefined && !isHookScript(is);
  const why = foreign ? "the hook for integratord, in the place of another script" : "the hook for integratord";
  draft.write(path, script, why, { owner, ...(foreign && { secret: true }) });
}

/** Scripts that stood under the hook's other names come back, and so do blocks that were nobody's but ours go. */
function takeAway(
  draft: Draft,
  installation: Installation,
  names: readonly string[],
  before: HookWanted["before"],
): readonly string[] {
  const why = "the hook is not wanted";
  const { integrations } = installation.paths;
  draft.remove(join(integrations, HOOK_NAME), why);
  planEdits(draft, installation, [removeOurIntegrations(why), removeIntegration(HOOK_NAME, why)]);
  const left = integrationsOf(confOf(draft, installation));
  return names.flatMap((name) => {
    const path = join(integrations, name);
    if (!isHookScript(draft.text(path) ?? "")) return [];
    const was = before(path);
    if (was !== undefined && !isHookScript(was.bytes.toString("latin1"))) {
      draft.write(path, was.bytes.toString("latin1"), `${why}: as before`, { owner: was, secret: true });
      return [];
    }
    draft.remove(path, why);
    const block = left.find((one) => one.name === name);
    return block === undefined ? [] : [`${at(block)} ${name} has no script any more: take that <integration> out`];
  });
}

/** What there is to say of a name. Throws TIP_USAGE_INVALID where the hook could not run under it. */
function nameNotes(
  draft: Draft,
  { paths }: Installation,
  blocks: readonly Integration[],
  name: string,
  names: readonly string[],
): readonly string[] {
  const is = draft.text(join(paths.integrations, name));
  const own = blocks.filter((block) => block.name === name);
  const notes = wrapperNotes(blocks, name, names, own.length > 0 || isHookScript(is ?? ""));
  if (is !== undefined && !isHookScript(is))
    notes.push(
      `integrations/${name} was another script: it goes into the backup, and comes back when the hook is taken away`,
    );
  for (const block of own) {
    if (!block.json)
      notes.push(
        `${at(block)} ${name} has no <alert_format>json</alert_format>: its alerts would reach the hook in another form, and become dead letters`,
      );
    if (block.hasApiKey)
      notes.push(`${at(block)} the hook has no use for the <api_key> of ${name}: take it out, and make a new key`);
  }
  const two = blocks.find((block) => block.name === HOOK_NAME);
  if (two !== undefined && own.length > 0)
    notes.push(`${at(two)} ${HOOK_NAME} and ${name} both hand alerts to the hook: take one <integration> out`);
  return notes;
}

/** `custom-x` is Wazuh's wrapper where it is a block and `custom-x.py` is the script: it runs that with Python. */
function wrapperNotes(
  blocks: readonly Integration[],
  name: string,
  names: readonly string[],
  known: boolean,
): string[] {
  const python = name.endsWith(".py");
  const other = python ? name.slice(0, -3) : `${name}.py`;
  const block = blocks.find((one) => one.name === other);
  if (block === undefined || names.includes(other)) return [];
  if (!python)
    return known ? [] : [`${at(block)} ${other} stays and runs its own script; --hook-name ${other} takes its place`];
  const found = `${at(block)} the <integration> is ${other}, whose wrapper runs ${name} with Python, and the hook is no Python`;
  const mend = `--hook-name ${other} takes the wrapper's own place`;
  if (!known) throw new TiplineError("TIP_USAGE_INVALID", `--hook-name ${name}: ${found}: ${mend}`);
  return [`${found}; ${mend}`];
}

const at = ({ node }: Integration) => `ossec.conf:${node.line}:`;

/** What is wrong with a spool that is there already: the hook's user must write to it, and Tipline's take files out. */
export function spoolNotes(draft: Draft, installation: Installation): readonly string[] {
  const { path, mode } = hookFor(installation).spool;
  const is = folderOwner(draft.place(path));
  const gid = installation.user?.gid;
  if (!is || ((is.mode & 0o070) === 0o070 && (gid === undefined || is.gid === gid))) return [];
  const found = `mode ${is.mode.toString(8)} of ${is.uid}:${is.gid}`;
  const mend = `chown root:${gid ?? "wazuh"} ${path} && chmod ${mode.toString(8)} ${path}`;
  return [`${path} has ${found}, so that the hook or Tipline cannot use it: ${mend}`];
}
