import { isIP } from "node:net";
import { canonicalize } from "../intel/canonical.ts";
import type { AllowEntry } from "../intel/policy.ts";
import { TiplineError } from "../lib/errors.ts";
import { parseDuration } from "../lib/units.ts";
import { type JsonObject, type JsonValue, text } from "../model/json.ts";
import type { CanonicalValue, ObservableType } from "../model/observable.ts";
import { appendAllow, readAllow, removeAllow } from "../store/allow.ts";
import { callControl } from "../store/control.ts";
import { lockState } from "../store/state-lock.ts";

const GUESSES: readonly ObservableType[] = [
  "ip",
  "url",
  "email",
  "sha256",
  "sha1",
  "md5",
  "sha512",
  "domain",
  "regkey",
  "path",
  "filename",
];

/** What an analyst asks for; checked here, so that the command and the control socket refuse alike. */
export interface AllowRequest {
  readonly value: string;
  readonly type?: string;
  readonly reason: string;
  readonly entity?: string;
  /** A duration (`7d`) or a date (`2026-12-31`). */
  readonly expires?: string;
  readonly by: string;
}

/** The entry a request means; throws TIP_USAGE_INVALID naming what is wrong. */
export function allowEntry(request: AllowRequest, now: number): AllowEntry {
  const reason = request.reason.trim().slice(0, 500);
  if (reason === "")
    throw new TiplineError("TIP_USAGE_INVALID", "expected --reason with a reason a colleague will understand");
  const { type, value } = typed(request.value, request.type);
  return {
    type,
    value,
    reason,
    by: request.by.slice(0, 100),
    createdAt: now,
    ...(request.entity === undefined ? {} : { entity: entityKey(request.entity) }),
    ...(request.expires === undefined ? {} : { expires: expiry(request.expires, now) }),
  };
}

/** A bare value's type and canonical spelling. */
export function typed(raw: string, type: string | undefined): { type: ObservableType; value: CanonicalValue } {
  const candidates =
    type === undefined
      ? GUESSES
      : GUESSES.concat(["imphash", "ja3", "x509", "mutex", "user-agent", "asn"]).filter((known) => known === type);
  for (const candidate of candidates) {
    const value = canonicalize(candidate, raw);
    if (value !== undefined && !(candidate === "domain" && isIP(raw))) return { type: candidate, value };
  }
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `expected an address, name, URL, hash or path${type === undefined ? "" : ` of type ${type}`}, got "${raw.slice(0, 100)}"`,
  );
}

/** `001` is agent 001; anything with a colon is an entity key as `explain` prints it. */
function entityKey(entity: string): string {
  return entity.includes(":") ? entity : `agent:${entity}`;
}

function expiry(text: string, now: number): number {
  const duration = parseDuration(text);
  if (duration !== undefined) return now + duration;
  const date = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (date > now) return date;
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `--expires: expected a duration such as 7d or a date in the future, got "${text}"`,
  );
}

/** Changes the allow log: through the running Tipline when there is one, so that it is in force at once. */
export async function changeAllow(stateDir: string, request: JsonObject, now: number): Promise<JsonValue> {
  const asked = await callControl(stateDir, "allow", request);
  if (asked !== undefined) return asked;
  const lock = lockState(stateDir);
  try {
    return applyAllow(stateDir, request, now);
  } finally {
    lock.release();
  }
}

/** Applies a request to the log; the caller holds the state lock. */
export function applyAllow(stateDir: string, request: JsonObject, now: number): JsonValue {
  const field = (name: string) => text(request, name);
  const value = field("value") ?? "";
  const by = field("by") ?? "unknown";
  if (field("action") === "remove") {
    const target = typed(value, field("type"));
    return { removed: removeAllow(stateDir, target.type, target.value, by, now) };
  }
  const optional = { type: field("type"), entity: field("entity"), expires: field("expires") };
  const given = Object.fromEntries(Object.entries(optional).filter(([, found]) => found !== undefined));
  const entry = allowEntry({ value, reason: field("reason") ?? "", by, ...given }, now);
  appendAllow(stateDir, entry);
  return { ...entry };
}

export { readAllow };
