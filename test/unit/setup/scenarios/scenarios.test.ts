import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { engine } from "../../../../src/app/engine.ts";
import { encodeQueueEvent } from "../../../../src/clients/wazuh-event.ts";
import { isJsonObject, type JsonValue } from "../../../../src/model/json.ts";
import { SCENARIOS } from "../../../../src/setup/scenarios/index.ts";
import type { Scenario, Simulated } from "../../../../src/setup/scenarios/scenario.ts";
import { handleAlert } from "../../../support/canary.ts";
import { aGeneration } from "../../../support/generation.ts";
import { anIndicator } from "../../../support/make.ts";
import { sharedOrSkip } from "../../../support/shared.ts";

const judge = engine(Buffer.alloc(32, 7));
const TIME = Date.parse("2026-11-02T05:04:03.210Z");
const VALUES: Readonly<Record<string, string>> = {
  ip: "45.83.64.1",
  domain: "evil-domain.com",
  sha256: "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
  sha1: "3395856ce81f2b7382dee72602f798b642f14140",
  md5: "44d88612fea8a8f36de82e1278abb02f",
};

function simulatedWith(type: Scenario["types"][number], value = VALUES[type] ?? ""): Simulated {
  return {
    type,
    value,
    mark: judge.seals.simulationMark(value, TIME, "0123456789abcdef"),
    time: TIME,
    agent: { id: "006", name: "ws-01", ip: "10.0.2.31" },
    manager: "manager",
  };
}

for (const scenario of SCENARIOS)
  describe(scenario.name, () => {
    for (const type of scenario.types) {
      const of = simulatedWith(type);
      const generation = aGeneration([anIndicator(type, of.value)]);

      it(`as an alert makes a simulated finding on its ${type}`, () => {
        const [finding] = handleAlert(scenario.alert(of), generation).findings;
        assert.equal(finding?.mode, "simulated");
        assert.equal(finding?.misp.value, of.value);
        assert.notEqual(finding?.misp.match?.role, "text");
        assert.ok((finding?.score ?? 0) >= 60);
      });

      it(`as an event of a ${type} is one datagram that Wazuh takes`, () => {
        const event = scenario.event(of);
        const datagram = encodeQueueEvent({ ...event, agent: of.agent })?.toString() ?? "";
        assert.ok(datagram.startsWith(`${event.kind}:[006] (ws-01) 10.0.2.31->${event.location}:`));
        assert.ok(datagram.toLowerCase().includes(of.value));
        assert.ok(datagram.includes(of.mark));
        assert.ok(!/[\n\r\0]/.test(datagram));
      });
    }

    it("as a log line stands in its alert as full_log", () => {
      const of = simulatedWith(scenario.types[0]!);
      const line = scenario.log?.line(of);
      if (line === undefined) return;
      assert.equal(scenario.alert(of)["full_log"], line);
      assert.equal(scenario.event(of).message, line);
      assert.ok(!line.includes("\n"));
    });
  });

test("IPv6 addresses stay whole in every scenario that takes addresses", () => {
  for (const scenario of SCENARIOS.filter(({ types }) => types.includes("ip"))) {
    const of = simulatedWith("ip", "2a00:1450:4001:81a::200e");
    const [finding] = handleAlert(scenario.alert(of), aGeneration([anIndicator("ip", of.value)])).findings;
    assert.equal(finding?.mode, "simulated", scenario.name);
  }
});

test("finished alerts have the members, and only those, of real alerts of the same rule", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const real = readFileSync(join(shared, "data/wazuh/alerts.ndjson"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
  // Compliance names of the rule are left out of ours; and the real files were changed, ours is new.
  const optional =
    /^rule\.(?:mitre|gdpr|gpg13|hipaa|nist_800_53|pci_dss|tsc)|^syscheck\.(?:\w+_before|changed_attributes)$/;
  for (const scenario of SCENARIOS) {
    if (!("rule" in scenario.alerts)) continue;
    const { rule } = scenario.alerts;
    const like = real.filter((alert) => alert.rule.id === rule || (rule === "554" && alert.location === "syscheck"));
    assert.ok(like.length > 0, `no real alert like ${scenario.name}`);
    const known = new Set(like.flatMap((alert) => pathsOf(alert)));
    const always = pathsOf(like[0]).filter((path) => like.every((alert) => pathsOf(alert).includes(path)));
    const ours = pathsOf(scenario.alert(simulatedWith(scenario.types[0]!)));
    const strange = ours.filter((path) => !known.has(path));
    const missing = always.filter((path) => !ours.includes(path) && !optional.test(path));
    assert.deepEqual({ strange, missing }, { strange: [], missing: [] }, scenario.name);
    const sample = like[0];
    const alert = scenario.alert(simulatedWith(scenario.types[0]!)) as typeof sample;
    assert.equal(alert.location.split("/").length > 1, sample.location.split("/").length > 1);
    assert.deepEqual(Object.keys(alert.decoder).sort(), Object.keys(sample.decoder).sort());
  }
});

/** Names of all members, arrays as one. */
function pathsOf(value: JsonValue, prefix = ""): string[] {
  if (!isJsonObject(value)) return [prefix];
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, prefix === "" ? key : `${prefix}.${key}`));
}
