import type { Finding, MispBlock } from "../../src/model/finding.ts";

/** A finding as the pipeline makes them, small and valid; `n` makes it one of many. */
export function makeFinding(
  n: number,
  change: Partial<Omit<Finding, "misp">> & { readonly misp?: Partial<MispBlock> } = {},
): Finding {
  const id = `f${String(n).padStart(8, "0")}`;
  const misp: MispBlock = {
    event_id: "241",
    category: "Network activity",
    type: "ip-dst",
    value: "203.0.113.7",
    source: { description: "sshd: login failed.", rule_id: "5710", rule_level: "5", alert_id: `1795297550.${n}` },
    match: { kind: "exact", where: "data.srcip", observable: "203.0.113.7", role: "source" },
    score: "70",
    band: "high",
    reasons: ["+70 to_ids"],
    matches_count: "1",
    mode: "live",
    generation: "g1",
    finding_id: id,
    ...change.misp,
  };
  return {
    id,
    kind: "alert",
    mode: "live",
    alert: {
      id: `1795297550.${n}`,
      node: "vm",
      rawHash: "0".repeat(64),
      time: 1_795_297_550_000,
      source: "alerts",
      agent: { id: "001", name: "web-01", ip: "10.0.0.5" },
      raw: `{"timestamp":"2026-11-21T21:45:50.015+0000","id":"1795297550.${n}","data":{"srcip":"203.0.113.7"}}`,
    },
    key: { indicator: "ip:203.0.113.7", entity: "agent:001" },
    suppressed: false,
    score: 70,
    ...change,
    misp,
  };
}
