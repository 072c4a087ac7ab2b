import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { cli } from "../support/cli.ts";
import { READONLY_KEY } from "../support/misp-sim/defaults.ts";
import { serveMispSim } from "../support/misp-sim/http.ts";
import { createMispSim, type MispSim } from "../support/misp-sim/sim.ts";
import { tempDir } from "../support/temp.ts";

const DAY = 86_400;
const NOW = Math.floor(Date.now() / 1000);
const OLD = "45.77.20.1";
const FRESH = "45.77.20.2";
const BOTH = "45.77.20.3";

function anEvent(number: number, org: string, ages: Readonly<Record<string, number>>, tag = "tlp:green") {
  return {
    Event: {
      uuid: `5f0f3e6a-0000-4000-8000-00000000000${number}`,
      info: `event ${number}`,
      threat_level_id: "1",
      Orgc: { name: org },
      Tag: [{ name: tag }],
      Attribute: Object.entries(ages).map(([value, days], index) => ({
        uuid: `6f0f3e6a-000${number}-4000-8000-00000000000${index}`,
        type: "ip-dst",
        category: "Network activity",
        value,
        to_ids: true,
        timestamp: String(NOW - days * DAY),
      })),
    },
  };
}

/** A folder with a feed of its own, and a configuration whose feed has these keys beside. */
function workplace(t: TestContext, keys: object) {
  const folder = tempDir(t);
  const feed = join(folder, "osint");
  mkdirSync(feed);
  writeFileSync(join(feed, "a.json"), JSON.stringify(anEvent(1, "CIRCL", { [OLD]: 412, [FRESH]: 3, [BOTH]: 412 })));
  writeFileSync(join(feed, "b.json"), JSON.stringify(anEvent(2, "Other", { [BOTH]: 5 }, "tlp:amber")));
  const config = {
    state_dir: join(folder, "state"),
    feeds: { osint: { type: "misp-feed", path: feed, ...keys } },
    sinks: { out: { type: "ndjson", path: join(folder, "out.ndjson") } },
  };
  writeFileSync(join(folder, "tipline.yaml"), JSON.stringify(config));
  return { feed, flags: ["--config", join(folder, "tipline.yaml")] };
}

function alertTo(address: string): string {
  return `${JSON.stringify({
    timestamp: new Date(NOW * 1000).toISOString().replace("Z", "+0000"),
    rule: { level: 3, description: "a connection", id: "5", groups: [] },
    agent: { id: "001", name: "ws-01" },
    manager: { name: "manager" },
    id: "1795297550.1318",
    data: { srcip: "10.0.0.1", dstip: address, action: "allow" },
    location: "firewall",
  })}\n`;
}

describe("a configured MISP feed", () => {
  it("lets old addresses expire: known benign with the reason, and named by explain and lookup", async (t) => {
    const { feed, flags } = workplace(t, {});
    assert.equal((await cli(["sync", "--once", ...flags])).code, 0);

    const old = (await cli(["explain", ...flags], { input: alertTo(OLD) })).stdout;
    assert.match(old, /suppressed by policy: expired: last seen 412 days ago, 90 at most for addresses/);
    assert.match(old, /=> known benign/);
    const both = (await cli(["explain", ...flags, "--json"], { input: alertTo(BOTH) })).stdout;
    const [match] = JSON.parse(both).observables.at(-1).matches;
    assert.equal(match.expired.length, 1);
    assert.equal(JSON.parse(both).sent.misp.org, "Other");
    assert.match((await cli(["explain", ...flags], { input: alertTo(FRESH) })).stdout, /=> finding/);
    const looked = JSON.parse((await cli(["lookup", ...flags, "--json", OLD])).stdout);
    assert.match(looked.indicators[0].reports[0].expired, /412 days ago/);
    assert.equal(looked.indicators[0].reports[0].false_positive, null);

    // Whoever names a feed means what is in it, even where a configured feed has the same name.
    const named = await cli(["explain", "--feed", feed, ...flags], { input: alertTo(OLD) });
    assert.match(named.stdout, /=> finding/);
  });

  it("takes what its filters let through and counts the rest by reason", async (t) => {
    const { flags } = workplace(t, { expiry: "never", filters: { orgs: { exclude: ["other"] }, max_age: "365d" } });
    const synced = await cli(["sync", "--once", ...flags]);
    assert.match(synced.stdout + synced.stderr, /1 left out: organisation other is excluded/);
    assert.match(synced.stdout + synced.stderr, /2 left out: older than max_age/);
    assert.match((await cli(["explain", ...flags], { input: alertTo(OLD) })).stdout, /no match/);
    assert.match((await cli(["explain", ...flags], { input: alertTo(FRESH) })).stdout, /=> finding/);
  });
});

