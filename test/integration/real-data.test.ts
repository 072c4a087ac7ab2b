import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { openAdhoc } from "../../src/app/adhoc-feeds.ts";
import { commandKey, engine } from "../../src/app/engine.ts";
import { LiveGeneration } from "../../src/app/generation.ts";
import { builtInWarninglists } from "../../src/app/paths.ts";
import { NO_OWN_ASSETS } from "../../src/intel/policy.ts";
import { loadWarninglists } from "../../src/intel/warninglist-load.ts";
import { silentLog } from "../../src/lib/log.ts";
import { handleRecord } from "../../src/pipeline/handle.ts";
import { lookupValue } from "../../src/pipeline/lookup.ts";
import { sharedOrSkip } from "../support/shared.ts";
import { tempDir } from "../support/temp.ts";

interface Attribute {
  readonly type: string;
  readonly value: string;
  readonly to_ids: boolean;
  readonly deleted?: boolean;
}

/** Every attribute of an export, found by walking: independent of the reader under test. */
function attributesOf(value: unknown, found: Attribute[] = []): Attribute[] {
  if (Array.isArray(value)) for (const item of value) attributesOf(item, found);
  else if (typeof value === "object" && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      if (key === "Attribute" && Array.isArray(member)) found.push(...(member as Attribute[]));
      else attributesOf(member, found);
    }
  }
  return found;
}

/** Types whose whole value must be found as it stands. */
const WHOLE = new Set([
  "ip-src",
  "ip-dst",
  "domain",
  "hostname",
  "url",
  "md5",
  "sha1",
  "sha256",
  "sha512",
  "email-src",
  "email-dst",
  "filename",
  "mutex",
  "user-agent",
  "regkey",
  "domain|ip",
  "filename|sha1",
  "filename|md5",
  "filename|sha256",
  "ip-dst|port",
  "hostname|port",
]);

function disguises({ type, value }: Attribute): readonly string[] {
  if (/^(?:ip-src|ip-dst|domain|hostname)$/.test(type))
    return [
      value,
      value.toUpperCase(),
      ` ${value} `,
      value.replaceAll(".", "[.]"),
      value.replace(".", "(.)"),
      value.replace(".", "[dot]"),
      ...(type.startsWith("ip") ? [] : [`${value}.`]),
    ];
  if (type === "url") return [value, value.replace(/^http/i, "hxxp"), value.replace(/\./, "[.]")];
  if (/^(?:md5|sha)/.test(type)) return [value, value.toUpperCase(), ` ${value}`];
  return [value];
}

async function liveOf(t: TestContext, feed: string) {
  const store = await openAdhoc({ feeds: [feed], cacheDir: tempDir(t), log: silentLog });
  t.after(() => store.close());
  const live = new LiveGeneration({
    store,
    own: NO_OWN_ASSETS,
    warninglists: loadWarninglists(builtInWarninglists(), silentLog),
  });
  return { live, store };
}

describe("real MISP data", () => {
  for (const [name, folder] of [
    ["published events", "data/misp/events-published"],
    ["a MISP feed", "data/misp/feed"],
  ] as const) {
    it(`${name}: load whole, and every value is found in any disguise`, async (t) => {
      const shared = sharedOrSkip(t);
      if (shared === undefined) return;
      const { live, store } = await liveOf(t, join(shared, folder));
      const quarantined = new Set([...store.quarantine()].map(({ value }) => value.toLowerCase()));
      const files = readdirSync(join(shared, folder)).filter(
        (file) => file.endsWith(".json") && file !== "manifest.json",
      );
      const attributes = files.flatMap((file) =>
        attributesOf(JSON.parse(readFileSync(join(shared, folder, file), "utf8"))),
      );
      const wanted = attributes.filter(
        ({ type, value, to_ids, deleted }) =>
          to_ids && !deleted && WHOLE.has(type) && !quarantined.has(value.toLowerCase()),
      );
      const missing = wanted.flatMap((attribute) =>
        disguises(attribute)
          .filter((value) => lookupValue(value, live.current()).indicators.length === 0)
          .map((value) => `${attribute.type} ${value}`),
      );
      t.diagnostic(
        `${files.length} events, ${attributes.length} attributes, ${wanted.length} looked up, ${live.current().index.stats.indicators} indicators, ${quarantined.size} quarantined`,
      );
      assert.ok(wanted.length > 50);
      assert.deepEqual(missing, []);
    });
  }
});

describe("all recorded alerts", () => {
  it("pass without a crash or a dead letter, and the gate never hides a match", async (t) => {
    const shared = sharedOrSkip(t);
    if (shared === undefined) return;
    const { live } = await liveOf(t, join(shared, "data/misp/feed"));
    const judge = engine(commandKey());
    const lines = readFileSync(join(shared, "data/wazuh/alerts.ndjson"), "utf8")
      .split("\n")
      .filter((line) => line !== "");
    const generation = live.current();
    const ungated = {
      ...generation,
      index: { ...generation.index, lookup: generation.index.lookup.bind(generation.index), nominates: () => true },
    };
    let findings = 0;
    for (const line of lines) {
      const record = { bytes: Buffer.from(line), origin: "alerts.ndjson" };
      const context = { ...judge, source: "test", mode: "live" as const, receivedAt: 0 };
      const gated = handleRecord(record, { ...context, generation });
      assert.deepEqual(gated.deadLetters, []);
      assert.deepEqual(gated, handleRecord(record, { ...context, generation: ungated }));
      findings += gated.findings.length;
    }
    t.diagnostic(`${lines.length} alerts, ${findings} findings`);
    assert.equal(lines.length, 2451);
  });
});
