import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import { type RunRecord, Store } from "../wazuh/backup.ts";
import { applyPlan, recover, type Surroundings } from "../wazuh/install-apply.ts";
import type { RunCommand } from "../wazuh/install-command.ts";
import type { Accounts } from "../wazuh/install-user.ts";
import type { Plan } from "../wazuh/plan.ts";
import { takeBackRuns } from "../wazuh/uninstall-plan.ts";
import { loadFluentBit } from "./config-load.ts";
import { doctorFluentBit } from "./doctor.ts";
import { type InstallWanted, planInstall } from "./install-plan.ts";
import { dryRun, findProgram, type Program } from "./program.ts";
import { UNIT } from "./unit.ts";

/** The world around. */
export interface FluentBitWorld {
  readonly run: RunCommand;
  readonly accounts: Accounts;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Shows the plan; false ends the run before anything is changed. */
  readonly agree: (plan: Plan, dir: string) => Promise<boolean>;
  readonly now: () => number;
  /** Root of the file system that is looked at for programs and systemd; default `/`. */
  readonly root?: string;
  /** Called before each step; what it throws ends the run there. */
  readonly before?: (step: string) => void;
}

export interface Outcome {
  readonly prefix: string;
  readonly plan: Plan;
  readonly status: "unchanged" | "planned" | "refused" | "done";
  /** What is left to do, as commands. */
  readonly next: readonly string[];
}

export interface InstallRequest extends InstallWanted {
  /** The program; default: where packages put it. */
  readonly program?: string | undefined;
  /** Enable and start the service as well. */
  readonly start: boolean;
  readonly dryRun: boolean;
}

/**
 * Writes the configuration, its EnvironmentFile and its unit, or brings them up to what is asked; tried by Fluent Bit where it is
 * installed. Throws TiplineError, with everything put back, when it fails.
 */
export async function install(request: InstallRequest, world: FluentBitWorld): Promise<Outcome> {
  const store = storeOf(request.dir);
  return withStore(store, request.dryRun, world, async () => {
    const program = await findProgram(world.run, request.program, world.signal, world.root);
    const planned = planInstall({ ...request, dir: store.prefix }, program);
    const plan = { ...planned, notes: [...planned.notes, ...(await groupNotes(request, world))] };
    if (request.start && !plan.ready)
      throw new TiplineError(
        "TIP_USAGE_INVALID",
        `--start: the token comes first: ${planned.notes.find((text) => text.startsWith("the token")) ?? ""}`,
      );
    const verify = () => tried(plan.configFile, program, world);
    const finish = request.unitDir === undefined ? async () => undefined : () => reload(request.start, world);
    const outcome = await carry(store, { what: "install", plan, verify, finish }, request.dryRun, world, (record) => [
      ...store.readInstalled(),
      record,
    ]);
    if (outcome.status === "unchanged" && request.start && !request.dryRun) await reload(true, world);
    return { ...outcome, next: nextSteps(request, plan.configFile, isLive(world)) };
  });
}

/** Takes back what `install` did: files become what they were, but for what others changed since. */
export async function uninstall(
  request: { readonly dir: string; readonly dryRun: boolean },
  world: FluentBitWorld,
): Promise<Outcome> {
  const store = storeOf(request.dir);
  return withStore(store, request.dryRun, world, async () => {
    const plan = takeBackRuns(store, store.exists() ? store.readInstalled() : [], true);
    const unit = plan.changes.some((change) => change.kind === "file" && change.place.path.endsWith(`/${UNIT}`));
    const finish = unit ? () => reload(false, world) : async () => undefined;
    const stop = async () => {
      if (unit && isLive(world)) await world.run(["systemctl", "disable", "--now", UNIT], { signal: world.signal });
    };
    const verify = async () => undefined;
    const outcome = await carry(store, { what: "uninstall", plan, verify, finish, stop }, request.dryRun, world, () => [
      ...plan.next,
    ]);
    if (outcome.status === "done" || (outcome.status === "unchanged" && !request.dryRun)) store.purge();
    return outcome;
  });
}

function storeOf(dir: string): Store {
  let real: string;
  try {
    real = realpathSync(dir);
  } catch (cause) {
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `expected Fluent Bit's folder at ${dir}, found none: install Fluent Bit first, name its folder (--dir DIR), or only print the file (--print)`,
      { cause },
    );
  }
  return new Store(real);
}

async function withStore(
  store: Store,
  dry: boolean,
  world: FluentBitWorld,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  if (dry) return work();
  store.open();
  try {
    await recover(
      store,
      around(
        world,
        async () => undefined,
        async () => undefined,
      ),
    );
    return await work();
  } finally {
    store.close();
  }
}

