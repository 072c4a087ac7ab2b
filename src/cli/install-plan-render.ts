import { createInterface } from "node:readline/promises";
import { TiplineError } from "../lib/errors.ts";
import type { RunOutcome } from "../setup/wazuh/install.ts";
import { changeDiff, describeChange, describeReload, type FileChange, type Plan } from "../setup/wazuh/plan.ts";
import { note, paint, print, printJson, safe } from "./output.ts";

export interface AgreeFlags {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  /** False: the manager is left as it runs. */
  readonly reload: boolean;
}

/** Shows what would be done, and asks whether it shall be; without a terminal only `--yes` says so. */
export async function agreeTo(plan: Plan, prefix: string, flags: AgreeFlags, signal: AbortSignal): Promise<boolean> {
  if (!flags.json) await showPlan(plan, prefix, flags.reload);
  if (plan.changes.length === 0 || flags.dryRun || flags.yes) return true;
  if (!process.stdin.isTTY || flags.json)
    throw new TiplineError("TIP_USAGE_INVALID", "expected --yes or --dry-run where nobody can be asked");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question("Go on? [y/N] ", { signal })).trim());
  } catch {
    return false;
  } finally {
    lines.close();
  }
}

async function showPlan(plan: Plan, prefix: string, reload: boolean): Promise<void> {
  if (plan.changes.length > 0) {
    await print(paint("bold", `Wazuh in ${safe(prefix)}`));
    for (const change of plan.changes) {
      await print(`  ${safe(describeChange(change), 400)}`);
      await print(`          ${safe(change.why, 400)}`);
    }
    for (const change of plan.changes)
      if (change.kind === "file" && worthShowing(change)) await showDiff(changeDiff(change, prefix));
  }
  const then = describeReload(plan.reload);
  if (then !== "" && reload) note(`${then} (--no-reload leaves it as it runs)`);
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

/** The outcome for a machine: what was or would be done. */
export async function printOutcome({ prefix, plan, status }: RunOutcome): Promise<void> {
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
