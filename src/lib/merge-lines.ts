import { diffPieces, type Hunk, splitLines } from "./line-diff.ts";

/**
 * The change from `base` to `ours` made to `theirs`, which came from `base` by other changes: three-way merge, by lines, and where
 * two changes meet in one line by the tags in it. Undefined where both changed the same piece in different ways.
 */
export function mergeText(base: string, ours: string, theirs: string): string | undefined {
  return (
    merge(splitLines(base), splitLines(ours), splitLines(theirs)) ??
    merge(splitTags(base), splitTags(ours), splitTags(theirs))
  );
}

/** White space, tags and what is between them, so that joining them gives the text again. */
function splitTags(text: string): string[] {
  return text.match(/\s+|<[^<>\s]*>?|[^\s<]+/g) ?? [];
}

function merge(base: readonly string[], ours: readonly string[], theirs: readonly string[]): string | undefined {
  const mine = diffPieces(base, ours);
  const other = diffPieces(base, theirs);
  const pieces: string[] = [];
  let at = 0;
  let m = 0;
  let o = 0;
  const take = (hunk: Hunk, from: readonly string[]) => {
    pieces.push(...base.slice(at, hunk.aStart), ...from.slice(hunk.bStart, hunk.bEnd));
    at = hunk.aEnd;
  };
  for (;;) {
    const my = mine[m];
    const its = other[o];
    if (!my && !its) break;
    if (my && its && same(my, ours, its, theirs)) {
      take(my, ours);
      m++;
      o++;
    } else if (my && its && overlap(my, its)) return undefined;
    else if (my && (!its || my.aStart < its.aStart || (my.aStart === its.aStart && my.aEnd <= its.aEnd))) {
      take(my, ours);
      m++;
    } else if (its) {
      take(its, theirs);
      o++;
    }
  }
  return pieces.join("") + base.slice(at).join("");
}

/** Hunks that only touch do not overlap: both changes can be made. */
function overlap(a: Hunk, b: Hunk): boolean {
  return a.aStart < b.aEnd && b.aStart < a.aEnd;
}

function same(my: Hunk, ours: readonly string[], its: Hunk, theirs: readonly string[]): boolean {
  if (my.aStart !== its.aStart || my.aEnd !== its.aEnd || my.bEnd - my.bStart !== its.bEnd - its.bStart) return false;
  for (let n = 0; n < my.bEnd - my.bStart; n++) if (ours[my.bStart + n] !== theirs[its.bStart + n]) return false;
  return true;
}
