import { asError, TiplineError } from "../../lib/errors.ts";
import type { RecordedChange, RunningRecord, RunRecord, Store } from "./backup.ts";
import { makeFolder, readState, removeFile, removeFolder, sameState, writeState } from "./install-files.ts";
import { undoFile } from "./install-undo.ts";
import type { Accounts } from "./install-user.ts";
import type { Plan } from "./plan.ts";

/** The world outside of files, and what to be told. */
export interface Surroundings {
  readonly accounts: Accounts;
  /** Throws when the manager would not take what is there now. */
  readonly verify: (signal: AbortSignal) => Promise<void>;
  /** Makes the manager take it. Throws when it did not. */
  readonly reload: (kind: Plan["reload"], signal: AbortSignal) => Promise<void>;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** Called before each step; what it throws ends the run there. */
  readonly before?: (step: string) => void;
}

/** The runs that count, this one done. */
export type Remember = (record: RunRecord) => readonly RunRecord[];

/**
 * Carries a recorded plan out: each change, then `verify` and `reload`. Whatever fails, everything is put back, and the error says
 * so; if the process dies, `recover` does it at the next run.
 */
export async function applyPlan(
  store: Store,
  record: RunRecord,
  around: Surroundings,
  remember: Remember,
): Promise<void> {
  const step = (name: string) => {
    around.before?.(name);
    if (around.signal.aborted) throw new TiplineError("TIP_INPUT_INVALID", "interrupted");
  };
  let running: RunningRecord = { ...record, reloading: false, next: null };
  try {
    step("journal");
    store.writeRunning(running);
    for (const change of record.changes) {
      step(stepName(change));
      await carryOut(store, change, around);
    }
    step("verify");
    await around.verify(around.signal);
    step("reload");
    if (record.reload !== "none") {
      running = { ...running, reloading: true };
      store.writeRunning(running);
      await around.reload(record.reload, around.signal);
    }
    step("remember");
    running = { ...running, next: [...remember(record)] };
    store.writeRunning(running);
  } catch (cause) {
    throw await rolledBack(store, running, around, asError(cause));
  }
  around.before?.("forget");
  finish(store, running);
}

/** From here on there is no way back: what is written down is done. */
function finish(store: Store, { next }: RunningRecord): void {
  store.writeInstalled(next ?? []);
  store.writeRunning(undefined);
}

function stepName(change: RecordedChange): string {
  return change.kind === "account" ? `${change.account.what} ${change.account.name}` : change.place.path;
}

async function carryOut(store: Store, change: RecordedChange, { accounts }: Surroundings): Promise<void> {
  if (change.kind === "account") return carryOutAccount(change, accounts);
  const named = await namedIds(change.owner, accounts);
  if (change.kind === "folder") {
    if (change.gone) removeFolder(change.place);
    else makeFolder(change.place, { ...change.wanted, ...named });
    return;
  }
  const found = store.load(change.found);
  const wanted = store.load(change.wanted);
  if (!sameState(readState(change.place), found))
    throw new TiplineError("TIP_INPUT_INVALID", `${change.place.path} was changed meanwhile: try again`);
  if (wanted) writeState(change.place, { ...wanted, ...named });
  else removeFile(change.place);
}

async function carryOutAccount({ account, gone }: Extract<RecordedChange, { kind: "account" }>, accounts: Accounts) {
  if (!gone) return accounts.add(account);
  if (!(await accounts.remove(account)))
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `${account.what} ${account.name} could not be removed: does something still run as it, or use it? \`tipline uninstall systemd\` stops the service`,
    );
}

async function namedIds(owner: RecordedChange["owner"], accounts: Accounts): Promise<{ uid?: number; gid?: number }> {
  const user = owner?.user === undefined ? undefined : await accounts.user(owner.user);
  const group = owner?.group === undefined ? undefined : await accounts.group(owner.group);
  return { ...(user && { uid: user.uid }), ...(group && { gid: group.gid }) };
}

async function rolledBack(store: Store, running: RunningRecord, around: Surroundings, cause: Error): Promise<Error> {
  const code = cause instanceof TiplineError ? cause.code : "TIP_INPUT_INVALID";
  try {
    const notes = await takeBack(store, running, around);
    const left = notes.length > 0 ? `, but: ${notes.join("; ")}` : "";
    return new TiplineError(code, `${cause.message}\nnothing is changed: what was done was put back${left}`, { cause });
  } catch (second) {
    return new TiplineError(
      code,
      `${cause.message}\nand putting it back failed: ${asError(second).message}\nthe next \`tipline install\` or \`uninstall\` of the same goes on with that; the copies are in ${store.folder}/${running.stamp}`,
      { cause },
    );
  }
}

/** Takes a run's changes back, the last first, and forgets the run. Gives what could not be taken back. */
async function takeBack(store: Store, running: RunningRecord, around: Surroundings): Promise<readonly string[]> {
  const notes: string[] = [];
  for (const change of [...running.changes].reverse()) {
    if (change.kind === "account") {
      if (!(await accountBack(change, around.accounts))) notes.push(`${stepName(change)} could not be put back`);
    } else if (change.kind === "folder" && change.gone) makeFolder(change.place, change.wanted);
    else if (change.kind === "folder") removeFolder(change.place);
    else putBack(store, change, notes);
  }
  // Not the caller's signal: an interrupted run has to end in a manager that runs what is on the disk.
  if (running.reloading) await around.reload(running.reload, new AbortController().signal);
  store.writeRunning(undefined);
  if (notes.length === 0) store.dropCopies(running.stamp);
  return notes;
}

async function accountBack({ account, gone }: Extract<RecordedChange, { kind: "account" }>, accounts: Accounts) {
  if (!gone) return accounts.remove(account);
  const there = account.what === "group" ? await accounts.group(account.name) : await accounts.user(account.name);
  if (account.what === "member" || !there) await accounts.add(account);
  return true;
}

function putBack(store: Store, change: Extract<RecordedChange, { kind: "file" }>, notes: string[]): void {
  const now = readState(change.place);
  const undone = undoFile(change.place.path, now, store.load(change.found), store.load(change.wanted));
  if (undone.conflict === true && undone.note !== undefined) notes.push(undone.note);
  if (sameState(now, undone.state)) return;
  if (undone.state) writeState(change.place, undone.state);
  else removeFile(change.place);
}

/** Ends what an earlier run left half done: put back, unless it had come to its end. True when something was put back. */
export async function recover(store: Store, around: Surroundings): Promise<boolean> {
  const running = store.readRunning();
  if (!running) return false;
  if (running.next !== null) {
    finish(store, running);
    return false;
  }
  around.say(`an earlier ${running.what} (${running.stamp}) was cut off: what it had done is put back first`);
  for (const note of await takeBack(store, running, around)) around.say(note);
  return true;
}
