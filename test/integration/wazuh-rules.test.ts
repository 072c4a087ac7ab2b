import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Agent } from "../../src/model/alert.ts";
import type { MispBlock } from "../../src/model/finding.ts";
import { ruleIds } from "../../src/setup/wazuh/rules.ts";
import { cli, fromRoot } from "../support/cli.ts";
import { type Fired, type RulesRig, rulesRig } from "../support/rules-rig.ts";
import { sharedOrSkip } from "../support/shared.ts";
import { tempDir } from "../support/temp.ts";

interface Enriched {
  readonly agent: Agent;
  readonly data: { readonly misp: MispBlock };
}

const IDS = ruleIds();
/** What an event by itself fires; Wazuh's own correlations only count what is close together. */
const APART_SECONDS = 4000;

async function findings(dir: string, feed: string, alerts: string): Promise<readonly Enriched[]> {
  const { code, stdout, stderr } = await cli(["enrich", "--feed", feed, alerts], { env: { XDG_CACHE_HOME: dir } });
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Enriched);
}

function expected({ band, warninglist }: MispBlock): number {
  if (warninglist !== undefined) return IDS.knownBenign;
  return band === "critical" ? IDS.critical : IDS.match;
}

function checkAll(all: readonly Enriched[], { match }: RulesRig): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { agent, data } of all) {
    const fired: Fired | undefined = match(data.misp, agent, APART_SECONDS);
    assert.equal(fired?.id, expected(data.misp), JSON.stringify(data.misp));
    assert.ok(!fired.description.includes("$("), fired.description);
    counts.set(fired.id, (counts.get(fired.id) ?? 0) + 1);
  }
  return counts;
}

test("findings over real alerts, as they are sent, fire 100622 itself or the child that is meant", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const dir = tempDir(t);
  const list = join(dir, "list.txt");
  writeFileSync(list, "212.64.151.233\n185.220.101.0/24\n8.8.8.8\nevil-example.com\ntracker.example.net\n");
  const all = await findings(dir, list, join(shared, "data/wazuh/alerts.ndjson"));
  assert.ok(all.length > 200, `${all.length} findings`);
  const counts = checkAll(all, rulesRig(join(dir, "ossec")));
  assert.ok((counts.get(IDS.match) ?? 0) > 200);
  assert.ok((counts.get(IDS.knownBenign) ?? 0) > 0, "8.8.8.8 is on the list of public resolvers");
});

test("the demo's findings too, and close together they also show several indicators of one event and a spread", async (t) => {
  const dir = tempDir(t);
  const all = await findings(dir, fromRoot("examples/demo/feed"), fromRoot("examples/demo/alerts.ndjson"));
  const alone = checkAll(all, rulesRig(join(dir, "apart")));
  assert.ok((alone.get(IDS.critical) ?? 0) > 0 && (alone.get(IDS.match) ?? 0) > 0, "the demo has critical ones");
  const { match } = rulesRig(join(dir, "together"));
  const together = all.map(({ agent, data }) => ({ id: match(data.misp, agent)?.id, alone: expected(data.misp) }));
  const replaced = together.filter(({ id, alone: own }) => id !== own);
  for (const { id, alone: own } of replaced) {
    assert.equal(own, IDS.match, "a correlation only ever stands in for an ordinary match");
    assert.ok(id === IDS.sameEvent || id === IDS.spread, String(id));
  }
  assert.ok(replaced.some(({ id }) => id === IDS.sameEvent));
  assert.ok(replaced.length * 2 < together.filter(({ alone: own }) => own === IDS.match).length, "and not for most");
});
