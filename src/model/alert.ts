import type { JsonObject } from "./json.ts";

export interface Agent {
  readonly id: string;
  readonly name?: string;
  readonly ip?: string;
}

/** One alert from Wazuh, read just far enough to be matched and reported on. Every string in it is hostile. */
export interface Alert {
  /** Wazuh's own `id` (second.offset). Repeats in archives and between nodes: never an identity. Empty when absent. */
  readonly id: string;
  /** SHA-256 of the raw line, lower-case hex: with `node` it identifies the alert. */
  readonly rawHash: string;
  /** Manager or cluster node that wrote it (`cluster.node`, else `manager.name`); empty when unknown. */
  readonly node: string;
  /** When it happened, epoch milliseconds (the alert's `timestamp`; the time of reading when it has none). */
  readonly time: number;
  /** Name of the configured source. */
  readonly source: string;
  readonly agent?: Agent;
  readonly location?: string;
  readonly rule?: {
    readonly id: string;
    readonly level: number;
    readonly description: string;
    readonly groups: readonly string[];
  };
  /** The decoded record as it arrived; never mutated. */
  readonly event: JsonObject;
}

/** Which way the traffic of the event went, as seen from the affected entity. */
export type Direction = "inbound" | "outbound" | "internal" | "unknown";

/** What became of it. `executed`: a process started or a module was loaded; `written`: a file or key now exists. */
export type Outcome = "allowed" | "denied" | "success" | "failure" | "executed" | "written" | "deleted" | "unknown";

/** The affected host, user or internal address. `key` is what storm control and incidents partition by. */
export interface Entity {
  readonly kind: "agent" | "host" | "ip" | "user";
  /** Stable spelling, e.g. `agent:001` or `ip:10.0.0.5`. */
  readonly key: string;
  readonly name: string;
}

/** Who and what was involved; strings bounded, secrets in command lines masked. */
export interface EventFacts {
  readonly host?: string;
  readonly user?: string;
  readonly image?: string;
  readonly parentImage?: string;
  readonly commandLine?: string;
  readonly src?: string;
  readonly dst?: string;
}

/** Everything the extractors read out of one alert. */
export interface Extraction<O> {
  readonly observables: readonly O[];
  readonly entity: Entity;
  readonly direction: Direction;
  readonly outcome: Outcome;
  readonly facts: EventFacts;
  /** Present when the alert holds more strings or observables than are looked at. */
  readonly truncated?: true;
}
