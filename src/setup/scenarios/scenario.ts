import type { Agent } from "../../model/alert.ts";
import type { IndicatorType } from "../../model/indicator.ts";
import type { JsonObject } from "../../model/json.ts";

/** What one simulated event is made of. */
export interface Simulated {
  /** The listed value that the event carries. */
  readonly value: string;
  readonly type: IndicatorType;
  /** Says that the event is simulated; letters, digits and hyphens only. */
  readonly mark: string;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly agent: Agent;
  /** Name of the manager, in finished alerts. */
  readonly manager: string;
}

/** An event for Wazuh's queue. */
export interface ScenarioEvent {
  readonly kind: "1" | "8" | "f";
  readonly location: string;
  readonly message: string;
}

/** One way in which a listed value shows up on a host, in the three shapes in which Wazuh has it. */
export interface Scenario {
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  /** Indicators that fit, the best first. */
  readonly types: readonly IndicatorType[];
  /** A line as an application writes it into a file that logcollector reads; absent where the agent gets it otherwise. */
  readonly log?: { readonly format: "syslog" | "json"; readonly path: string; line(of: Simulated): string };
  event(of: Simulated): ScenarioEvent;
  /** The alert that Wazuh's rules make of it. */
  alert(of: Simulated): JsonObject;
  /** Rule that fires on a stock manager, or what one lacks to alert on it. */
  readonly alerts: { readonly rule: string } | { readonly lacks: string };
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const two = (n: number) => String(n).padStart(2, "0");

/** `Nov 22 05:15:00`, UTC. */
export function syslogTime(time: number): string {
  const at = new Date(time);
  const day = String(at.getUTCDate()).padStart(2, " ");
  return `${MONTHS[at.getUTCMonth()]} ${day} ${at.toISOString().slice(11, 19)}`;
}

/** `22/Nov/2026:05:15:00 +0000`. */
export function accessLogTime(time: number): string {
  const at = new Date(time);
  return `${two(at.getUTCDate())}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}:${at.toISOString().slice(11, 19)} +0000`;
}

/** The host's name as it stands in log lines. */
export function hostOf({ agent, manager }: Simulated): string {
  return (agent.name ?? manager).replace(/[^A-Za-z0-9._-]/g, "-") || "host";
}

interface RuleOf {
  readonly id: string;
  readonly level: number;
  readonly description: string;
  readonly groups: readonly string[];
}

/** What every alert has, in the order in which Wazuh writes it; `rest` comes where the event's own members stand. */
export function alertOf({ time, agent, manager }: Simulated, rule: RuleOf, rest: JsonObject): JsonObject {
  const { ip } = agent;
  return {
    timestamp: new Date(time).toISOString().replace("Z", "+0000"),
    rule: { ...rule, firedtimes: 1, mail: false },
    agent: { id: agent.id, name: agent.name ?? manager, ...(ip === undefined ? {} : { ip }) },
    manager: { name: manager },
    id: `${Math.floor(time / 1000)}.${time % 1_000_000}`,
    ...rest,
  };
}
