import { type NewAttribute, similar } from "./edits.ts";
import type { JsonParameters } from "./request.ts";
import { flag, truthy } from "./search-terms.ts";
import type { MispState, SimAttribute, SimEvent } from "./state.ts";
import { defaultCategory, defaultToIds, fitsType, hashDigits, isType, normalValue } from "./types.ts";

export type FieldErrors = Readonly<Record<string, readonly string[]>>;

export type Validated =
  | { readonly attribute: NewAttribute }
  | { readonly errors: FieldErrors; readonly duplicate?: SimAttribute };

const CATEGORIES = new Set([
  "Internal reference",
  "Targeting data",
  "Antivirus detection",
  "Payload delivery",
  "Artifacts dropped",
  "Payload installation",
  "Persistence mechanism",
  "Network activity",
  "Attribution",
  "External analysis",
  "Financial fraud",
  "Support Tool",
  "Social network",
  "Person",
  "Other",
]);
const BAD_CATEGORY = "Options : Payload delivery, Antivirus detection, Payload installation, Files dropped ...";
const BAD_PAIR = "Options depend on the selected category.";
const FREE_TEXT = new Set(["comment", "text", "other", "hex", "phone-number"]);

/** An attribute as a caller sends it, checked as MISP checks it: type, category, value, UUID, repetition within the event. */
export function validateAttribute(state: MispState, event: SimEvent, sent: JsonParameters): Validated {
  const type = String(sent["type"] ?? "");
  const value = String(sent["value"] ?? "").trim();
  if (value === "") return { errors: { value: ["Value cannot be empty."] } };
  if (!isType(type)) return { errors: { type: ["Invalid type."] } };
  const category = String(sent["category"] ?? defaultCategory(type));
  if (!CATEGORIES.has(category)) return { errors: { category: [BAD_CATEGORY], type: [BAD_PAIR] } };
  if (!fitsCategory(type, category)) return { errors: { type: [BAD_PAIR] } };
  if (!fitsType(type, value)) return { errors: { value: [wrongValue(type)] } };
  const uuid = typeof sent["uuid"] === "string" ? sent["uuid"] : undefined;
  const taken = uuid !== undefined && state.hasUuid(uuid) ? { uuid: ["The UUID provided is not unique"] } : undefined;
  const duplicate = similar(event, { type, category, value: normalValue(type, value) });
  if (duplicate)
    return { errors: { value: ["A similar attribute already exists for this event."], ...taken }, duplicate };
  if (taken) return { errors: taken };
  return {
    attribute: {
      ...attributeFields(sent),
      ...(uuid === undefined ? {} : { uuid }),
      type,
      value,
      category,
      toIds: sent["to_ids"] === undefined ? defaultToIds(type) : truthy(sent["to_ids"]),
    },
  };
}

/** The optional fields that a caller may send on adding and editing, in the simulator's names. */
export function attributeFields(sent: JsonParameters): Partial<NewAttribute> {
  const fields: Record<string, unknown> = {};
  if (sent["to_ids"] !== undefined) fields["toIds"] = truthy(sent["to_ids"]);
  if (sent["comment"] !== undefined) fields["comment"] = String(sent["comment"]);
  if (sent["category"] !== undefined) fields["category"] = String(sent["category"]);
  if (sent["distribution"] !== undefined) fields["distribution"] = Number(sent["distribution"]);
  if (sent["sharing_group_id"] !== undefined) fields["sharingGroupId"] = Number(sent["sharing_group_id"]);
  if (sent["disable_correlation"] !== undefined) fields["disableCorrelation"] = flag(sent["disable_correlation"]) === 1;
  if (sent["object_relation"] !== undefined) fields["objectRelation"] = sent["object_relation"];
  if (sent["timestamp"] !== undefined) fields["timestamp"] = Number(sent["timestamp"]);
  if (sent["deleted"] !== undefined) fields["deleted"] = truthy(sent["deleted"]);
  for (const [name, field] of [
    ["first_seen", "firstSeen"],
    ["last_seen", "lastSeen"],
  ] as const)
    if (sent[name] !== undefined) fields[field] = sent[name] === null ? null : microseconds(String(sent[name]));
  return fields as Partial<NewAttribute>;
}

/** Only where the pairing was recorded as refused: matters of money take types of money. */
function fitsCategory(type: string, category: string): boolean {
  return category !== "Financial fraud" || defaultCategory(type) === category || FREE_TEXT.has(type);
}

function wrongValue(type: string): string {
  if (/^ip/.test(type)) return "IP address has an invalid format.";
  const digits = hashDigits(type);
  if (digits !== undefined)
    return `Checksum has an invalid length or format (expected: ${digits} hexadecimal characters). Please double check the value or select type "other".`;
  return `${type} has an invalid format. Please double check the value or select type "other".`;
}

/** `2026-11-01T10:00:00.123456+00:00`: six digits after the point, UTC. */
function microseconds(text: string): string {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return text;
  const digits = /\.(\d{1,6})/.exec(text)?.[1] ?? "";
  return `${new Date(ms).toISOString().slice(0, 19)}.${digits.padEnd(6, "0")}+00:00`;
}
