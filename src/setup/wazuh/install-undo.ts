import { mergeText } from "../../lib/merge-lines.ts";
import { type FileState, sameState } from "./install-files.ts";

/** What a file becomes when a change of ours to it is taken back, and what there is to say about it. */
export interface Undone {
  readonly state: FileState | undefined;
  readonly note?: string;
  /** Both changed the same lines: what is there stays. */
  readonly conflict?: boolean;
}

/** Takes pieces that are known to be ours out of a text, where they no longer stand as they were put there. */
export type TakeOut = (text: string) => string;

/**
 * Takes a change back. Where the file still says what was put there it becomes what was found, to the byte; where others changed
 * it since, only ours is taken out (a three-way merge), and `takeOut` helps where they changed ours.
 */
export function undoFile(
  path: string,
  now: FileState | undefined,
  found: FileState | undefined,
  installed: FileState | undefined,
  takeOut?: TakeOut,
): Undone {
  if (sameState(now, installed) || sameState(now, found)) return { state: found };
  if (!installed) return { state: now, note: `${path} was removed by the installation and is there again: it stays` };
  if (!found) {
    if (!now) return { state: undefined };
    const edited = !now.bytes.equals(installed.bytes);
    return { state: undefined, ...(edited && { note: `${path} goes though it was edited since` }) };
  }
  if (!now) return { state: undefined, note: `${path} is not there any more: it stays away` };
  const owner = sameOwner(now, installed) ? found : now;
  const { mode, uid, gid } = owner;
  if (now.bytes.equals(installed.bytes) || now.bytes.equals(found.bytes))
    return { state: { bytes: found.bytes, mode, uid, gid } };
  const text = (state: FileState) => state.bytes.toString("latin1");
  const merged = mergeText(text(installed), text(found), text(now)) ?? taken(text(now), takeOut);
  if (merged !== undefined) return { state: { bytes: Buffer.from(merged, "latin1"), mode, uid, gid } };
  return {
    state: now,
    conflict: true,
    note: `${path} was edited where Tipline had changed it: it stays as it is; compare it with the copy in the backup`,
  };
}

function taken(text: string, takeOut: TakeOut | undefined): string | undefined {
  const after = takeOut?.(text);
  return after === text ? undefined : after;
}

function sameOwner(a: FileState, b: FileState): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}
