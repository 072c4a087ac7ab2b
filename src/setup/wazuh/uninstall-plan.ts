import { basename, join } from "node:path";
import type { RecordedChange, RunRecord, Store } from "./backup.ts";
import { isHookScript } from "./hook.ts";
import { type FileState, folderOwner, listFolder, type Place, readState, sameState } from "./install-files.ts";
import { reloadFor } from "./install-plan.ts";
import { type TakeOut, undoFile } from "./install-undo.ts";
import type { Installation } from "./installation.ts";
import { editConf, removeIntegration, removeOurIntegrations } from "./ossec-conf-edit.ts";
import type { Change, FileChange, Plan } from "./plan.ts";
import { HOOK_NAME, planEdits } from "./plan-conf.ts";
import { Draft } from "./plan-draft.ts";
import { ourFileNames } from "./plan-rules.ts";

export interface UninstallPlan extends Plan {
  /** The runs that still count afterwards: what stays without `--purge`. */
  readonly next: readonly RunRecord[];
}

/** Takes every run back, the last first: files become what they were but for what others changed since. It changes nothing. */
export function planUninstall(store: Store, installation: Installation, purge: boolean): UninstallPlan {
  const runs = store.readInstalled();
  if (runs.length === 0) return withoutRecord(installation);
  const plan = takeBackRuns(store, runs, purge, (path) =>
    path === installation.paths.ossecConf ? takeHookOut : undefined,
  );
  const files = plan.changes.filter((change) => change.kind === "file");
  return {
    ...plan,
    notes: [...plan.notes, ...copyNotes(installation, files)],
    reload: reloadFor(
      installation,
      files.map(({ place }) => place.path),
    ),
  };
}

/** What takes these runs back, whatever was installed; `takeOut`: how ours is told in a file that others changed too. */
export function takeBackRuns(
  store: Store,
  runs: readonly RunRecord[],
  purge: boolean,
  takeOut: (path: string) => TakeOut | undefined = () => undefined,
): UninstallPlan {
  const notes: string[] = [];
  const files = new Map<string, { first: RecordedFile; now: FileState | undefined; wanted: FileState | undefined }>();
  const rest: Exclude<RecordedChange, RecordedFile>[] = [];
  for (const change of runs.toReversed().flatMap(({ changes }) => changes.toReversed())) {
    if (change.keep && !purge) continue;
    if (change.kind === "file") takeBack(store, takeOut(change.place.path), change, files, notes);
    else rest.push(change);
  }
  const taken = new Set([...files].flatMap(([path, { wanted }]) => (wanted ? [] : [path])));
  const others = rest.flatMap((change) => backwards(change, taken, notes));
  const changes = [...files.values()].flatMap(({ first, now, wanted }): FileChange[] =>
    sameState(now, wanted)
      ? []
      : [
          {
            kind: "file",
            place: first.place,
            found: now,
            wanted,
            why: `as before: ${first.why}`,
            ...(first.secret === true && { secret: true }),
          },
        ],
  );
  notes.push(...orphanNotes(rest, others));
  const kept = runs.map((run) => ({ ...run, changes: run.changes.filter(({ keep }) => keep) }));
  return {
    changes: [...changes, ...others],
    reload: "none",
    notes,
    next: purge ? [] : kept.filter(({ changes: left }) => left.length > 0),
  };
}

type RecordedFile = Extract<RecordedChange, { kind: "file" }>;

function takeBack(
  store: Store,
  takeOut: TakeOut | undefined,
  change: RecordedFile,
  files: Map<string, { first: RecordedFile; now: FileState | undefined; wanted: FileState | undefined }>,
  notes: string[],
): void {
  const { path } = change.place;
  const entry = files.get(path) ?? { first: change, now: readState(change.place), wanted: readState(change.place) };
  const wrote = store.load(change.wanted);
  if (change.keep && entry.wanted && wrote && !entry.wanted.bytes.equals(wrote.bytes)) {
    notes.push(`${path} stays: it was edited since`);
    return;
  }
  const { state, note } = undoFile(path, entry.wanted, store.load(change.found), wrote, takeOut);
  if (note !== undefined) notes.push(note);
  files.set(path, { ...entry, wanted: state });
}

