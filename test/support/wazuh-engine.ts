import { decodeJson, type Fields, parseFrame, parseLocation, unflatten } from "./wazuh-sim/decode.ts";

/**
 * A model of what Wazuh 4.14's analysis makes of one datagram on its queue socket: framing, the JSON decoder, flattening and
 * the three community rules. Each branch stands for a behaviour that was seen on the real engine.
 */
export interface EngineOptions {
  /** Epoch milliseconds of the alert; default 0. */
  readonly time?: number;
  /** Offset part of the alert's id; default 0. */
  readonly offset?: number;
  /** Name of the manager; default `wazuh`. */
  readonly manager?: string;
  /** Write `full_log` too, as rules without `no_full_log` do. */
  readonly fullLog?: boolean;
  /** The rules look at the location, so that a log file's line cannot pose as ours; default true. */
  readonly guarded?: boolean;
}

export interface EngineAlert {
  readonly timestamp: string;
  readonly rule: {
    readonly level: number;
    readonly description: string;
    readonly id: string;
    readonly firedtimes: number;
    readonly mail: boolean;
    readonly groups: readonly string[];
  };
  readonly agent: { readonly id: string; readonly name: string; readonly ip?: string };
  readonly manager: { readonly name: string };
  readonly id: string;
  readonly full_log?: string;
  readonly decoder: { readonly name: "json" };
  // biome-ignore lint/suspicious/noExplicitAny: tests read deep into it
  readonly data: any;
  readonly location: string;
}

/** The alert that the datagram raises, or undefined when Wazuh stays silent. */
export function engineAlert(datagram: Buffer, options: EngineOptions = {}): EngineAlert | undefined {
  const framed = parseFrame(datagram);
  if (framed === undefined) return undefined;
  const fields = decodeJson(framed.log);
  if (fields === undefined) return undefined;
  const { agent, location } = parseLocation(framed.location, options.manager ?? "wazuh");
  if ((options.guarded ?? true) && !/(?:^|->)misp$/.test(framed.location)) return undefined;
  const rule = matchRule(fields);
  if (rule === undefined) return undefined;
  const time = options.time ?? 0;
  return {
    timestamp: new Date(time).toISOString().replace("Z", "+0000"),
    rule: { ...rule, firedtimes: 1, mail: rule.level >= 12 },
    agent,
    manager: { name: options.manager ?? "wazuh" },
    id: `${Math.floor(time / 1000)}.${options.offset ?? 0}`,
    ...(options.fullLog && { full_log: framed.log }),
    decoder: { name: "json" },
    data: unflatten(fields),
    location,
  };
}

/** 100622 for a match, 100621 for an error; the parent 100620 is level 0 and alerts nothing. */
function matchRule(fields: Fields): Pick<EngineAlert["rule"], "id" | "level" | "description" | "groups"> | undefined {
  if (fields.get("integration") !== "misp") return undefined;
  if (hasText(fields, "misp.error")) {
    return { id: "100621", level: 5, description: "MISP: error connecting to API", groups: ["misp", "misp_error"] };
  }
  if (!hasText(fields, "misp.category")) return undefined;
  const category = String(fields.get("misp.category"));
  const value = String(fields.get("misp.value"));
  const shown = value.length > 900 ? "$(misp.value)" : value;
  return {
    id: "100622",
    level: 12,
    description: `MISP: IoC found in threat intel: Category: ${category}, Attribute: ${shown}`,
    groups: ["misp", "misp_alert"],
  };
}

const hasText = (fields: Fields, name: string): boolean => typeof fields.get(name) === "string";
