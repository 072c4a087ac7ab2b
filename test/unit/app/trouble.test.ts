import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Trouble } from "../../../src/app/health.ts";
import { TroubleTeller } from "../../../src/app/trouble.ts";
import type { DatagramOutcome } from "../../../src/clients/unix-datagram.ts";
import { derivedId, isOurs } from "../../../src/intel/finding-id.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { ownFindingId } from "../../../src/pipeline/handle.ts";
import { toAlert } from "../../../src/pipeline/parse-alert.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { engineAlert } from "../../support/wazuh-engine.ts";

const KEY = Buffer.alloc(32, 7);
const SYNC: Trouble = { kind: "sync", component: "misp", text: "feed misp: connection refused" };
const SINK: Trouble = { kind: "delivery", component: "wazuh", text: "sink wazuh: ECONNREFUSED" };
const MINUTE = 60_000;

function rig() {
  const clock = new ManualClock();
  const around = { troubles: [] as Trouble[], outcome: { status: "sent" } as DatagramOutcome };
  const sent: Buffer[] = [];
  const teller = new TroubleTeller({
    clock,
    log: silentLog,
    troubles: () => around.troubles,
    send(datagram) {
      if (around.outcome.status === "sent") sent.push(datagram);
      return around.outcome;
    },
    derive: (parts) => derivedId(KEY, parts),
    repeatMs: 60 * MINUTE,
  });
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= 5000) {
      teller.tick();
      clock.advance(5000);
    }
    teller.tick();
  };
  const told = () => sent.map((datagram) => JSON.parse(datagram.toString().slice("1:misp:".length)).misp);
  return { around, sent, told, pass, clock };
}

describe("troubles", () => {
  it("are told once when they have lasted a moment, again after an hour, and when they are over", () => {
    const { around, told, pass } = rig();
    around.troubles = [SYNC];
    pass(20_000);
    assert.deepEqual(told(), []);
    pass(50 * MINUTE);
    assert.equal(told().length, 1);
    assert.equal(told()[0].error, "feed misp: connection refused");
    assert.equal(told()[0].trouble, "sync");
    assert.equal(told()[0].component, "misp");
    assert.equal(told()[0].state, "begun");
    pass(20 * MINUTE);
    assert.equal(told().length, 2);
    assert.equal(told()[1].state, "lasts");
    around.troubles = [];
    pass(2 * MINUTE);
    assert.equal(told().length, 3);
    assert.equal(told()[2].state, "over");
    assert.match(told()[2].error, /^over after 1h 10m: feed misp/);
  });

  it("that pass at once are not told", () => {
    const { around, told, pass } = rig();
    around.troubles = [SYNC];
    pass(20_000);
    around.troubles = [];
    pass(10 * MINUTE);
    assert.deepEqual(told(), []);
  });

  it("with Wazuh itself are told when it is back, with their time", () => {
    const { around, told, pass } = rig();
    around.outcome = { status: "unreachable", code: "ECONNREFUSED", cause: new Error("down") };
    around.troubles = [SINK];
    pass(10 * MINUTE);
    around.troubles = [];
    around.outcome = { status: "sent" };
    pass(2 * MINUTE);
    assert.deepEqual(
      told().map(({ state }) => state),
      ["over"],
    );
    assert.match(told()[0].error, /^over after 10m/);
  });

  it("make alerts of rule 100621 that the line knows as its own", () => {
    const { around, sent, pass } = rig();
    around.troubles = [SYNC];
    pass(MINUTE);
    const alert = engineAlert(sent[0] ?? Buffer.alloc(0));
    assert.equal(alert?.rule.id, "100621");
    const read = toAlert(Buffer.from(JSON.stringify(alert)), "wazuh", 0);
    assert.ok(ownFindingId(read, (id) => isOurs(KEY, id)));
  });

  it("carry no password of a URL, and no line that Wazuh would not take", () => {
    const { around, sent, told, pass } = rig();
    const text = `[feed misp] at\nhttps://ana:hunter2@misp.example.org/x?token=hunter2 \u0000\ud800 ${"x".repeat(5000)}`;
    around.troubles = [{ kind: "sync", component: "m\u0007isp", text }];
    pass(MINUTE);
    assert.ok(!sent[0]?.toString().includes("hunter2"));
    assert.ok(told()[0].error.length <= 901);
    assert.equal(engineAlert(sent[0] ?? Buffer.alloc(0))?.data.misp.error, told()[0].error);
  });

  it("never make a storm, however they come and go", () => {
    const kinds = ["delivery", "sync", "source", "canary"] as const;
    const present = fc.uniqueArray(fc.nat({ max: 200 }), { maxLength: 100 });
    fc.assert(
      fc.property(fc.array(fc.tuple(present, fc.integer({ min: 1, max: 60 })), { maxLength: 30 }), (steps) => {
        const { around, sent, pass } = rig();
        let ms = 0;
        for (const [which, minutes] of steps) {
          around.troubles = which.map((n) => ({ kind: kinds[n % 4]!, component: `c${n}`, text: "down" }));
          pass(minutes * MINUTE);
          ms += minutes * MINUTE;
        }
        assert.ok(sent.length <= 30 * Math.ceil(ms / (60 * MINUTE) + 1), `${sent.length} in ${ms / MINUTE} min`);
      }),
      { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 15) },
    );
  });

  it("are told as ever when the clock was set back by a day", () => {
    const { around, told, pass, clock } = rig();
    around.troubles = [SYNC];
    pass(MINUTE);
    clock.advance(-24 * 60 * MINUTE);
    around.troubles = [];
    pass(2 * MINUTE);
    assert.match(told().at(-1).error, /^over after 1m/);
    clock.advance(-24 * 60 * MINUTE);
    around.troubles = [SYNC, SINK];
    pass(12 * MINUTE);
    assert.deepEqual(
      told().map(({ state }) => state),
      ["begun", "over", "begun", "begun"],
    );
  });

  it("of one kind and component are told together", () => {
    const { around, told, pass } = rig();
    around.troubles = [SINK, { ...SINK, text: "sink wazuh: 3 findings were never seen again" }];
    pass(MINUTE);
    assert.deepEqual(
      told().map(({ error }) => error),
      ["sink wazuh: ECONNREFUSED; sink wazuh: 3 findings were never seen again"],
    );
  });

  it("of one component that flaps are told at most every ten minutes", () => {
    const { around, told, pass } = rig();
    for (let n = 0; n < 30; n++) {
      around.troubles = [SYNC];
      pass(MINUTE);
      around.troubles = [];
      pass(MINUTE);
    }
    const begun = told().filter(({ state }) => state === "begun").length;
    assert.ok(begun >= 2 && begun <= 7, `${begun} in an hour`);
  });
});
