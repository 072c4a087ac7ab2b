import type { EventView } from "../contract/extractor.ts";
import { isInternal } from "../intel/address-ranges.ts";
import { canonicalIp, splitPort } from "../intel/canonical-ip.ts";
import type { Direction, Entity, EventFacts, Extraction, Outcome } from "../model/alert.ts";
import { type JsonObject, text } from "../model/json.ts";
import type { Observable, Role } from "../model/observable.ts";
import { maskSecrets } from "./mask.ts";

const MAX_FACT = 512;
const MAX_COMMAND = 1_000;
const MAX_READ = 4_000;
const ABSENT = /^(?:-|n\/a|null|none|unknown)$/i;

/** Names of the alert's own computer, lower case. They are the entity, so text that repeats them holds no observable. */
export function ownNames(event: JsonObject): ReadonlySet<string> {
  const names = new Set<string>();
  for (const name of [computerOf(event), member(event, "predecoder", "hostname"), member(event, "agent", "name")]) {
    if (name !== undefined && name.length < 256) names.add(name.toLowerCase());
  }
  return names;
}

function computerOf(event: JsonObject): string | undefined {
  return text(event, "data", "win", "system", "computer");
}

/** `agent.id`, also where the document was flattened: `agent_id`, or the dotted key itself. */
export function member(event: JsonObject, owner: string, name: string): string | undefined {
  return text(event, owner, name) ?? text(event, `${owner}_${name}`) ?? text(event, `${owner}.${name}`);
}

/** The event as a whole: what extractors said of it first, then what its fields and observables suggest. */
export function completeView(
  event: JsonObject,
  views: readonly EventView[],
  observables: readonly Observable[],
): Omit<Extraction<Observable>, "observables"> {
  const facts = factsOf(event, views, observables);
  const direction = views.find((view) => view.direction !== undefined)?.direction ?? directionOf(facts);
  const outcome = views.find((view) => view.outcome !== undefined)?.outcome ?? outcomeOf(event);
  return { entity: entityOf(event, views, facts), direction, outcome, facts };
}

function entityOf(event: JsonObject, views: readonly EventView[], facts: EventFacts): Entity {
  const other = views.find((view) => view.entity !== undefined)?.entity;
  if (other !== undefined) {
    const name = other.name.slice(0, MAX_FACT);
    return { kind: other.kind, key: `${other.kind}:${name.toLowerCase()}`, name };
  }
  const id = member(event, "agent", "id");
  if (id !== undefined) {
    const name = member(event, "agent", "name") ?? id;
    return { kind: "agent", key: `agent:${id.slice(0, MAX_FACT)}`, name: name.slice(0, MAX_FACT) };
  }
  const host = facts.host;
  if (host !== undefined) return { kind: "host", key: `host:${host.toLowerCase()}`, name: host };
  const inside = [facts.src, facts.dst].find((address) => address !== undefined && isInternalAddress(address));
  if (inside !== undefined) return { kind: "ip", key: `ip:${inside}`, name: inside };
  return { kind: "host", key: "host:unknown", name: "unknown" };
}

/** Wazuh writes Windows event data with doubled backslashes and escaped quotes; undone only where every run is even. */
function withoutDoubling(value: string): string {
  if (!value.includes("\\")) return value;
  const plain = value.replaceAll('\\"', '"');
  return /(?<!\\)\\(?:\\\\)*(?!\\)/.test(plain) ? plain : plain.replaceAll("\\\\", "\\");
}

const FACT_NAMES = ["host", "user", "image", "parentImage", "commandLine", "src", "dst"] as const;
type FactName = (typeof FACT_NAMES)[number];

/** Where well-known products put the facts, below `data`; extractors name the others. */
const COMMON_FIELDS: Readonly<Partial<Record<FactName, readonly string[]>>> = {
  user: ["dstuser", "srcuser", "user", "username", "user_name", "account"],
  commandLine: ["command", "cmdline", "command_line"],
  src: ["srcip", "src_ip", "source_ip", "src"],
  dst: ["dstip", "dst_ip", "dest_ip", "destination_ip", "dst"],
};
const SOURCE_ROLES: readonly Role[] = ["source", "client"];
const DESTINATION_ROLES: readonly Role[] = ["destination", "server", "query"];

