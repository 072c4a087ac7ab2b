import type { CanonicalValue } from "../model/observable.ts";
import { canonicalEmail } from "./canonical-host.ts";
import { isPublicTld } from "./hosts.ts";
import { classOf, isLocalChar } from "./scan-chars.ts";
import { wordBefore } from "./scan-context.ts";

/** Longest local part. */
const MAX_LOCAL = 64;
/** Names of ssh algorithms look like addresses (`curve25519-sha256@libssh.org`). */
const ALGORITHM_HOST = /^(?:openssh\.com|libssh\.org|lysator\.liu\.se|ssh\.com)$/;
const INTERNAL_SUFFIX = /\.(?:local|lan|corp|internal|intranet|home|localdomain|example|test|invalid)$/;
const MESSAGE_ID = /message-?_?id$|^msg-?_?id$|^(?:in-reply-to|references|resent-message-id)$/;
/** What the local part may hold beside letters, digits, `.`, `-`, `_`, `+` and `%`; in running text these rather separate. */
const RARE_LOCAL = "=!#$&'*/?^`{|}~";

/** An address in free text; `undefined` as value when it is read over, but no observable (a message-id, an algorithm). */
export interface WrittenAddress {
  readonly value: CanonicalValue | undefined;
  readonly written: string;
  readonly end: number;
}

/** The e-mail address whose `@` stands at `at` and whose last word before it begins at `start`, or undefined. */
export function addressAt(text: string, start: number, at: number, field: string): WrittenAddress | undefined {
  let end = at + 1;
  while (end < text.length && classOf(text, end) !== 0) end++;
  while (end > at && (classOf(text, end - 1) & 24) !== 0) end--;
  const from = localStart(text, start, at);
  const written = text.slice(from, end);
  const value = canonicalEmail(written);
  if (value === undefined) return undefined;
  const host = value.slice(value.lastIndexOf("@") + 1);
  if (!isPublicTld(host.slice(host.lastIndexOf(".") + 1)) && !INTERNAL_SUFFIX.test(host)) return undefined;
  const other = MESSAGE_ID.test(wordBefore(text, from, field)) || ALGORITHM_HOST.test(host);
  return { value: other ? undefined : value, written, end };
}

/** Where the local part begins; in angle brackets it is all that stands there (`<SRS0=x=y=a.example=joe@b.example>`). */
function localStart(text: string, start: number, at: number): number {
  let from = start;
  while (from > 0 && at - from < MAX_LOCAL && isLocalChar(text.charCodeAt(from - 1))) from--;
  let bracket = from;
  while (bracket > 0 && at - bracket < MAX_LOCAL && isRareLocal(text, bracket - 1)) bracket--;
  return bracket < from && text.charCodeAt(bracket - 1) === 60 ? bracket : from;
}

function isRareLocal(text: string, at: number): boolean {
  return isLocalChar(text.charCodeAt(at)) || RARE_LOCAL.includes(text[at]!);
}
