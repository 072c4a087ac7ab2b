import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CanaryKeeper } from "../../../src/app/canary.ts";
import type { DatagramOutcome } from "../../../src/clients/unix-datagram.ts";
import { toAlert } from "../../../src/pipeline/parse-alert.ts";
import type { CanaryHop, CanaryState } from "../../../src/store/canary-state.ts";
import { canaryJudge, echoOf } from "../../support/canary.ts";
import { makeFinding } from "../../support/finding.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const INTERVAL = 300_000;
const TIMEOUT = 60_000;
const FINDING = makeFinding(1, { mode: "canary", misp: { mode: "canary" } });

/** A keeper, and everything around it that a test may change. */
function rig() {
  const clock = new ManualClock();
  const around = {
    lagMs: 0 as number | undefined,
    backlog: 0,
    troubled: false,
    outcome: { status: "sent" } as DatagramOutcome,
  };
  const sent: string[] = [];
  const events: string[] = [];
  const states: CanaryState[] = [];
  const logs: string[] = [];
  const log = (level: string) => (message: string) => void logs.push(`${level} ${message}`);
  const keeper = new CanaryKeeper({
    seals: canaryJudge.seals,
    clock,
    log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error"), child: () => assert.fail() },
    intervalMs: INTERVAL,
    timeoutMs: TIMEOUT,
    sources: new Set(["wazuh"]),
    line: { lagMs: () => around.lagMs, backlog: () => around.backlog, isTroubled: () => around.troubled },
    events: {
      sent: () => events.push("sent"),
      lost: (hop) => events.push(`lost ${hop}`),
      returned: (seconds) => events.push(`returned ${seconds}`),
    },
    send(datagram) {
      if (around.outcome.status === "sent") sent.push(datagram.toString());
      return around.outcome;
    },
    remember: (state) => states.push(state),
  });
  const idOf = (datagram = sent.at(-1) ?? "") => /"id":"([0-9a-f]{48})"/.exec(datagram)?.[1] ?? "";
  /** Lets time pass, a second a tick. */
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= 1000) {
      clock.advance(1000);
      keeper.tick();
    }
  };
  /** Takes the canary on its way up to the hop it then waits for. */
  const reach = (hop: CanaryHop, id = idOf()) => {
    if (hop === "match" || hop === "deliver" || hop === "rule") keeper.read(id);
    if (hop === "deliver" || hop === "rule") keeper.matched(id, FINDING);
    if (hop === "rule") keeper.delivered([FINDING]);
  };
  const echo = (rule = { id: "100628", level: 3 }, source = "wazuh") =>
    keeper.echoed(toAlert(Buffer.from(JSON.stringify(echoOf(FINDING, rule))), source, 0), FINDING.id);
  keeper.begin();
  keeper.tick();
  return { keeper, clock, around, sent, events, states, logs, idOf, pass, reach, echo };
}