interface Work {
  readonly what: RunRecord["what"];
  readonly plan: Plan;
  readonly verify: () => Promise<void>;
  readonly finish: () => Promise<void>;
  readonly stop?: () => Promise<void>;
}

async function carry(
  store: Store,
  { what, plan, verify, finish, stop }: Work,
  dry: boolean,
  world: FluentBitWorld,
  remember: (record: RunRecord) => readonly RunRecord[],
): Promise<Outcome> {
  const outcome = (status: Outcome["status"]): Outcome => ({ prefix: store.prefix, plan, status, next: [] });
  const agreed = await world.agree(plan, store.prefix);
  if (plan.changes.length === 0) return outcome("unchanged");
  if (dry) return outcome("planned");
  if (!agreed) return outcome("refused");
  const stamp = new Date(world.now()).toISOString().replace(/[-:]/g, "");
  await stop?.();
  try {
    // "restart": there is something to finish with, which a rollback has to finish with as well.
    const record = store.copy(what, stamp, { changes: plan.changes, reload: "restart" }, {});
    await applyPlan(store, record, around(world, verify, finish), remember);
  } catch (error) {
    if (store.readRunning() === undefined) store.dropCopies(stamp);
    throw error;
  }
  return outcome("done");
}

function around(world: FluentBitWorld, verify: () => Promise<void>, finish: () => Promise<void>): Surroundings {
  const { accounts, say, signal, before } = world;
  let done = false;
  const reload = async () => {
    if (done) return backToBefore(world);
    done = true;
    await finish();
  };
  return { accounts, verify, reload, say, signal, ...(before && { before }) };
}

/** The files are as they were: systemd is to know it too, and what ran before is to run so again. Whatever it answers. */
async function backToBefore({ run }: FluentBitWorld): Promise<void> {
  await run(["systemctl", "daemon-reload"]);
  await run(["systemctl", "try-restart", UNIT]);
}

/** Read back by ourselves, and by Fluent Bit where it is. */
async function tried(path: string, program: Program | undefined, { run, signal, say }: FluentBitWorld): Promise<void> {
  const faults = doctorFluentBit(loadFluentBit(path)).filter(
    // Certificates may come later: that is said in the plan.
    ({ status, id }) => status === "fail" && id !== "tls-file-missing",
  );
  if (faults.length > 0)
    throw new TiplineError(
      "TIP_INTERNAL",
      `the file that was written has faults: ${faults.map(({ id }) => id).join(", ")}`,
    );
  if (program === undefined) return;
  const why = await dryRun(run, program, path, signal);
  if (signal.aborted) throw new TiplineError("TIP_INPUT_INVALID", "interrupted");
  if (why !== undefined)
    throw new TiplineError("TIP_INPUT_INVALID", `${program.path} --dry-run does not accept it:\n  ${why}`);
  say(`${program.path} --dry-run accepts it (it does not try outputs)`);
}

/** As sd_booted(3) tells it. */
function isLive({ root = "/" }: FluentBitWorld): boolean {
  return existsSync(join(root, "run/systemd/system"));
}

async function reload(start: boolean, world: FluentBitWorld): Promise<void> {
  if (!isLive(world)) {
    world.say("systemd does not run here: nothing is started");
    return;
  }
  await must(world, ["systemctl", "daemon-reload"]);
  if (!start) return;
  await must(world, ["systemctl", "enable", UNIT]);
  // Restart, not start: what runs may be of the configuration before.
  await must(world, ["systemctl", "restart", UNIT]);
  world.say(`${UNIT} is enabled and started`);
}

async function must({ run, signal }: FluentBitWorld, argv: readonly string[]): Promise<void> {
  const { code, output, error } = await run(argv, { signal });
  if (code !== 0)
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `${argv.join(" ")}: ${(error ?? output).trim().slice(0, 500)} (run as root; see journalctl -u ${UNIT})`,
    );
}

async function groupNotes(
  { unitDir, group }: InstallRequest,
  { accounts }: FluentBitWorld,
): Promise<readonly string[]> {
  if (unitDir === undefined || (await accounts.group(group)) !== undefined) return [];
  return [`there is no group ${group} on this machine, without which the service does not start: --wazuh-group NAME`];
}

function nextSteps({ unitDir, start, options }: InstallRequest, configFile: string, live: boolean): readonly string[] {
  return [
    `tipline doctor fluent-bit ${configFile}`,
    ...(unitDir !== undefined && live && !start ? [`systemctl enable ${UNIT} && systemctl restart ${UNIT}`] : []),
    ...(options.monitorPort === undefined ? [] : [`curl -s http://127.0.0.1:${options.monitorPort}/api/v1/metrics`]),
  ];
}
