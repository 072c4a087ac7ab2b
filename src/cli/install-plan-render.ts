import { TiplineError } from "../lib/errors.ts";
import { changeDiff, describeChange, describeReload, type FileChange, type Plan } from "../setup/wazuh/plan.ts";
import { confirm } from "./confirm.ts";
import { note, paint, print, printJson, safe } from "./output.ts";

export interface AgreeFlags {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  /** False: the manager is left as it runs. */
  readonly reload: boolean;
}

/** What is installed into, and what becomes of the changes once they are made; "" for nothing. */
export interface Shown {
  readonly title: string;
  readonly after: string;
  /** Files that come or go as a whole are shown as well, however long they are. */
  readonly whole?: boolean;
}

/**
 * Shows what would be done, and asks whether it shall be; without a terminal only `--yes` says so. `shown`: default, as for a Wazuh
 * manager.
 */
export async function agreeTo(
  plan: Plan,
  prefix: string,
  flags: AgreeFlags,
  signal: AbortSignal,
  shown: Shown = ofWazuh(plan, prefix, flags.reload),
): Promise<boolean> {
  if (!flags.json) await showPlan(plan, prefix, shown);
  if (plan.changes.length === 0 || flags.dryRun || flags.yes) return true;
  if (flags.json)
    throw new TiplineError("TIP_USAGE_INVALID", "expected --yes or --dry-run with --json: nobody is asked");
  return confirm("Go on?", { signal });
}

function ofWazuh(plan: Plan, prefix: string, reload: boolean): Shown {
  const after = reload ? describeReload(plan.reload) : "";
  return { title: `Wazuh in ${prefix}`, after: after === "" ? "" : `${after} (--no-reload leaves it as it runs)` };
}

async function showPlan(plan: Plan, prefix: string, { title, after, whole }: Shown): Promise<void> {
  if (plan.changes.length > 0) {
    await print(paint("bold", safe(title, 400)));
    for (const change of plan.changes) {
      await print(`  ${safe(describeChange(change), 400)}`);
      await print(`          ${safe(change.why, 400)}`);
    }
    for (const change of plan.changes)
      if (change.kind === "file" && (whole === true || worthShowing(change)))
        await showDiff(changeDiff(change, prefix));
  }
  if (after !== "") note(after);
  for (const line of plan.notes) note(`note: ${safe(line, 1000)}`);
}

/** Long files that come or go as a whole are Tipline's own, or in the backup: their lines would hide the few that count. */
function worthShowing({ found, wanted }: FileChange): boolean {
  const whole = found === undefined ? wanted : wanted === undefined ? found : undefined;
  return whole === undefined || whole.bytes.toString("latin1").split("\n").length <= SHORT;
}

const SHORT = 40;

async function showDiff(diff: string): Promise<void> {
  if (diff === "") return;
  const coloured = diff
    .trimEnd()
    .split("\n")
    .map((line) => {
      const shown = safe(line, 500);
      if (line.startsWith("+")) return paint("green", shown);
      if (line.startsWith("-")) return paint("red", shown);
      return line.startsWith("@@") ? paint("cyan", shown) : shown;
    });
  await print(`\n${coloured.join("\n")}`);
}

/** What came of a plan. */
export interface PlanOutcome {
  readonly prefix: string;
  readonly plan: Plan;
  readonly status: "unchanged" | "planned" | "refused" | "done";
}

/** The outcome for a machine: what was or would be done. */
export async function printOutcome({ prefix, plan, status }: PlanOutcome): Promise<void> {
  await printJson({
    prefix,
    status,
    changed: status === "done",
    reload: plan.reload,
    changes: plan.changes.map((change) => ({
      kind: change.kind,
      ...(change.kind === "account" ? { account: change.account } : { path: change.place.path }),
      what: describeChange(change).split(" ")[0],
      why: change.why,
      ...(change.kind === "file" && { diff: changeDiff(change, prefix) }),
    })),
    notes: plan.notes,
  });
}
