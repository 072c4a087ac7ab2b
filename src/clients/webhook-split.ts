import type { NoticeView } from "./webhook-view.ts";

export type Body = (view: NoticeView) => string;

export interface SplitLimits {
  /** Bytes of a body. */
  readonly maxBody: number;
  /** Messages that one digest may take. */
  readonly maxParts: number;
}

/**
 * Where the parts of a message end so that each body keeps within its size, by listing fewer ids in each. At least one id a part, even
 * where a template leaves no room for it.
 */
export function splitIds(
  view: Omit<NoticeView, "ids" | "part" | "parts" | "unlisted">,
  ids: readonly string[],
  body: Body,
  { maxBody, maxParts }: SplitLimits,
): readonly number[] {
  const most = view.kind === "notice" ? 1 : maxParts;
  // The longest that these numbers may become.
  const sizeOf = (part: number, listed: readonly string[]) =>
    Buffer.byteLength(body({ ...view, ids: listed, part, parts: 9999, unlisted: ids.length }));
  const ends: number[] = [];
  let from = 0;
  while (from < ids.length && ends.length < most) {
    const part = Math.min(ends.length + 1, 2);
    let room = maxBody - sizeOf(part, []);
    let end = from;
    while (end < ids.length) {
      room -= costOf(ids[end] ?? "");
      if (room < 0) break;
      end += 1;
    }
    end = Math.max(end, from + 1);
    // A template may write an id longer than was thought.
    while (end > from + 1 && sizeOf(part, ids.slice(from, end)) > maxBody) end = from + Math.floor((end - from) / 2);
    ends.push(end);
    from = end;
  }
  return ends.length === 0 ? [0] : ends;
}

const costOf = (id: string): number => Buffer.byteLength(JSON.stringify(id)) + 1;
