import { isIP } from "node:net";
import { canonicalCidr, canonicalize } from "../intel/canonical.ts";
import { isPublicTld } from "../intel/hosts.ts";
import type { AllowEntry } from "../intel/policy.ts";
import { refang } from "../intel/refang.ts";
import { TiplineError } from "../lib/errors.ts";
import { parseDuration } from "../lib/units.ts";
import { type JsonObject, type JsonValue, text } from "../model/json.ts";
import { type CanonicalValue, OBSERVABLE_TYPES, type ObservableType } from "../model/observable.ts";
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
export function typed(given: string, type: string | undefined): { type: ObservableType; value: CanonicalValue } {
  const raw = singleAddress(given);
  const candidates =
    type === undefined ? GUESSES : OBSERVABLE_TYPES.filter((known) => known === type && known !== "cve");
  for (const candidate of candidates) {
    const value = canonicalize(candidate, raw);
    if (value === undefined || (candidate === "domain" && isIP(raw))) continue;
    if (candidate === "domain" && type === undefined && endsLikeFile(value)) continue;
    return { type: candidate, value };
  }
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `expected an address, name, URL, hash or path${type === undefined ? "" : ` of type ${type}`}, got "${raw.slice(0, 100)}"`,
  );
}

/** Top-level labels of inside networks and of special use: names, whatever a file's ending looks like. */
const INSIDE: ReadonlySet<string> = new Set("lan corp home test priv".split(" "));

/** `tool.exe` is a file and `evil.com` a name; where an ending is both (`script.sh`) it is a name, and `--type filename` says else. */
function endsLikeFile(name: string): boolean {
  const ending = name.slice(name.lastIndexOf(".") + 1);
  return ending.length <= 4 && !INSIDE.has(ending) && !isPublicTld(ending);
}

/** `198.51.100.7/32` as its address. A wider network is refused: read as a URL it would allow nothing that anybody meant. */
function singleAddress(raw: string): string {
  const network = raw.includes("/") ? canonicalCidr(refang(raw)) : undefined;
  if (network === undefined) return raw;
  if (!network.includes("/")) return network;
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `expected one address, got the network "${raw.slice(0, 100)}": allow its addresses, or name it in own.networks if it is yours`,
  );
}

/** `001` is agent 001; anything with a colon is an entity key as `explain` prints it. */
function entityKey(entity: string): string {
  return entity.includes(":") ? entity : `agent:${entity}`;
}

function expiry(text: string, now: number): number {
  const duration = parseDuration(text);
  if (duration !== undefined && duration > 0) return now + duration;
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
  return allowJson(entry);
}

/** An entry as commands print it; times are ISO. */
export function allowJson({ createdAt, expires, ...entry }: AllowEntry): JsonObject {
  return {
    ...entry,
    created_at: new Date(createdAt).toISOString(),
    ...(expires === undefined ? {} : { expires: new Date(expires).toISOString() }),
  };
}

export { readAllow };
