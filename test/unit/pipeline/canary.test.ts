import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { engine } from "../../../src/app/engine.ts";
import { withCanary } from "../../../src/intel/canary.ts";
import type { JsonObject } from "../../../src/model/json.ts";
import { mayHave } from "../../../src/pipeline/canary.ts";
import { canaryAlert, canaryJudge, echoOf, handleAlert, watchFor } from "../../support/canary.ts";
import { makeFinding } from "../../support/finding.ts";
import { aGeneration } from "../../support/generation.ts";
import { anIndicator } from "../../support/make.ts";

const { seals } = canaryJudge;
const ID = seals.canaryId("0123456789abcdef01234567");
const NONE = aGeneration([]);
const BAD = aGeneration([anIndicator("ip", "45.83.64.1")]);

describe("a canary's alert", () => {
  it("matches though no feed has its name, by the ordinary extraction and judgement", () => {
    const watch = watchFor(ID);
    const { findings } = handleAlert(canaryAlert(ID), NONE, { canary: watch });
    const [finding] = findings;
    assert.equal(finding?.mode, "canary");
    assert.equal(finding?.misp.mode, "canary");
    assert.equal(finding?.misp.value, seals.canaryName);
    assert.equal(finding?.misp.match?.where, "data.tipline_canary.domain");
    assert.equal(finding?.misp.category, "Other");
    assert.equal(finding?.tlp, "clear");
    assert.equal(finding?.attributes, undefined);
    assert.deepEqual(watch.told, [`read ${ID}`, `matched ${ID} canary`]);
  });

  it("is not explained away by lists, allow entries or own domains", () => {
    const name = seals.canaryName;
    const generation = aGeneration([], {
      own: { domains: ["invalid" as never] },
      lists: new Map([[name, [{ name: "RFC 6761 names", action: "suppress" as const }]]]),
      allow: [{ type: "domain", value: name, reason: "no", createdAt: 0, by: "ana" }],
    });
    const [finding] = handleAlert(canaryAlert(ID), generation, { canary: watchFor(ID) }).findings;
    assert.equal(finding?.suppressed, false);
    assert.equal(finding?.misp.warninglist, undefined);
    assert.equal(finding?.misp.band, "medium");
  });

  it("makes nothing when nobody awaits it: an archive read again, an earlier run, a command", () => {
    assert.deepEqual(handleAlert(canaryAlert(ID), NONE, { canary: watchFor() }).findings, []);
    assert.deepEqual(handleAlert(canaryAlert(ID), NONE).findings, []);
    assert.deepEqual(handleAlert(canaryAlert(ID), NONE, { canary: watchFor(ID), source: "archives" }).findings, []);
  });

  it("makes nothing as an event that no rule alerts on", () => {
    const level0 = canaryAlert(ID, { rule: { level: 0, id: "100630", description: "", groups: [] } });
    assert.deepEqual(handleAlert(level0, NONE, { canary: watchFor(ID) }).findings, []);
  });

  it("of another node's key means nothing here", () => {
    const other = engine(Buffer.alloc(32, 9));
    const id = other.seals.canaryId("0123456789abcdef01234567");
    assert.deepEqual(handleAlert(canaryAlert(id, {}, other), NONE, { canary: watchFor(id) }).findings, []);
  });

  for (const [what, change] of [
    ["another location", { location: "/var/log/app.json" }],
    ["an agent's location", { location: "(web) 10.0.0.5->tipline-canary" }],
    ["a second member", { data: { ...(canaryAlert(ID)["data"] as JsonObject), srcip: "45.83.64.1" } }],
    [
      "another member in it",
      {
        data: {
          tipline_canary: {
            ...((canaryAlert(ID)["data"] as JsonObject)["tipline_canary"] as JsonObject),
            x: "45.83.64.1",
          },
        },
      },
    ],
  ] as const)
    it(`with ${what} is an alert like any other`, () => {
      const watch = watchFor(ID);
      const { findings } = handleAlert(canaryAlert(ID, change as unknown as JsonObject), BAD, { canary: watch });
      assert.deepEqual(watch.told, []);
      assert.ok(findings.every(({ mode }) => mode === "live"));
      assert.equal(findings.length, JSON.stringify(change).includes("45.83.64.1") ? 1 : 0);
    });

  it("cannot hide an attack in its full_log", () => {
    const [finding] = handleAlert(canaryAlert(ID, { full_log: "connection to 45.83.64.1" }), BAD, {
      canary: watchFor(ID),
    }).findings;
    assert.equal(finding?.mode, "live");
    assert.equal(finding?.misp.value, "45.83.64.1");
  });

  it("comes back as an echo that confirms and is told", () => {
    const [finding] = handleAlert(canaryAlert(ID), NONE, { canary: watchFor(ID) }).findings;
    assert.ok(finding);
    const echoes: string[] = [];
    const handled = handleAlert(echoOf(finding, { id: "100628", level: 3 }), NONE, {
      onEcho: ({ rule }, id) => echoes.push(`${rule?.id} ${id}`),
    });
    assert.deepEqual(handled.confirmed, [finding.id]);
    assert.deepEqual(echoes, [`100628 ${finding.id}`]);
    const silent = handleAlert(echoOf(finding, { id: "100620", level: 0 }), NONE, { onEcho: () => assert.fail() });
    assert.deepEqual(silent.confirmed, []);
  });
});

