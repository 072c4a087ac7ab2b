import assert from "node:assert/strict";
import { test } from "node:test";
import { namedValue, type Stage, simulated, suitableValue, whyUnmatched } from "../../../src/app/simulate-value.ts";
import { scenarioNamed } from "../../../src/setup/scenarios/index.ts";
import { canaryJudge } from "../../support/canary.ts";
import { aGeneration } from "../../support/generation.ts";
import { anIndicator } from "../../support/make.ts";

const SSH = scenarioNamed("ssh-login")!;
const PROCESS = scenarioNamed("sysmon-process")!;
const MD5 = "44d88612fea8a8f36de82e1278abb02f";

function stageWith(...args: Parameters<typeof aGeneration>): Stage {
  return {
    generation: aGeneration(...args),
    judge: canaryJudge,
    agent: { id: "000" },
    manager: "manager",
    time: Date.parse("2026-11-22T05:00:00Z"),
  };
}

test("takes a listed value that would raise a finding: none that is weak, not for detection, explained away or not looked up", () => {
  const stage = stageWith(
    [
      anIndicator("ip", "192.0.2.7"),
      anIndicator("ip", "45.83.64.1", { weak: true }),
      anIndicator("ip", "45.83.64.2", { toIds: false }),
      anIndicator("ip", "8.8.8.8"),
      anIndicator("domain", "evil-domain.com"),
      anIndicator("ip", "45.83.64.3"),
    ],
    { lists: new Map([["8.8.8.8", [{ name: "public resolvers", action: "suppress" as const }]]]) },
  );
  const { type, value } = suitableValue(SSH, stage);
  assert.deepEqual([type, value], ["ip", "45.83.64.3"]);
});

test("says why there is none", () => {
  assert.throws(() => suitableValue(SSH, stageWith([])), /of type ip .*\(it lists none\)/);
  assert.throws(
    () => suitableValue(SSH, stageWith([anIndicator("ip", "192.0.2.7")])),
    /\(192\.0\.2\.7: not looked up: documentation address\); name one with --value/,
  );
});

test("does not take, and refuses, a value beside which something else in the event matches", () => {
  const stage = stageWith([anIndicator("md5", MD5), anIndicator("filename", "cscript.exe")]);
  assert.throws(() => suitableValue(PROCESS, stage), /is not all that matches/);
  assert.throws(
    () => whyUnmatched(PROCESS, simulated(stage, "md5", MD5), stage),
    /not all that matches .*cscript\.exe/,
  );
  assert.equal(whyUnmatched(PROCESS, simulated(stage, "md5", MD5), stageWith([anIndicator("md5", MD5)])), undefined);
});

test("a named value is read in any spelling, and refused where the scenario cannot carry it", () => {
  assert.deepEqual(namedValue(PROCESS, MD5.toUpperCase()), { type: "md5", value: MD5 });
  assert.deepEqual(namedValue(SSH, "::ffff:45.83.64.1"), { type: "ip", value: "45.83.64.1" });
  assert.throws(() => namedValue(SSH, "evil-domain.com"), /--value: ssh-login takes ip, found "evil-domain\.com"/);
});