function factsOf(event: JsonObject, views: readonly EventView[], observables: readonly Observable[]): EventFacts {
  const facts: Partial<Record<FactName, string>> = {};
  for (const name of FACT_NAMES) {
    const value =
      views.find((view) => view.facts?.[name] !== undefined)?.facts?.[name] ?? commonFact(event, name, observables);
    if (value === undefined || ABSENT.test(value)) continue;
    const readable = withoutDoubling(value.slice(0, MAX_READ));
    facts[name] = name === "commandLine" ? maskSecrets(readable, MAX_COMMAND) : readable.slice(0, MAX_FACT);
  }
  return facts;
}

function commonFact(event: JsonObject, name: FactName, observables: readonly Observable[]): string | undefined {
  if (name === "host")
    return computerOf(event) ?? member(event, "predecoder", "hostname") ?? member(event, "agent", "name");
  for (const field of COMMON_FIELDS[name] ?? []) {
    const value = text(event, "data", field) ?? text(event, `data_${field}`);
    if (value !== undefined) return value;
  }
  if (name === "src") return firstValue(observables, SOURCE_ROLES);
  return name === "dst" ? firstValue(observables, DESTINATION_ROLES) : undefined;
}

function firstValue(observables: readonly Observable[], roles: readonly Role[]): string | undefined {
  for (const type of ["ip", "domain"]) {
    const found = observables.find((observable) => observable.type === type && roles.includes(observable.role));
    if (found !== undefined) return found.value;
  }
  return undefined;
}

function isInternalAddress(value: string): boolean {
  const address = canonicalIp(splitPort(value).host);
  return address !== undefined && isInternal(address);
}

/** From outside is inbound, to outside outbound. Without a destination the entity itself is it, so an internal source is internal. */
export function directionOf(facts: Pick<EventFacts, "src" | "dst">): Direction {
  const source = sideOf(facts.src);
  const destination = sideOf(facts.dst);
  if (source === "inside" && (destination === "inside" || facts.dst === undefined)) return "internal";
  if (source === "outside" && destination !== "outside") return "inbound";
  if (destination === "outside" && source !== "outside") return "outbound";
  return "unknown";
}

function sideOf(value: string | undefined): "inside" | "outside" | "unknown" {
  if (value === undefined) return "unknown";
  const address = canonicalIp(splitPort(value).host);
  if (address === undefined) return value.includes(".") ? "outside" : "unknown";
  return isInternal(address) ? "inside" : "outside";
}

const DENIED =
  /^(?:deny|denied|block(?:ed)?|drop(?:ped)?|reject(?:ed)?|reset(?:-\w+)?|quarantined?|discard(?:ed)?|prevent(?:ed)?|refused|drop-\w+|deleted by .*)$/;
const ALLOWED =
  /^(?:allow(?:ed)?|accept(?:ed)?|permit(?:ted)?|pass(?:ed|through)?|forward(?:ed)?|built|close|server-rst|client-rst|monitored|tunnel-up)$/;
const SUCCEEDED = /^(?:success(?:ful|fully)?|succeeded|audit_success|login|logged in)$/;
const FAILED = /^(?:fail(?:ed|ure)?|audit_failure|invalid|unauthorized|error|accessdenied|unauthenticated)$/;

const OUTCOME_FIELDS = [
  "action",
  "act",
  "fw_action",
  "disposition",
  "outcome",
  "result",
  "status",
  "log_subtype",
  "rule_action",
  "res",
];

/** The outcome that an action word stands for (`blocked` → denied), or undefined. */
export function outcomeOfWord(word: string | undefined): Outcome | undefined {
  if (word === undefined || word.length > 64) return undefined;
  const action = word.trim().toLowerCase();
  if (DENIED.test(action)) return "denied";
  if (ALLOWED.test(action)) return "allowed";
  if (SUCCEEDED.test(action)) return "success";
  return FAILED.test(action) ? "failure" : undefined;
}

function outcomeOf(event: JsonObject): Outcome {
  for (const field of OUTCOME_FIELDS) {
    const outcome = outcomeOfWord(text(event, "data", field) ?? text(event, `data_${field}`));
    if (outcome !== undefined) return outcome;
  }
  return "unknown";
}
