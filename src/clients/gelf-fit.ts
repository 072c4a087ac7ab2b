import { json, text } from "./gelf-value.ts";
import { cutBytes } from "./misp-trim.ts";

/** A message before it is made to fit. Names of fields are without `_`. */
export interface GelfDraft {
  readonly standard: Readonly<Record<string, string | number>>;
  readonly fullMessage: string | undefined;
  readonly fields: ReadonlyMap<string, string | number>;
  readonly shortened: readonly string[];
  readonly omitted: readonly { readonly name: string; readonly reason: string }[];
}

/** A message as it goes out, without anything around it. */
export interface GelfMessage {
  readonly json: string;
  /** Names of fields that were cut or left out. */
  readonly shortened: readonly string[];
  readonly omitted: readonly string[];
}

/** What a finding is; never left out, cut only as the last thing. */
const KEPT: ReadonlySet<string> = new Set(
  `tipline_finding_id tipline_event_id tipline_category tipline_type tipline_value tipline_score tipline_band tipline_mode tipline_kind
   tipline_suppressed tipline_warninglist tipline_indicator tipline_entity tipline_matches_count tipline_repeat_count
   tipline_entities_count tipline_quiet tipline_foreign`.split(/\s+/),
);
/** Longest field in bytes, step by step, as long as the message does not fit. */
const CAPS = [8_000, 2_000, 500, 128];
/** A shorter head of the alert is of no use. */
const LEAST_FULL_MESSAGE = 256;
const MAX_NAMES_BYTES = 2_000;
const TOO_LARGE = "message too large";

/**
 * The message as JSON of at most `maxBytes` bytes. What gives way, in this order: the end of `full_message`, long fields, fields
 * from the last one on. What was touched is named in the message.
 */
export function fitMessage(draft: GelfDraft, maxBytes: number): GelfMessage {
  const fields = new Map(draft.fields);
  const shortened = new Set(draft.shortened);
  const omitted = [...draft.omitted];
  const render = (fullMessage: string | undefined) => write(draft.standard, fullMessage, fields, shortened, omitted);
  const done = (text: string): GelfMessage => ({
    json: text,
    shortened: [...shortened],
    omitted: omitted.map(({ name }) => name),
  });

  const whole = render(draft.fullMessage);
  if (Buffer.byteLength(whole) <= maxBytes) return done(whole);
  if (draft.fullMessage !== undefined) shortened.add("full_message");
  for (const step of steps(fields, shortened, omitted)) {
    step();
    const bare = render(undefined);
    const room = maxBytes - Buffer.byteLength(bare) - ',"full_message":""'.length;
    if (room < 0) continue;
    const head = draft.fullMessage === undefined ? "" : cutEscaped(draft.fullMessage, room);
    return done(head.length >= LEAST_FULL_MESSAGE ? render(head) : bare);
  }
  return done(render(undefined));
}

function* steps(
  fields: Map<string, string | number>,
  shortened: Set<string>,
  omitted: { readonly name: string; readonly reason: string }[],
): Generator<() => void> {
  yield () => undefined;
  for (const cap of CAPS)
    yield () => {
      for (const [name, value] of fields) {
        if (typeof value !== "string" || KEPT.has(name) || value.length * 3 <= cap) continue;
        const cut = text(value, cap);
        if (!("value" in cut) || !cut.shortened || cut.value === undefined) continue;
        fields.set(name, cut.value);
        shortened.add(name);
      }
    };
  const optional = [...fields.keys()].filter((name) => !KEPT.has(name)).reverse();
  // Not one by one: each step writes the message anew.
  for (let at = 0; at < optional.length; at += 20)
    yield () => {
      for (const name of optional.slice(at, at + 20)) {
        fields.delete(name);
        omitted.push({ name, reason: TOO_LARGE });
      }
    };
  yield () => {
    for (const [name, value] of fields)
      if (typeof value === "string" && Buffer.byteLength(value) > 128) {
        fields.set(name, cutBytes(value, 128));
        shortened.add(name);
      }
  };
}

function write(
  standard: GelfDraft["standard"],
  fullMessage: string | undefined,
  fields: ReadonlyMap<string, string | number>,
  shortened: ReadonlySet<string>,
  omitted: GelfDraft["omitted"],
): string {
  const members: Record<string, string | number> = Object.create(null);
  Object.assign(members, standard);
  if (fullMessage !== undefined) members["full_message"] = fullMessage.replaceAll("\0", "\u{fffd}").toWellFormed();
  for (const [name, value] of fields) members[`_${name}`] = value;
  const cut = names([...shortened]);
  const out = names(omitted.map(({ name, reason }) => `${name} (${reason})`));
  if (cut !== "") members["_tipline_shortened"] = cut;
  if (out !== "") members["_tipline_omitted"] = out;
  return json(members);
}

/** Names one after another; what has no room is counted. */
function names(list: readonly string[]): string {
  let bytes = 0;
  const at = list.findIndex((name) => {
    bytes += Buffer.byteLength(name) + 2;
    return bytes > MAX_NAMES_BYTES;
  });
  return at < 0 ? list.join(", ") : `${list.slice(0, at).join(", ")} and ${list.length - at} more`;
}

/** The longest head whose JSON text takes at most `maxBytes` bytes. */
function cutEscaped(whole: string, maxBytes: number): string {
  let bytes = 0;
  let at = 0;
  for (const char of whole) {
    bytes += escapedBytes(char.codePointAt(0) ?? 0);
    if (bytes > maxBytes) break;
    at += char.length;
  }
  return whole.slice(0, at);
}

function escapedBytes(code: number): number {
  if (code === 0x22 || code === 0x5c) return 2;
  if (code < 0x20) return code === 0x0a || code === 0x0d || code === 0x09 || code === 0x08 || code === 0x0c ? 2 : 6;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  // A lone surrogate becomes U+FFFD, which has three bytes.
  return code < 0x10000 ? 3 : 4;
}
