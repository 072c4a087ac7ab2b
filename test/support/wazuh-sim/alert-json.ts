import { STATIC_FIELDS, unflatten } from "./decode.ts";
import type { SimEvent } from "./event.ts";
import { groupsOf } from "./rule.ts";
import { describe, type Verdict } from "./rule-match.ts";

/** Prefixes of groups that alerts list by standard and not among the groups. */
const STANDARDS = ["pci_dss", "gpg13", "gdpr", "hipaa", "nist_800_53", "tsc", "cis"];

/** A few of the techniques that Wazuh knows by id; of others only the id is written. */
const TECHNIQUES: Readonly<Record<string, readonly [tactic: string, technique: string]>> = {
  T1071: ["Command and Control", "Application Layer Protocol"],
  "T1071.001": ["Command and Control", "Web Protocols"],
  "T1071.004": ["Command and Control", "DNS"],
  T1110: ["Credential Access", "Brute Force"],
  T1204: ["Execution", "User Execution"],
  "T1204.002": ["Execution", "Malicious File"],
  T1566: ["Initial Access", "Phishing"],
  T1105: ["Command and Control", "Ingress Tool Transfer"],
};

export interface AlertStamp {
  readonly manager: string;
  readonly node?: { readonly cluster: string; readonly node: string } | undefined;
  /** Epoch milliseconds. */
  readonly time: number;
  /** Byte offset in the file, the second half of the id. */
  readonly offset: number;
}

/** The document as analysisd writes it, members in its order. */
export function alertJson(event: SimEvent, verdict: Verdict | undefined, stamp: AlertStamp): Record<string, unknown> {
  const full = verdict === undefined || !verdict.rule.options.has("no_full_log");
  const data = dataJson(event);
  return {
    timestamp: new Date(stamp.time).toISOString().replace("Z", "+0000"),
    ...(verdict && { rule: ruleJson(verdict, event) }),
    agent: event.agent,
    manager: { name: stamp.manager },
    id: `${Math.floor(stamp.time / 1000)}.${stamp.offset}`,
    ...(stamp.node && { cluster: { name: stamp.node.cluster, node: stamp.node.node } }),
    ...(event.lastLogs.length > 0 && { previous_output: event.lastLogs.join("\n") }),
    ...(full && { full_log: event.fullLog }),
    ...(event.predecoder && { predecoder: event.predecoder }),
    ...(event.syscheck && { syscheck: event.syscheck }),
    decoder: {
      ...(event.parentDecoder !== undefined && { parent: event.parentDecoder }),
      ...(event.decoder !== undefined && { name: event.decoder }),
    },
    ...(data && { data }),
    location: event.location,
  };
}

/** The event's own fields come first. */
function dataJson(event: SimEvent): object | undefined {
  const data: Record<string, unknown> = Object.create(null);
  for (const [name, value] of event.own) if (STATIC_FIELDS.has(name)) data[name === "user" ? "dstuser" : name] = value;
  for (const [name, value] of Object.entries(unflatten(event.fields))) if (!(name in data)) data[name] = value;
  return Object.keys(data).length > 0 ? data : undefined;
}

function ruleJson({ rule, firedTimes, mail }: Verdict, event: SimEvent): object {
  const standards: Record<string, string[]> = {};
  const groups: string[] = [];
  for (const group of groupsOf(rule)) {
    const standard = STANDARDS.find((name) => group.startsWith(`${name}_`));
    if (standard === undefined) groups.push(group);
    else standards[standard] = [...(standards[standard] ?? []), group.slice(standard.length + 1)];
  }
  return {
    level: rule.level,
    description: describe(rule, event),
    id: String(rule.id),
    ...(rule.mitre.length > 0 && { mitre: mitreJson(rule.mitre) }),
    ...(rule.frequency !== undefined && rule.frequency > 0 && { frequency: rule.frequency }),
    ...(!rule.options.has("no_counter") && { firedtimes: firedTimes }),
    mail,
    groups,
    ...standards,
  };
}

function mitreJson(ids: readonly string[]): object {
  const known = ids.flatMap((id) => (Object.hasOwn(TECHNIQUES, id) ? [TECHNIQUES[id]!] : []));
  if (known.length === 0) return { id: ids };
  return { id: ids, tactic: known.map(([tactic]) => tactic), technique: known.map(([, technique]) => technique) };
}
