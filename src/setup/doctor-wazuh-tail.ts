import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { systemCode } from "../lib/errors.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";

/** The end of alerts.json. */
export interface AlertsTail {
  readonly status: "read" | "absent" | "denied" | "failed";
  /** Whole lines looked at. */
  readonly alerts: number;
  /** Lines that are no JSON object. */
  readonly broken: number;
  /** By family, most first. */
  readonly families: readonly (readonly [string, number])[];
  /** Time of the newest alert, epoch ms. */
  readonly newest: number | undefined;
  /** Time of the newest alert of each rule. */
  readonly rules: ReadonlyMap<string, number>;
}

const TAIL_BYTES = 8 * 2 ** 20;
const MOST_ALERTS = 20_000;

/** Reads the last 8 MiB of a log, however long it is. Never throws. */
export async function readAlertsTail(path: string): Promise<AlertsTail> {
  let file: FileHandle;
  try {
    // A pipe in its place would hold the opening up for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    const code = systemCode(thrown);
    return empty(code === "ENOENT" ? "absent" : code === "EACCES" ? "denied" : "failed");
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return empty("failed");
    const from = Math.max(0, stat.size - TAIL_BYTES);
    const bytes = Buffer.alloc(stat.size - from);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    return summarise(bytes.toString("utf8", 0, bytesRead), from > 0);
  } catch {
    return empty("failed");
  } finally {
    await file.close();
  }
}

/** `cut`: the first line is the rest of one. What follows the last line end is being written. */
export function summarise(tail: string, cut: boolean): AlertsTail {
  const lines = tail.split("\n").slice(cut ? 1 : 0, -1);
  const families = new Map<string, number>();
  const rules = new Map<string, number>();
  let newest: number | undefined;
  let broken = 0;
  let alerts = 0;
  for (const line of lines.slice(-MOST_ALERTS)) {
    if (line === "") continue;
    alerts++;
    const alert = parsed(line);
    if (alert === undefined) {
      broken++;
      continue;
    }
    const family = familyOf(alert);
    families.set(family, (families.get(family) ?? 0) + 1);
    const at = Date.parse((text(alert, "timestamp") ?? "").replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
    if (!Number.isFinite(at)) continue;
    newest = Math.max(newest ?? at, at);
    const rule = text(alert, "rule", "id");
    if (rule !== undefined && rules.size < 5000) rules.set(rule, Math.max(rules.get(rule) ?? at, at));
  }
  const sorted = [...families].sort((a, b) => b[1] - a[1]);
  return { status: "read", alerts, broken, families: sorted, newest, rules };
}

function empty(status: AlertsTail["status"]): AlertsTail {
  return { status, alerts: 0, broken: 0, families: [], newest: undefined, rules: new Map() };
}

function parsed(line: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Families that Tipline has most to find in; the first that fits. Told from what the alert has, never from rule groups. */
const FAMILIES: readonly (readonly [string, (alert: JsonObject, decoder: string) => boolean])[] = [
  ["ours", (alert) => is(get(alert, "data", "integration"), "misp") || has(alert, "data", "tipline_canary")],
  ["FIM", (alert) => has(alert, "syscheck")],
  [
    "Sysmon",
    (alert, decoder) =>
      /sysmon/i.test(text(alert, "data", "win", "system", "providerName") ?? "") || /sysmon/i.test(decoder),
  ],
  ["Windows", (alert) => has(alert, "data", "win")],
  [
    "Packetbeat",
    (alert) => has(alert, "data", "dns", "question") || /packetbeat/i.test(text(alert, "data", "agent", "type") ?? ""),
  ],
  ["Suricata", (alert) => has(alert, "data", "flow_id") && has(alert, "data", "event_type")],
  ["SSH", (_, decoder) => decoder === "sshd"],
  ["web", (alert, decoder) => /web-accesslog|nginx|apache|iis/i.test(decoder) || has(alert, "data", "url")],
  ["audit", (_, decoder) => /^auditd/.test(decoder)],
  ["AWS", (alert) => has(alert, "data", "aws")],
  ["Office 365", (alert) => has(alert, "data", "office365")],
  ["vulnerabilities", (alert) => has(alert, "data", "vulnerability")],
  ["configuration", (alert) => has(alert, "data", "sca")],
  ["firewall", (alert) => has(alert, "data", "srcip") && has(alert, "data", "dstip")],
];

function familyOf(alert: JsonObject): string {
  const decoder = text(alert, "decoder", "name") ?? "";
  return FAMILIES.find(([, fits]) => fits(alert, decoder))?.[0] ?? "other";
}

const has = (value: JsonValue, ...path: readonly string[]): boolean => get(value, ...path) !== undefined;
const is = (value: JsonValue | undefined, wanted: string): boolean => value === wanted;