describe("the canary's keeper", () => {
  it("sends an ordinary event from the reserved location", () => {
    const { sent, keeper } = rig();
    assert.match(
      sent[0] ?? "",
      /^1:tipline-canary:\{"tipline_canary":\{"id":"[0-9a-f]{48}","domain":"[0-9a-f]{24}\.canary\.tipline\.invalid","sent":"2026-/,
    );
    assert.equal(keeper.state().waitsFor, "read");
  });

  it("measures the round trip and sends the next one an interval later", () => {
    const { sent, events, keeper, pass, reach, echo } = rig();
    reach("rule");
    pass(2000);
    echo();
    assert.deepEqual(events, ["sent", "returned 2"]);
    assert.deepEqual(keeper.state().rule, { id: "100628", level: 3 });
    assert.equal(keeper.state().roundTripMs, 2000);
    pass(INTERVAL - 3000);
    assert.equal(sent.length, 1);
    pass(2000);
    assert.equal(sent.length, 2);
  });

  it("measures nothing where the clock was set back on the way, and the next one is due as ever", () => {
    const { sent, events, keeper, clock, pass, reach, echo } = rig();
    reach("rule");
    clock.advance(-3_600_000);
    keeper.tick();
    pass(2000);
    echo();
    assert.deepEqual(events, ["sent"]);
    assert.equal(keeper.state().roundTripMs, undefined);
    assert.equal(keeper.state().lastReturnedAt, clock.now());
    pass(INTERVAL + 1000);
    assert.equal(sent.length, 2);
    reach("rule");
    pass(3000);
    echo();
    assert.deepEqual(events, ["sent", "sent", "returned 4"]);
    assert.equal(keeper.state().roundTripMs, 4000);
  });

  for (const [hop, says] of [
    ["read", /alert was not read.*tipline install wazuh/],
    ["match", /did not match/],
    ["deliver", /not delivered/],
    ["rule", /no rule fired.*tipline install wazuh/],
  ] as const)
    it(`that stops before "${hop}" is told loudly, by its hop, until one returns`, () => {
      const { keeper, pass, reach, echo, events, logs, idOf } = rig();
      if (hop !== "read") reach(hop);
      pass(TIMEOUT + 1000);
      assert.match(keeper.trouble() ?? "", says);
      assert.equal(keeper.state().missing?.hop, hop);
      assert.ok(events.includes(`lost ${hop}`));
      assert.equal(logs.filter((line) => line.startsWith("error canary is missing")).length, 1);
      pass(60_000);
      reach("rule", idOf());
      echo();
      assert.equal(keeper.trouble(), undefined);
      assert.equal(keeper.state().missing, undefined);
      assert.ok(logs.includes("info canary is back"));
    });

  it("tries again while it cannot be sent, then says why", () => {
    const { keeper, around, pass, events, reach, echo, sent } = rig();
    reach("rule");
    echo();
    around.outcome = { status: "unreachable", code: "ECONNREFUSED", cause: new Error("ECONNREFUSED: nobody there") };
    pass(INTERVAL + TIMEOUT / 2);
    assert.equal(keeper.trouble(), undefined);
    pass(TIMEOUT);
    assert.match(keeper.trouble() ?? "", /could not be sent.*ECONNREFUSED/);
    assert.ok(events.includes("lost send"));
    around.outcome = { status: "full" };
    pass(TIMEOUT * 4);
    assert.match(keeper.trouble() ?? "", /queue is full/);
    around.outcome = { status: "sent" };
    pass(60_000);
    assert.equal(sent.length, 2);
  });

  it("says it again at every doubling of its losses only", () => {
    const { pass, logs } = rig();
    pass(20 * (TIMEOUT + 60_000));
    assert.equal(logs.filter((line) => line.startsWith("error canary is missing")).length, 5);
  });

  it("does not take a source that catches up for a loss, however long it takes", () => {
    const { keeper, around, pass, events, reach, echo, idOf } = rig();
    for (around.lagMs = 3_600_000; around.lagMs > 60_000; around.lagMs -= 1000) pass(2000);
    assert.deepEqual(events, ["sent"]);
    around.lagMs = 0;
    pass(TIMEOUT / 2);
    reach("rule", idOf());
    echo();
    assert.equal(keeper.trouble(), undefined);
  });

  for (const [what, lagAt] of [
    ["stays far behind", () => 3_600_000],
    ["falls behind ever more", (ms: number) => 15_000 + ms],
    ["does not find its place again", () => undefined],
  ] as const)
    it(`takes a source that ${what} for a loss, and says that it is why`, () => {
      const { keeper, around, pass, events, logs } = rig();
      for (let ms = 0; ms < 3 * TIMEOUT; ms += 1000) {
        around.lagMs = lagAt(ms);
        pass(1000);
      }
      assert.ok(events.includes("lost read"));
      assert.match(
        keeper.trouble() ?? "",
        /not read: the source (is .+ behind and does not catch up|has not found its)/,
      );
      assert.equal(logs.filter((line) => line.startsWith("error canary is missing")).length, 1);
    });

  it("takes one that a source a little behind has passed by for a loss as any", () => {
    const { keeper, around, pass, events } = rig();
    around.lagMs = 15_000;
    pass(3 * TIMEOUT);
    assert.ok(events.includes("lost read"));
    assert.match(keeper.trouble() ?? "", /alert was not read within 1m: most likely Tipline's rules are not loaded/);
  });

  it("gives a source that catches up again all its time", () => {
    const { around, pass, events } = rig();
    around.lagMs = 500_000;
    pass(TIMEOUT - 10_000);
    around.lagMs = 400_000;
    pass(TIMEOUT / 2);
    around.lagMs = 0;
    pass(TIMEOUT - 1000);
    assert.deepEqual(events, ["sent"]);
    pass(2000);
    assert.ok(events.includes("lost read"));
  });

  it("waits as long as the source is held back, which is told elsewhere", () => {
    const { around, pass, events } = rig();
    around.lagMs = Number.POSITIVE_INFINITY;
    pass(20 * TIMEOUT);
    assert.deepEqual(events, ["sent"]);
  });

  it("waits for findings that go out before it, and not for those that do not move", () => {
    const { around, pass, events, reach } = rig();
    reach("deliver");
    around.backlog = 10_000;
    for (let n = 0; n < 200; n++) {
      around.backlog -= 40;
      pass(1000);
    }
    assert.deepEqual(events, ["sent"]);
    pass(TIMEOUT + 2000);
    assert.ok(events.includes("lost deliver"));
  });

  it("leaves it at one message when something else explains the loss", () => {
    const { keeper, around, pass, logs } = rig();
    around.troubled = true;
    pass(TIMEOUT + 1000);
    assert.equal(keeper.trouble(), undefined);
    assert.deepEqual(
      logs.filter((line) => line.startsWith("error")),
      [],
    );
    around.troubled = false;
    assert.equal(keeper.trouble(), undefined, "the next canary decides");
    pass(2 * TIMEOUT + INTERVAL);
    assert.ok(keeper.trouble());
  });

  it("is glad of one that comes after it was given up", () => {
    const { keeper, pass, reach, echo, idOf } = rig();
    const late = idOf();
    pass(TIMEOUT + 1000);
    assert.ok(keeper.trouble());
    assert.equal(keeper.expects(late, "wazuh"), true);
    reach("rule", late);
    echo();
    assert.equal(keeper.trouble(), undefined);
  });

  it("awaits each once, from the sources of alerts only, and believes their echoes only", () => {
    const { keeper, idOf, reach, echo, events } = rig();
    assert.equal(keeper.expects(idOf(), "archives"), false);
    assert.equal(keeper.expects(idOf(), "wazuh"), true);
    reach("rule");
    assert.equal(keeper.expects(idOf(), "wazuh"), false);
    echo(undefined, "archives");
    assert.deepEqual(events, ["sent"]);
  });

  it("that sounds the alarm says so once and goes out once an hour", () => {
    const { reach, echo, pass, sent, logs } = rig();
    reach("rule");
    echo({ id: "100622", level: 12 });
    pass(3_500_000);
    assert.equal(sent.length, 1);
    pass(200_000);
    assert.equal(sent.length, 2);
    assert.equal(logs.filter((line) => line.includes("100622")).length, 1);
  });

  it("is no alarm as its own rule, raised to a high log_alert_level", () => {
    const { keeper, reach, pass, sent, logs } = rig();
    reach("rule");
    const alert = { ...echoOf(FINDING, { id: "100628", level: 12 }) };
    const raised = { ...alert, rule: { id: "100628", level: 12, description: "", groups: ["misp", "misp_canary"] } };
    keeper.echoed(toAlert(Buffer.from(JSON.stringify(raised)), "wazuh", 0), FINDING.id);
    pass(INTERVAL);
    assert.equal(sent.length, 2);
    assert.deepEqual(
      logs.filter((line) => line.includes("alarm")),
      [],
    );
  });

  it("is not sent before anybody reads", () => {
    const { around, keeper, sent, reach, echo, pass } = rig();
    reach("rule");
    echo();
    around.lagMs = undefined;
    pass(2 * INTERVAL);
    assert.equal(sent.length, 1);
    assert.equal(keeper.trouble(), undefined);
  });

  it("says to doctor that the line has begun, before one is sent", () => {
    const { states, clock } = rig();
    assert.deepEqual([states[0]?.sent, states[0]?.updatedAt], [0, clock.now()]);
  });

  it("keeps what doctor needs", () => {
    const { states, pass } = rig();
    pass(TIMEOUT + 1000);
    const last = states.at(-1);
    assert.equal(last?.sent, 1);
    assert.equal(last?.lost, 1);
    assert.equal(last?.missing?.hop, "read");
    assert.equal(last?.intervalMs, INTERVAL);
  });
});
