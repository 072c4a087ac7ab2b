import assert from "node:assert/strict";
import { createReadStream, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { engine } from "../../src/app/engine.ts";
import { LiveGeneration } from "../../src/app/generation.ts";
import { knowledgeConfig, surroundings } from "../../src/app/knowledge.ts";
import { Matching, type MatchingParts } from "../../src/app/matching.ts";
import { parseConfig } from "../../src/config/load.ts";
import type { SourceRecord } from "../../src/contract/source.ts";
import { canaryEvent } from "../../src/intel/canary.ts";
import { NO_OWN_ASSETS } from "../../src/intel/policy.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { type Log, silentLog } from "../../src/lib/log.ts";
import type { CanonicalValue } from "../../src/model/observable.ts";
import { handleRecord } from "../../src/pipeline/handle.ts";
import { handleRecords, type Matched } from "../../src/pipeline/pump.ts";
import { appendAllow } from "../../src/store/allow.ts";
import { jsonOf } from "../../src/store/finding-cache.ts";
import { openGenerations } from "../../src/store/generations.ts";
import { event, reported } from "../support/indicators.ts";
import { sharedOrSkip } from "../support/shared.ts";
import { tempDir } from "../support/temp.ts";

const KEY = Buffer.alloc(32, 7);
const RECEIVED = Date.parse("2026-11-21T12:00:00Z");
const clock = { ...systemClock, now: () => RECEIVED };

interface Rig {
  readonly matching: Matching;
  readonly here: MatchingParts["here"];
  readonly live: LiveGeneration;
  readonly said: string[];
  /** Adds domains to the indicators. */
  list(...domains: readonly string[]): Promise<void>;
  readonly stateDir: string;
}

/** Matching in threads beside matching here, over one store. */
async function rig(t: TestContext, over: Partial<Pick<MatchingParts, "threads" | "entry">> = {}): Promise<Rig> {
  const stateDir = tempDir(t);
  const config = await parseConfig(
    JSON.stringify({ state_dir: stateDir, feeds: { list: { type: "list-file", path: "/nowhere" } } }),
    "test.yaml",
  );
  const store = openGenerations({ dir: join(stateDir, "generations"), log: silentLog });
  const live = new LiveGeneration({ store, ...surroundings({ config, log: silentLog }), own: NO_OWN_ASSETS, stateDir });
  const said: string[] = [];
  const judge = engine(KEY);
  const log: Log = { ...silentLog, warn: (words) => void said.push(words), error: (words) => void said.push(words) };
  const here = (source: string, records: readonly SourceRecord[]) => {
    const context = { ...judge, source, mode: "live" as const, generation: live.current(), receivedAt: RECEIVED };
    return handleRecords(records, (record) => handleRecord(record, context), { name: source, clock, log });
  };
  const matching = new Matching({
    setup: { key: KEY, own: NO_OWN_ASSETS, config: knowledgeConfig(config) },
    threads: 2,
    live,
    generation: () => live.current(),
    here,
    clock,
    log,
    onTally: ({ band, matches }) => void said.push(`tally ${band} ${matches.length}`),
    onSimulated: (mark) => void said.push(`simulated ${mark.slice(0, 12)}`),
    onEcho: ({ source, rule }, id) => void said.push(`echo ${source} ${rule?.id} ${id.length}`),
    ...over,
  });
  t.after(() => matching.close());
  let listed = 0;
  return {
    matching,
    here,
    live,
    said,
    stateDir,
    async list(...domains) {
      const indicators = domains.map((name) =>
        reported(
          { type: "domain", pattern: "subdomains", value: name as CanonicalValue },
          "list",
          event(++listed),
          listed,
        ),
      );
      async function* pages() {
        yield { indicators, withdrawnEvents: [], skipped: new Map(), refused: [] };
      }
      await store.update({
        changes: [{ feed: "list", pull: { mode: "delta", pages: pages(), cursor: () => listed } }],
      });
      live.refresh();
    },
  };
}

/** Until the threads judge, not this one. */
async function threaded({ matching, said }: Rig, record: SourceRecord): Promise<void> {
  for (let attempt = 0; attempt < 3000; attempt++) {
    const before = said.length;
    await matching.match("warm", [record]);
    // Only a thread's verdicts are told of as tallies.
    if (said.slice(before).some((word) => word.startsWith("tally"))) {
      said.length = 0;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail("the threads never became ready");
}

function record(event: object | string, at: number | string = 0): SourceRecord {
  const text = typeof event === "string" ? event : JSON.stringify(event);
  return { bytes: Buffer.from(text), origin: `test:${at}` };
}

const alertOf = (n: number, domain: string, more: object = {}) => ({
  timestamp: "2026-11-21T11:59:00.000+0000",
  rule: { level: 5, id: "31100", description: "web", groups: ["web"] },
  agent: { id: "007", name: "web-07" },
  manager: { name: "m1" },
  id: `1795297550.${n}`,
  location: "/var/log/nginx.log",
  full_log: `GET http://${domain}/x HTTP/1.1`,
  ...more,
});

function comparable({ findings, deadLetters, confirmed }: Matched) {
  return {
    findings: findings.map((finding) => JSON.parse(jsonOf(finding).toString("utf8"))),
    objects: findings,
    deadLetters,
    confirmed,
  };
}

test("threads find just what this thread finds, in the same order", async (t) => {
  const line = await rig(t);
  await line.list("evil.example", "worse.example");
  await threaded(line, record(alertOf(1, "evil.example")));
  const judge = engine(KEY);
  const mark = judge.seals.simulationMark("www.worse.example", RECEIVED, "0123456789abcdef");
  const [finding] = (await line.here("w", [record(alertOf(1, "evil.example"))])).findings;
  const echo = { ...alertOf(2, "x.example"), location: "misp", data: { integration: "misp", misp: finding?.misp } };
  const canary = canaryEvent({
    id: judge.seals.canaryId("ab".repeat(12)),
    domain: judge.seals.canaryName,
    sent: "2026-11-21T11:59:00Z",
  });
  const records = Array.from({ length: 500 }, (_, n) => {
    if (n % 50 === 7) return record("{ broken", n);
    if (n % 50 === 9) return record(echo, n);
    if (n % 50 === 11)
      return record({ ...alertOf(n, "www.worse.example"), data: { url: "http://www.worse.example/", note: mark } }, n);
    if (n % 50 === 13)
      return record({ ...alertOf(n, "x.example"), location: "tipline-canary", data: JSON.parse(canary) }, n);
    if (n % 50 === 15) return record("", n);
    // A shipper's record, line ends, and what JSON in JSON has to escape.
    const evil = alertOf(n, `h${n}.evil.example`, { data: { note: 'ü€😀 "\\u00e9\\n" \u2028' } });
    if (n % 50 === 17) return record({ log: JSON.stringify(evil) }, n);
    if (n % 50 === 19) return record(`${JSON.stringify(evil)}\r\n`, n);
    if (n % 50 === 21) return record(evil, n);
    return record(alertOf(n, n % 5 === 0 ? `h${n}.evil.example` : "good.example"), n);
  });
  line.said.length = 0;
  const [there, here] = [await line.matching.match("w", records), await line.here("w", records)];
  assert.deepEqual(comparable(there), comparable(here));
  assert.ok(here.findings.length >= 100 && here.deadLetters.length >= 20 && here.confirmed.length === 10);
  const count = (start: string) => line.said.filter((word) => word.startsWith(start)).length;
  assert.equal(count("echo w 31100 40"), 10);
  assert.equal(count("simulated"), 10);
  assert.equal(count("tally"), there.findings.length);
});

test("what is new in force is in force in the threads", async (t) => {
  const line = await rig(t);
  await line.list("evil.example");
  await threaded(line, record(alertOf(1, "evil.example")));
  const later = record(alertOf(2, "later.example"));
  assert.equal((await line.matching.match("w", [later])).findings.length, 0);
  await line.list("later.example");
  assert.equal((await line.matching.match("w", [later])).findings.length, 1, "at once, wherever it is matched");
  await threaded(line, later);
  const [found] = (await line.matching.match("w", [later])).findings;
  assert.equal(found?.misp.value, "later.example");
  assert.equal(found?.misp.generation, line.live.current().id);
  appendAllow(line.stateDir, {
    type: "domain",
    value: "later.example" as CanonicalValue,
    reason: "ours",
    by: "me",
    createdAt: RECEIVED - 1000,
  });
  line.live.refresh();
  for (const where of ["at once", "in a thread"]) {
    const [allowed] = (await line.matching.match("w", [later])).findings;
    assert.equal(allowed?.suppressed, true, where);
    await threaded(line, later);
  }
});

test("before there is a generation, and when a thread cannot open its files, this thread matches", async (t) => {
  const line = await rig(t);
  const alert = record(alertOf(1, "evil.example"));
  assert.equal((await line.matching.match("w", [alert])).findings.length, 0);
  await line.list("evil.example");
  rmSync(join(line.stateDir, "generations"), { recursive: true });
  for (let attempt = 0; line.said.length === 0 && attempt < 3000; attempt++) {
    assert.equal((await line.matching.match("w", [alert])).findings.length, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.match(line.said[0] ?? "", /cannot take the generation; the main thread matches/);
  // Said once by each of the two, not with every delivery.
  for (let delivery = 0; delivery < 50; delivery++) await line.matching.match("w", [alert]);
  assert.ok(line.said.length <= 2, line.said.join("\n"));
});

test("alerts that a thread dies over are matched here, and nothing is lost or doubled", async (t) => {
  const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const line = await rig(t, { entry: new URL(`../support/dying-match-worker${ending}`, import.meta.url) });
  await line.list("evil.example");
  const records = Array.from({ length: 200 }, (_, n) => record(alertOf(n, "evil.example"), n));
  for (let attempt = 0; line.said.length === 0 && attempt < 3000; attempt++) {
    const { findings } = await line.matching.match("w", records);
    assert.deepEqual(
      findings.map(({ alert }) => alert.id),
      records.map((_, n) => `1795297550.${n}`),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(line.said.some((words) => words.includes("a matching thread died")));
  assert.ok(line.said.some((words) => words.includes("died over are matched here")));
});

test("the real alerts come to the same in threads", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const line = await rig(t);
  const lines = createInterface({ input: createReadStream(join(shared, "data/wazuh/alerts.ndjson")) });
  const records: SourceRecord[] = [];
  const names = new Set<string>();
  for await (const text of lines) {
    records.push(record(text, records.length));
    for (const [name] of text.matchAll(/[a-z0-9-]+\.(?:com|net|org|io)\b/g)) if (names.size < 200) names.add(name);
  }
  await line.list("evil.example", ...names);
  await threaded(line, record(alertOf(1, "evil.example")));
  const [there, here] = [await line.matching.match("w", records), await line.here("w", records)];
  assert.ok(here.findings.length > 20, String(here.findings.length));
  assert.deepEqual(comparable(there), comparable(here));
});