const MODEL = {
  id: 3,
  uuid: "073fae4a-2377-4cfa-bd34-2516830d33c3",
  name: "NIDS",
  parameters: {
    lifetime: 120,
    decay_speed: 2,
    threshold: 30,
    default_base_score: 80,
    base_score_config: { "false-positive:risk": 1 },
  },
  attributeTypes: ["ip-dst"],
  enabled: true,
  description: "",
  orgId: 1,
  formula: "Polynomial",
  version: "1",
  ref: [],
  allOrgs: true,
  isDefault: true,
};

function sight(sim: MispSim, attributeId: number, type: 0 | 1, orgId: number, source: string, daysAgo: number): void {
  const id = sim.state.sightings.length + 1;
  const uuid = `33333333-3333-4333-8333-00000000000${id}`;
  const timestamp = sim.now() - daysAgo * DAY;
  sim.state.sightings.push({ id, uuid, attributeId, eventId: 1, orgId, type, source, timestamp });
}

describe("a MISP server whose decaying models decide", () => {
  it("lets attributes decay unless others saw them, and tells what our own organisation called false", async (t) => {
    const sim = createMispSim({ clock: () => Date.now() });
    sim.state.decayingModels.set(MODEL.id, MODEL);
    const event = sim.edit.addEvent({ info: "campaign" });
    const old = sim.now() - 60 * DAY;
    const values = ["45.77.30.1", "45.77.30.2", "45.77.30.3", "45.77.30.4"];
    const ids = values.map((value) => sim.edit.addAttribute(event, { type: "ip-dst", value, timestamp: old }).id);
    sim.edit.publish(event);
    sight(sim, ids[1] ?? 0, 0, 2, "partner-sensor", 5);
    // What this line reported itself must not keep an indicator alive.
    sight(sim, ids[2] ?? 0, 0, 1, "tipline", 5);
    sight(sim, ids[3] ?? 0, 1, 1, "analyst", 1);
    const told = new Date((sim.state.sightings.at(-1)?.timestamp ?? 0) * 1000).toISOString().slice(0, 10);
    const folder = tempDir(t);
    const config = {
      state_dir: join(folder, "state"),
      feeds: {
        misp: { type: "misp-server", url: await serveMispSim(t, sim), key: READONLY_KEY, expiry: { decay: true } },
      },
      sinks: { out: { type: "ndjson", path: join(folder, "out.ndjson") } },
    };
    writeFileSync(join(folder, "tipline.yaml"), JSON.stringify(config));
    const flags = ["--config", join(folder, "tipline.yaml")];
    const synced = await cli(["sync", "--once", ...flags]);
    assert.equal(synced.code, 0, synced.stderr);
    const looked = (await cli(["lookup", "--json", ...flags, ...values])).stdout.trim().split("\n");
    const reports = looked.map((line) => JSON.parse(line).indicators[0].reports[0]);
    const decayed = "last seen 60 days ago, decayed: 23.4 of 80 points left, 30 needed (NIDS)";
    assert.deepEqual(
      reports.map(({ expired }) => expired),
      [decayed, null, decayed, decayed],
    );
    assert.deepEqual(
      reports.map(({ false_positive }) => false_positive),
      [null, null, null, told],
    );
  });
});
