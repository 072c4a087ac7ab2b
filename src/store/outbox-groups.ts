import { createHash } from "node:crypto";
import { type Finding, isRedacted } from "../model/finding.ts";
import type { Grouped } from "./outbox.ts";

/** What findings may be grouped by. */
export const GROUP_FIELDS = ["indicator", "entity", "event", "agent", "rule", "band", "kind"] as const;
export type GroupField = (typeof GROUP_FIELDS)[number];

const MOST_LABEL = 160;

/** The group of a finding: findings with equal `fields` are one matter. */
export function grouped(finding: Finding, fields: readonly GroupField[]): Grouped {
  const hash = createHash("sha256").update(JSON.stringify(fields.map((field) => [field, fieldOf(finding, field)])));
  return { finding, key: hash.digest("hex").slice(0, 32), label: labelOf(finding) };
}

function fieldOf({ key, misp, alert, kind }: Finding, field: GroupField): string {
  if (field === "indicator" || field === "entity") return key[field];
  if (field === "event") return misp.link ?? misp.event_uuid ?? misp.event_id;
  if (field === "agent") return alert.agent?.id ?? "";
  if (field === "rule") return misp.source?.rule_id ?? alert.rule?.id ?? "";
  return field === "band" ? misp.band : kind;
}

/** Alike for all that may not be told: their links are in no digest. */
const WITHHELD = "above the TLP of this channel";

function labelOf(finding: Finding): string {
  if (isRedacted(finding)) return WITHHELD;
  const { misp, alert, key } = finding;
  const [kind, ...name] = key.entity.split(":");
  const where = kind === "agent" ? (alert.agent?.name ?? misp.context?.host ?? key.entity) : name.join(":");
  return `${misp.value.slice(0, MOST_LABEL / 2)} on ${where}`.slice(0, MOST_LABEL);
}
