import { engine } from "../../src/app/engine.ts";
import { CANARY_LOCATION, canaryEvent } from "../../src/intel/canary.ts";
import type { Generation } from "../../src/intel/generation.ts";
import type { Finding } from "../../src/model/finding.ts";
import type { JsonObject } from "../../src/model/json.ts";
import type { CanaryWatch } from "../../src/pipeline/canary.ts";
import { type HandleContext, handleRecord } from "../../src/pipeline/handle.ts";

export const CANARY_KEY = Buffer.alloc(32, 7);
export const canaryJudge = engine(CANARY_KEY);

/** A canary's alert as Wazuh writes it. */
export function canaryAlert(id: string, over: JsonObject = {}, key = canaryJudge): JsonObject {
  const body = canaryEvent({ id, domain: key.seals.canaryName, sent: "2026-11-22T05:00:00.000Z" });
  return {
    timestamp: "2026-11-22T05:00:00.500+0000",
    rule: { level: 3, description: "Tipline: canary on its way", id: "100629", groups: ["tipline", "misp_canary"] },
    agent: { id: "000", name: "manager" },
    manager: { name: "manager" },
    id: "1795323600.1",
    decoder: { name: "json" },
    data: JSON.parse(body),
    location: CANARY_LOCATION,
    ...over,
  };
}

/** The alert of a finding that came back. */
export function echoOf(finding: Finding, rule: { readonly id: string; readonly level: number }): JsonObject {
  return {
    timestamp: "2026-11-22T05:00:01.500+0000",
    rule: { ...rule, description: "echo", groups: ["misp"] },
    agent: { id: "000", name: "manager" },
    manager: { name: "manager" },
    id: "1795323601.2",
    decoder: { name: "json" },
    data: { integration: "misp", misp: finding.misp } as unknown as JsonObject,
    location: "misp",
  };
}

/** One alert through the line's own handling. */
export function handleAlert(
  alert: JsonObject,
  generation: Generation,
  over: Partial<HandleContext> = {},
): ReturnType<typeof handleRecord> {
  const record = { bytes: Buffer.from(JSON.stringify(alert)), origin: "test" };
  return handleRecord(record, {
    ...canaryJudge,
    source: "wazuh",
    mode: "live",
    generation,
    receivedAt: 0,
    ...over,
  });
}

/** A watch that expects the ids it is given. */
export function watchFor(...ids: string[]): CanaryWatch & { readonly told: string[] } {
  const told: string[] = [];
  return {
    told,
    expects: (id, source) => source === "wazuh" && ids.includes(id),
    read: (id) => told.push(`read ${id}`),
    matched: (id, finding) => told.push(`matched ${id} ${finding.mode}`),
  };
}