describe("the canary's name", () => {
  it("outside of a canary is a name like any other", () => {
    const query = canaryAlert(ID, { location: "dns", data: { query: seals.canaryName } });
    assert.deepEqual(handleAlert(query, NONE, { canary: watchFor(ID) }).findings, []);
  });

  it("changes no other lookup", () => {
    const generation = withCanary(BAD, seals.canaryName);
    assert.equal(generation.index.lookup("ip", "45.83.64.1" as never).length, 1);
    assert.equal(generation.index.lookup("domain", `x.${seals.canaryName}` as never).length, 0);
    assert.equal(generation.id, BAD.id);
  });
});

describe("a simulated event", () => {
  const TIME = Date.parse("2026-11-22T05:00:00Z");
  const alertFor = (value: string, more = "") => {
    const mark = seals.simulationMark("45.83.64.1", TIME, "0123456789abcdef");
    return canaryAlert(ID, {
      location: "/var/log/auth.log",
      data: { srcip: value, dstuser: mark },
      full_log: `Accepted password for ${mark} from ${value} port 22 ssh2${more}`,
    });
  };

  it("makes a finding of mode simulated, without attributes to sight", () => {
    const marks: string[] = [];
    const [finding] = handleAlert(alertFor("45.83.64.1"), BAD, { onSimulated: (mark) => marks.push(mark) }).findings;
    assert.equal(finding?.mode, "simulated");
    assert.equal(finding?.attributes, undefined);
    assert.equal(marks.length, 1);
  });

  it("stays one when past alerts are matched again", () => {
    const [finding] = handleAlert(alertFor("45.83.64.1"), BAD, { mode: "retro" }).findings;
    assert.equal(finding?.mode, "simulated");
    assert.equal(finding?.attributes, undefined);
  });

  it("whose mark was copied beside another listed value is a real one", () => {
    const both = aGeneration([anIndicator("ip", "45.83.64.1"), anIndicator("ip", "45.83.64.2")]);
    const [other] = handleAlert(alertFor("45.83.64.2"), both).findings;
    assert.equal(other?.mode, "live");
    assert.equal(other?.attributes?.length, 1);
    const [beside] = handleAlert(alertFor("45.83.64.1", " and 45.83.64.2"), both).findings;
    assert.equal(beside?.mode, "live");
  });
});

describe("mayHave", () => {
  it("gives canaries to their own sink only, and simulated findings to all but sightings", () => {
    const canary = makeFinding(1, { mode: "canary" });
    const simulated = makeFinding(2, { mode: "simulated" });
    assert.equal(mayHave(canary, { canaries: true, sightings: false }), true);
    assert.equal(mayHave(canary, { canaries: false, sightings: false }), false);
    assert.equal(mayHave(simulated, { canaries: false, sightings: false }), true);
    assert.equal(mayHave(simulated, { canaries: false, sightings: true }), false);
    assert.equal(mayHave(makeFinding(3), { canaries: false, sightings: true }), true);
  });
});
