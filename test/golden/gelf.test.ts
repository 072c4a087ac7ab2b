import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gelfMessage } from "../../src/clients/gelf-message.ts";
import { packageRoot } from "../../src/lib/package-root.ts";
import type { Finding } from "../../src/model/finding.ts";
import { makeFinding } from "../support/finding.ts";
import { decodeGelf } from "../support/gelf-sim/decoder.ts";

const FOLDER = join(packageRoot(), "test/golden/gelf");

/** Alerts in the shape that agents, sensors and cloud modules give them. */
function findings(): readonly Finding[] {
  const lines = readFileSync(join(FOLDER, "alerts.ndjson"), "utf8").trim().split("\n");
  return lines.map((raw, n) => {
    const { id, agent, rule, location } = JSON.parse(raw) as {
      id: string;
      agent: { id: string; name: string };
      rule: { id: string; level: number; description: string };
      location: string;
    };
    const base = makeFinding(n);
    return makeFinding(n, {
      kind: n === 2 ? "repeats" : "alert",
      suppressed: n === 1,
      alert: { ...base.alert, id, agent, rule, location, raw },
      misp: {
        event_info: "OSINT - a campaign",
        event_date: "2026-11-15",
        tags: ["tlp:green", 'misp-galaxy:threat-actor="APT28"'],
        tlp: "green",
        mitre: ["T1110"],
        source: { description: rule.description, rule_id: rule.id, rule_level: String(rule.level), alert_id: id },
        ...(n === 1 ? { score: "0", band: "benign", warninglist: "public DNS" } : {}),
        ...(n === 2 ? { repeat_count: "24" } : {}),
      },
    });
  });
}

test("findings become the recorded GELF messages (TIPLINE_GOLDEN_WRITE=1 records them anew)", () => {
  for (const full of [false, true]) {
    const content = { full, extra: [], fullMessage: true, timestamp: "alert", admits: () => true } as const;
    const messages = findings().map((finding) => gelfMessage(finding, content, 2_097_151, 0).json);
    for (const message of messages) assert.ok("fields" in decodeGelf(Buffer.from(message), 1));
    const path = join(FOLDER, full ? "full.ndjson" : "chosen.ndjson");
    if (process.env["TIPLINE_GOLDEN_WRITE"] === "1") writeFileSync(path, `${messages.join("\n")}\n`);
    assert.deepEqual(messages, readFileSync(path, "utf8").trim().split("\n"));
  }
});