/** The hook's blocks: those of its name, and those of other names that `install` put in. */
const hookEdits = (why: string) => [removeOurIntegrations(why), removeIntegration(HOOK_NAME, why)];

/** Copies of the hook that stay: made by hand, they hand alerts to a spool that nobody drains, or that is gone. */
function copyNotes(installation: Installation, files: readonly FileChange[]): readonly string[] {
  const { integrations } = installation.paths;
  const will = new Map(files.map(({ place, wanted }) => [place.path, wanted]));
  const anchor = installation.prefix;
  return listFolder({ anchor, path: integrations }).flatMap((name) => {
    const path = join(integrations, name);
    const state = will.has(path) ? will.get(path) : scriptAt({ anchor, path });
    if (!isHookScript(state?.bytes.toString("latin1") ?? "")) return [];
    return [
      `integrations/${name} stays: it is a copy of Tipline's hook that \`install\` did not make, and nobody drains its spool any more; remove it, and the <integration> of that name`,
    ];
  });
}

/** Undefined where it is a link or no regular file: nothing of ours. */
function scriptAt(place: Place): FileState | undefined {
  try {
    return readState(place);
  } catch {
    return undefined;
  }
}

const takeHookOut: TakeOut = (text) => {
  try {
    return editConf(text, hookEdits("")).text;
  } catch {
    // Broken by somebody else meanwhile: then it cannot be said where ours ends.
    return text;
  }
};

function backwards(
  change: Exclude<RecordedChange, RecordedFile>,
  taken: ReadonlySet<string>,
  notes: string[],
): readonly Change[] {
  const why = `as before: ${change.why}`;
  if (change.kind === "account") return [{ kind: "account", account: change.account, gone: true, why, keep: true }];
  if (folderOwner(change.place) === undefined) return [];
  const { anchor, path } = change.place;
  const inside = listFolder(change.place).map((name) => ({ anchor, path: join(path, name) }));
  const left = inside.filter((place) => !taken.has(place.path) && !isMark(place.path));
  if (left.length > 0) {
    notes.push(`${path} stays: there are files in it (${left.length})`);
    return [];
  }
  const marks = inside
    .filter((place) => isMark(place.path))
    .map((place): FileChange => ({ kind: "file", place, found: readState(place), wanted: undefined, why }));
  return [...marks, { kind: "folder", place: change.place, wanted: change.wanted, gone: true, why }];
}

/** The next new user may get the number of one who goes, and with it what is left: MISP's key, say. */
function orphanNotes(rest: readonly Exclude<RecordedChange, RecordedFile>[], others: readonly Change[]): string[] {
  const user = others.find((change) => change.kind === "account" && change.account.what === "user");
  const goes = new Set(others.flatMap((change) => (change.kind === "folder" ? [change.place.path] : [])));
  const left = rest.flatMap((change) =>
    change.kind === "folder" && change.keep && folderOwner(change.place) && !goes.has(change.place.path)
      ? [change.place.path]
      : [],
  );
  if (user?.kind !== "account" || left.length === 0) return [];
  const { name } = user.account;
  const mend = `rm -r ${left.join(" ")} (or chown -R root: what is to stay)`;
  return [`user ${name} goes, and the next new user may get the number that owns what is left: ${mend}`];
}

/** What the hook notes for itself in its spool. */
const isMark = (path: string) => [".copy", ".full"].includes(basename(path));

/** Where no record is left: what is known to be ours by its name. */
function withoutRecord(installation: Installation): UninstallPlan {
  const draft = new Draft(installation.prefix);
  const { localRules, localDecoders, integrations, ossecConf } = installation.paths;
  const why = "ours, by its name";
  for (const name of ourFileNames())
    for (const folder of [localRules, localDecoders]) draft.remove(join(folder, name), why);
  draft.remove(join(integrations, HOOK_NAME), why);
  if (takeHookOut(draft.text(ossecConf) ?? "") !== draft.text(ossecConf))
    planEdits(draft, installation, hookEdits(why));
  const changes = draft.changes();
  const notes =
    changes.length > 0
      ? ["there is no record of an installation: only what is Tipline's by name is taken out, and nothing is put back"]
      : [];
  return {
    changes,
    reload: reloadFor(
      installation,
      changes.map(({ place }) => place.path),
    ),
    notes: [...notes, ...copyNotes(installation, changes)],
    next: [],
  };
}
