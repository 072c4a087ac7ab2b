import { createHash } from "node:crypto";
import type { JsonValue } from "../../model/json.ts";

export type ParameterType = "string" | "integer" | "boolean";

/** A value of an entity, as Graylog's model of content packs wants it; `parameter` names one that is asked for at installation. */
export interface Reference {
  readonly "@type": ParameterType | "parameter";
  readonly "@value": string | number | boolean;
}

export const string = (value: string): Reference => ({ "@type": "string", "@value": value });
export const integer = (value: number): Reference => ({ "@type": "integer", "@value": value });
export const boolean = (value: boolean): Reference => ({ "@type": "boolean", "@value": value });
export const parameter = (name: string): Reference => ({ "@type": "parameter", "@value": name });

export interface Entity {
  readonly v: "1";
  readonly type: { readonly name: string; readonly version: string };
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly constraints: readonly JsonValue[];
}

/** Everything in the pack exists in 6.0: `stream_title`, http-notification-v2 and the functions that the rules use. */
const OLDEST: JsonValue = { type: "server-version", version: ">=6.0.0" };

export function entity(type: string, id: string, data: Readonly<Record<string, unknown>>, version = "1"): Entity {
  return { v: "1", type: { name: type, version }, id, data, constraints: [OLDEST] };
}

/** The id of a part of the pack: the same in every pack, so that Graylog knows an entity again. */
export function idOf(part: string): string {
  const hex = createHash("sha256").update(`tipline content pack: ${part}`).digest("hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
