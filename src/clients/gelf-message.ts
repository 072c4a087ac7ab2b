import type { Finding } from "../model/finding.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text as textAt } from "../model/json.ts";
import { enrichedAlert } from "./enriched-alert.ts";
import {
  ALERT_FIELDS,
  alertType,
  type FieldType,
  MISP_FIELDS,
  mispName,
  mispType,
  OWN_FIELDS,
  ownValues,
} from "./gelf-fields.ts";
import { fitMessage, type GelfDraft, type GelfMessage } from "./gelf-fit.ts";
import { flattenAlert, pickLeaves, readAlert } from "./gelf-flatten.ts";
import { fieldValue, isoInstant, text } from "./gelf-value.ts";
import { cleanBlock } from "./misp-block.ts";

/** What a message holds. */
export interface GelfContent {
  /** Every member of the alert and of the `misp` object instead of the chosen ones. */
  readonly full: boolean;
  /** Members of the alert beside the chosen ones. */
  readonly extra: readonly (readonly string[])[];
  /** The enriched alert as `full_message`. */
  readonly fullMessage: boolean;
  /** Time of the message: the alert's own, or that of sending. */
  readonly timestamp: "alert" | "sent";
  /** Whether a field outside the documented ones may be sent: an index takes 1,000 names at most, all its messages together. */
  readonly admits: (name: string) => boolean;
}

const LEVELS: Readonly<Record<string, number>> = { critical: 2, high: 3, medium: 4, low: 5, benign: 6 };
const UNKNOWN_LEVEL = 5;
const MAX_SHORT = 512;
const MAX_HOST = 255;

/**
 * A finding as a GELF 1.1 message of at most `maxBytes` bytes (at least 8 KiB), with nothing in it that Graylog or the index behind it
 * refuses or drops in silence. `now`: epoch milliseconds, used with `timestamp: sent`.
 */
export function gelfMessage(finding: Finding, content: GelfContent, maxBytes: number, now: number): GelfMessage {
  const enriched = enrichedAlert(finding);
  const alert = alertOf(finding, enriched);
  const fields = new FieldSet(content.admits);
  for (const [name, value] of ownValues(finding)) fields.add(name, OWN_FIELDS[name], value);
  addMisp(finding, content.full, fields);
  addAlert(finding, alert, content, fields);
  return fitMessage(
    {
      standard: standardFields(finding, alert, content, now),
      fullMessage: content.fullMessage ? enriched : undefined,
      fields: fields.fields,
      shortened: fields.shortened,
      omitted: fields.omitted,
    },
    maxBytes,
  );
}

/** Fields by name, each at most once, and what became of those that could not be taken as they are. */
class FieldSet implements Pick<GelfDraft, "fields" | "shortened" | "omitted"> {
  readonly fields = new Map<string, string | number>();
  readonly shortened: string[] = [];
  readonly omitted: { readonly name: string; readonly reason: string }[] = [];
  readonly #admits: (name: string) => boolean;

  constructor(admits: (name: string) => boolean) {
    this.#admits = admits;
  }

  /** `documented`: the name is one of docs/graylog-fields.md, so that it needs no room among the others. */
  add(name: string, type: FieldType, value: JsonValue | undefined, documented = true): void {
    const result = fieldValue(type, value);
    if ("omitted" in result) this.omitted.push({ name, reason: result.omitted });
    else if (result.value === undefined) return;
    else if (this.fields.has(name)) this.omitted.push({ name, reason: "another field has this name" });
    else if (!documented && !this.#admits(name)) this.omitted.push({ name, reason: "too many names" });
    else {
      this.fields.set(name, result.value);
      if (result.shortened) this.shortened.push(name);
    }
  }
}

function addMisp(finding: Finding, full: boolean, fields: FieldSet): void {
  const block: JsonObject = Object.fromEntries(cleanBlock(finding.misp));
  for (const { name, type, path } of MISP_FIELDS) fields.add(name, type, get(block, ...path));
  if (!full) return;
  const sent = new Set(MISP_FIELDS.map(({ name }) => name));
  for (const [key, value] of Object.entries(block))
    for (const [inner, leaf] of isJsonObject(value) ? Object.entries(value) : []) {
      const name = mispName([key, inner]);
      if (!sent.has(name)) fields.add(name, mispType(inner), leaf, false);
    }
}

const DOCUMENTED: ReadonlySet<string> = new Set(ALERT_FIELDS.map(({ name }) => name));
const CHOSEN = ALERT_FIELDS.map(({ path }) => path);

function addAlert({ alert: { time } }: Finding, alert: JsonObject, content: GelfContent, fields: FieldSet): void {
  // As it was understood, and not as it is written: every log source has a format of its own.
  fields.add("wazuh_timestamp", "date", isoInstant(time));
  const leaves = content.full ? flattenAlert(alert) : pickLeaves(alert, [...CHOSEN, ...content.extra]);
  const chosen = leaves.filter(({ name }) => DOCUMENTED.has(name));
  const others = leaves.filter(({ name }) => !DOCUMENTED.has(name));
  for (const { name, path, value } of chosen) if (name !== "wazuh_timestamp") fields.add(name, alertType(path), value);
  for (const { name, value } of others) fields.add(name, "text", value, false);
}

/** The alert as it was read; where that is no JSON, an alert made of what is known of it. */
function alertOf({ alert }: Finding, enriched: string): JsonObject {
  return readAlert(alert.raw) ?? readAlert(enriched) ?? {};
}

function standardFields(finding: Finding, alert: JsonObject, { timestamp }: GelfContent, now: number) {
  const time = timestamp === "sent" ? now : finding.alert.time;
  const host = textOf(finding.alert.agent?.name, MAX_HOST) ?? textOf(textAt(alert, "manager", "name"), MAX_HOST);
  return {
    version: "1.1",
    host: host ?? textOf(finding.alert.node, MAX_HOST) ?? "tipline",
    short_message: shortMessage(finding),
    // Graylog takes the time of receipt where there is none.
    ...(isoInstant(time) === undefined ? {} : { timestamp: time / 1000 }),
    level: Object.hasOwn(LEVELS, finding.misp.band) ? (LEVELS[finding.misp.band] ?? UNKNOWN_LEVEL) : UNKNOWN_LEVEL,
  };
}

function textOf(given: unknown, maxBytes: number): string | undefined {
  const result = typeof given === "string" ? text(given.replace(/\s+/g, " "), maxBytes) : undefined;
  return result !== undefined && "value" in result && result.value !== undefined ? String(result.value) : undefined;
}

/** One line for people; never blank, because Graylog refuses that. */
function shortMessage({ kind, misp, alert, suppressed, key }: Finding): string {
  const where = kind === "spread" ? `${misp.entities_count ?? "many"} hosts` : (alert.agent?.name ?? key.entity);
  const judged = suppressed
    ? `known benign (${misp.warninglist ?? "suppressed"})`
    : `score ${misp.score} (${misp.band})`;
  const repeats = kind === "repeats" ? `, repeats: ${misp.repeat_count ?? "?"}` : "";
  const tail = [misp.event_info, misp.source?.description]
    .map((part) => textOf(part, 160))
    .filter((part) => part !== undefined);
  const line = `MISP ${textOf(misp.type, 60) ?? "match"} ${textOf(misp.value, 200) ?? ""} on ${textOf(where, 60) ?? "?"}: ${textOf(judged, 100)}${repeats}`;
  return textOf([line, ...tail].join(" - "), MAX_SHORT) ?? "MISP match";
}
