import { existsSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import { type RunRecord, Store } from "./backup.ts";
import { applyPlan, recover, type Surroundings } from "./install-apply.ts";
import type { RunCommand } from "./install-command.ts";
import { type FileState, readState } from "./install-files.ts";
import { type InstallOptions, type InstallPlan, planInstall } from "./install-plan.ts";
import type { Accounts } from "./install-user.ts";
import { DEFAULT_PREFIX, findInstallation, type Installation } from "./installation.ts";
import { readOssecConf } from "./ossec-conf.ts";
import type { Change, FileChange, Plan, Reload } from "./plan.ts";
import { ourFileNames } from "./plan-rules.ts";
import { type Manager, type ManagerAccess, managerOf, reloadManager, versionOf } from "./reload.ts";
import { loadRules, type RuleCatalog } from "./rule-catalog.ts";
import { type LoadedRules, loadedRules, type RuleProblem } from "./rule-catalog-checks.ts";
import { planUninstall, type UninstallPlan } from "./uninstall-plan.ts";
import { faultsOf, isFault, type Ours, type TestResult, testAnalysisd } from "./verify.ts";
import { parseXml } from "./xml.ts";

/** What an install or uninstall is asked for, beside its own options. */
export interface RunRequest {
  readonly prefix?: string | undefined;
  readonly access?: ManagerAccess;
  /** False: the manager is left to take the changes when it is restarted next. */
  readonly reload: boolean;
  readonly dryRun: boolean;
}

/** The world around. */
export interface RunWorld {
  readonly run: RunCommand;
  readonly accounts: Accounts;
  readonly hotReload: Manager["hotReload"];
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Shows the plan; false ends the run before anything is changed. */
  readonly agree: (plan: Plan, prefix: string) => Promise<boolean>;
  readonly now: () => number;
  /** Called before each step; what it throws ends the run there. */
  readonly before?: (step: string) => void;
}

export interface RunOutcome {
  readonly prefix: string;
  readonly plan: Plan;
  readonly status: "unchanged" | "planned" | "refused" | "done";
  /** Of `install`: where the configuration was asked for, this time or before. */
  readonly configFile?: string | undefined;
}

interface Ground {
  readonly installation: Installation;
  readonly manager: Manager;
  readonly store: Store;
}

/** Installs, or brings an installation up to what is asked. Throws TiplineError, with everything put back, when it fails. */
export async function install(request: RunRequest, options: InstallOptions, world: RunWorld): Promise<RunOutcome> {
  const ground = groundOf(request, world);
  return withStore(ground, request, world, async () => {
    const { installation, manager, store } = ground;
    const asked = sticky(options, store, installation);
    const managerPrefix = manager.remote ? (request.access?.execPrefix ?? DEFAULT_PREFIX) : undefined;
    const version = await versionOf(manager, world.signal);
    const { accounts } = world;
    const before = (path: string) => stateBefore(store, path);
    const plan = await planInstall({ installation, version, accounts, options: asked, managerPrefix, before });
    const ours: Ours = { files: ourFileNames(), ruleIds: plan.rules.ids };
    const { replace, ...remembered } = asked;
    if (replace !== undefined) Object.assign(remembered, { hook: true });
    else if (asked.hook === false) Object.assign(remembered, { hookNames: [] });
    const work: Work = { what: "install", plan, options: remembered, ours, strict: true };
    const outcome = await carry(ground, request, world, work, (record) => [...store.readInstalled(), record]);
    return { ...outcome, configFile: asked.configFile };
  });
}

/** Takes back what `install` did, and nothing else. */
export async function uninstall(
  request: RunRequest & { readonly purge: boolean },
  world: RunWorld,
): Promise<RunOutcome> {
  const ground = groundOf(request, world);
  return withStore(ground, request, world, async () => {
    const { installation, store } = ground;
    const plan = planUninstall(store, installation, request.purge);
    const ours: Ours = { files: [], ruleIds: new Set() };
    const work: Work = { what: "uninstall", plan, options: {}, ours, strict: false };
    const outcome = await carry(ground, request, world, work, () => plan.next);
    if (request.purge && outcome.status !== "planned" && outcome.status !== "refused") store.purge();
    return outcome;
  });
}

function groundOf({ prefix, access = {} }: RunRequest, { run, hotReload }: RunWorld): Ground {
  const { prefix: given } = findInstallation({ prefix });
  const installation = findInstallation({ prefix: realpathSync(given) });
  const manager = managerOf(installation, access, run, hotReload);
  return { installation, manager, store: new Store(installation.prefix) };
}

/** What the last run was asked for holds until it is asked otherwise. */
function sticky(options: InstallOptions, store: Store, { paths }: Installation): InstallOptions {
  const last = ((store.exists() ? store.readInstalled() : []).at(-1)?.options ?? {}) as InstallOptions;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  // A group that was removed since is no reason to fail an upgrade.
  const agentGroups = last.agentGroups?.filter((group) => existsSync(join(paths.sharedDir, group)));
  // A name is the hook's until the hook is taken away.
  const hookNames = [...new Set([...(last.hookNames ?? []), ...(options.hookNames ?? [])])];
  const named = (options.hookNames ?? []).length > 0 && { hook: true };
  const kept = { ...last, ...(agentGroups && { agentGroups }), ...named };
  return { ...kept, ...Object.fromEntries(given), ...(hookNames.length > 0 && { hookNames }) };
}

/** A file as it was before the first run that changed it; undefined: not there, or no run did. */
function stateBefore(store: Store, path: string): FileState | undefined {
  const runs = store.exists() ? store.readInstalled() : [];
  const files = runs.flatMap(({ changes }) => changes.filter((change) => change.kind === "file"));
  const first = files.find(({ place }) => place.path === path);
  return first && store.load(first.found);
}

async function withStore<T>(
  ground: Ground,
  { dryRun, reload }: RunRequest,
  world: RunWorld,
  work: () => Promise<T>,
): Promise<T> {
  const { store } = ground;
  if (dryRun) {
    if (store.exists() && store.readRunning()?.next === null)
      world.say("an earlier run was cut off; without --dry-run what it had done would be put back first");
    return work();
  }
  store.open();
  try {
    await recover(
      store,
      surroundings(
        ground,
        world,
        reload,
        async () => undefined,
        () => false,
      ),
    );
    return await work();
  } finally {
    store.close();
  }
}

interface Work {
  readonly what: RunRecord["what"];
  readonly plan: InstallPlan | UninstallPlan;
  readonly options: object;
  readonly ours: Ours;
  /** A rule that is left out now and was not before is a failure, not only a remark. */
  readonly strict: boolean;
}

async function carry(
  ground: Ground,
  request: RunRequest,
  world: RunWorld,
  work: Work,
  remember: (record: RunRecord) => readonly RunRecord[],
): Promise<RunOutcome> {
  const { installation, manager, store } = ground;
  const { plan, ours, what } = work;
  const outcome = (status: RunOutcome["status"]): RunOutcome => ({ prefix: installation.prefix, plan, status });
  const agreed = await world.agree(plan, installation.prefix);
  if (plan.changes.length === 0) return outcome("unchanged");
  if (request.dryRun) return outcome("planned");
  if (!agreed) return outcome("refused");
  const before = await testAnalysisd(manager, world.signal);
  if (work.strict && before.status === "untested" && request.access?.exec !== undefined)
    throw new TiplineError("TIP_INPUT_INVALID", `--exec: ${before.why}; nothing is changed`);
  sayBefore(before, work, world);
  const known = work.strict ? rulesOf(installation).problems : [];
  const integrator = plan.reload === "restart" ? await testIntegratord(manager, world.signal) : undefined;
  const stamp = new Date(world.now()).toISOString().replace(/[-:]/g, "");
  const verify = async (signal: AbortSignal) => {
    const now = await testAnalysisd(manager, signal);
    if (signal.aborted) throw new TiplineError("TIP_INPUT_INVALID", "interrupted");
    const faults = faultsOf(now, before, ours);
    if (work.strict || (now.status === "tested" && !now.starts && before.status === "tested" && before.starts))
      refuse("wazuh-analysisd -t", faults);
    else for (const fault of faults) world.say(`wazuh-analysisd -t: ${fault}`);
    if (now.status === "untested") world.say(`not verified by the manager: ${now.why}`);
    if (work.strict) refuse("reading the rules back", rulesFaults(rulesOf(installation), known, ours));
    const after = plan.reload === "restart" ? await testIntegratord(manager, signal) : undefined;
    if (after !== undefined && integrator === undefined) refuse("wazuh-integratord -t", [after]);
  };
  const around = surroundings(
    ground,
    world,
    request.reload,
    verify,
    (text) => work.strict && isFault(text, before, ours),
  );
  try {
    const record = store.copy(what, stamp, plan, { ...work.options });
    await applyPlan(store, record, around, remember);
  } catch (error) {
    if (store.readRunning() === undefined) store.dropCopies(stamp);
    throw error;
  }
  return outcome("done");
}

function surroundings(
  { manager }: Ground,
  world: RunWorld,
  reload: boolean,
  verify: Surroundings["verify"],
  refuses: (warning: string) => boolean,
): Surroundings {
  return {
    accounts: world.accounts,
    verify,
    reload: async (kind: Reload, signal: AbortSignal) => {
      if (!reload)
        world.say(
          `not reloaded: the changes count when the manager ${kind === "restart" ? "restarts" : "reads its rules again"}`,
        );
      else if (await wouldStop(manager, world, signal)) return;
      else world.say(await reloadManager(manager, kind, refuses, signal));
    },
    say: world.say,
    signal: world.signal,
    ...(world.before && { before: world.before }),
  };
}

/** A manager that runs is not restarted into files that it would not start with, whoever broke them. */
async function wouldStop(manager: Manager, { say }: RunWorld, signal: AbortSignal): Promise<boolean> {
  const now = await testAnalysisd(manager, signal);
  if (now.status !== "tested" || now.starts) return false;
  say(`not reloaded, because the manager would not start (wazuh-analysisd -t): repair this, then restart it
  ${now.errors.slice(0, 5).join("\n  ")}`);
  return true;
}

/** What was wrong before is said, so that it is not taken for ours; a manager that would not start cannot verify anything. */
function sayBefore(before: TestResult, { ours, strict, plan }: Work, { say }: RunWorld): void {
  if (before.status !== "tested") return;
  const broken = plan.changes.filter((change) => isBroken(change, ours));
  for (const { place } of broken) say(`${place.path} is broken and is replaced; what it was goes into the backup`);
  if (!before.starts && strict && broken.length === 0)
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `wazuh-analysisd -t fails before anything is changed: repair that first\n  ${before.errors.join("\n  ")}`,
    );
  const none: TestResult = { status: "untested", why: "" };
  for (const text of before.warnings.filter((line) => isFault(line, none, ours)))
    say(`was there before: wazuh-analysisd warns ${text}`);
}

