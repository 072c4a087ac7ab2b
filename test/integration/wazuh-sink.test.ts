import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Finding } from "../../src/model/finding.ts";
import wazuh from "../../src/sinks/wazuh.ts";
import { DatagramReceiver } from "../support/datagram-receiver.ts";
import { makeFinding } from "../support/finding.ts";
import { sharedOrSkip } from "../support/shared.ts";
import { tempDir } from "../support/temp.ts";
import { type EngineAlert, engineAlert } from "../support/wazuh-engine.ts";

test("a finding about every real alert comes back as an alert of the same agent, in order", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const originals = readFileSync(join(shared, "data/wazuh/alerts.ndjson"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
  const alerts: (EngineAlert | undefined)[] = [];
  const receiver = new DatagramReceiver(join(tempDir(t), "queue"), (datagram) => alerts.push(engineAlert(datagram)));
  receiver.start();
  const context = { name: "wazuh", log: silentLog, clock: systemClock, cacheDir: "" };
  const sink = await wazuh.create(wazuh.config.parse({ socket: receiver.path, rate: 100_000 }), context);
  const findings = originals.map(findingAbout);
  for (let at = 0; at < findings.length; at += 100) {
    assert.deepEqual(await sink.send(findings.slice(at, at + 100), AbortSignal.timeout(60_000)), { status: "sent" });
  }
  await receiver.stop();
  await sink.close?.();
  assert.equal(alerts.length, originals.length);
  for (const [index, alert] of alerts.entries()) {
    const { id, name, ip } = originals[index].agent;
    assert.equal(alert?.data.misp.finding_id, findings[index]?.id);
    assert.equal(alert?.agent.id, id);
    if (id !== "000") assert.deepEqual(alert?.agent, { id, name, ...(ip !== undefined && { ip }) });
    const { description } = originals[index].rule;
    assert.equal(alert?.data.misp.source.description, description);
    assert.equal(alert?.data.misp.context?.command_line, originals[index].full_log?.replaceAll("\0", "\ufffd"));
  }
});

/** The longest real text there is, `full_log`, stands in for a command line. */
// biome-ignore lint/suspicious/noExplicitAny: a real alert
function findingAbout(alert: any, index: number): Finding {
  const plain = makeFinding(index);
  return makeFinding(index, {
    alert: { ...plain.alert, agent: alert.agent },
    misp: { source: { description: alert.rule.description }, context: { command_line: alert.full_log } },
  });
}