/** A file of ours that Wazuh cannot read and that the plan replaces: no reason to leave it as it is. */
function isBroken(change: Change, ours: Ours): change is FileChange {
  if (change.kind !== "file" || change.found === undefined || change.wanted === undefined) return false;
  if (!ours.files.includes(basename(change.place.path))) return false;
  try {
    parseXml(change.found.bytes.toString("latin1"));
    return false;
  } catch {
    return true;
  }
}

function refuse(by: string, faults: readonly string[]): void {
  if (faults.length > 0)
    throw new TiplineError("TIP_INPUT_INVALID", `${by} does not accept it:\n  ${faults.slice(0, 20).join("\n  ")}`);
}

interface RulesThere extends LoadedRules {
  readonly catalog: RuleCatalog;
}

function rulesOf(installation: Installation): RulesThere {
  const { ossecConf } = installation.paths;
  const state = readState({ anchor: installation.prefix, path: ossecConf });
  const catalog = loadRules(installation, readOssecConf(state?.bytes.toString("latin1") ?? "", ossecConf));
  return { catalog, ...loadedRules(catalog) };
}

/** What analysisd would leave out of ours, or of others and did not before, as far as it can be told without it. */
function rulesFaults(
  { catalog, problems }: RulesThere,
  known: readonly RuleProblem[],
  { files, ruleIds }: Ours,
): readonly string[] {
  const mine = (file: string) => files.some((name) => file.endsWith(`/${name}`));
  const faults = catalog.problems.filter(({ file }) => mine(file)).map(({ file, reason }) => `${file}: ${reason}`);
  const seen = catalog.files.some((file) => file.startsWith("ruleset/"));
  const isKnown = ({ kind, rule }: RuleProblem) =>
    known.some((before) => before.kind === kind && before.rule.id === rule.id && before.rule.file === rule.file);
  for (const problem of problems) {
    const { rule } = problem;
    if (problem.kind === "duplicate" && ruleIds.has(rule.id))
      faults.push(`rule ${rule.id} is in ${rule.file} and in ${problem.first.file}`);
    // Without the stock rules at hand the children of these cannot be judged.
    if (problem.kind === "orphan" && (mine(rule.file) ? seen : !isKnown(problem)))
      faults.push(`rule ${rule.id} of ${rule.file} hangs under ${problem.wanted}, which is not read before it`);
  }
  if (!catalog.files.some(mine)) faults.push("the rules file is not among those that ossec.conf names");
  return faults;
}

/** Why integratord would not start; undefined when it would, or when it cannot be asked. */
async function testIntegratord(manager: Manager, signal: AbortSignal): Promise<string | undefined> {
  const program = manager.program("wazuh-integratord");
  if (program === undefined) return undefined;
  const { code, output } = await manager.run([...program, "-t"], { signal });
  return code === undefined || code === 0 ? undefined : output.trim().slice(-500) || `exit ${code}`;
}
