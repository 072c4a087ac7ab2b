import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openLiveCache } from "../../src/app/live-cache.ts";
import { lookupLive } from "../../src/app/live-lookup.ts";
import type { LiveServer } from "../../src/app/live-servers.ts";
import { checkFilter } from "../../src/clients/misp-filter.ts";
import { literalProblem, searchValues } from "../../src/clients/misp-lookup.ts";
import { newCollection, readAttribute } from "../../src/intel/misp-attribute.ts";
import { indicatorsOf, smallIndex } from "../../src/intel/small-index.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Indicator } from "../../src/model/indicator.ts";
import type { JsonObject } from "../../src/model/json.ts";
import { lookupValue } from "../../src/pipeline/lookup.ts";
import { spellingsOf } from "../../src/pipeline/lookup-spellings.ts";
import { aGeneration } from "../support/generation.ts";
import { fold } from "../support/misp-sim/search-terms.ts";
import { createMispSim } from "../support/misp-sim/sim.ts";
import { compressIp, splitValue } from "../support/misp-sim/types.ts";
import { simMisp } from "../support/sim-misp.ts";

const NEVER = new AbortController().signal;
const runs = (number: number) => ({ numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? number) });

/** What the server holds: of every type that matches, composites, and values that look like operators. */
const HELD: readonly (readonly [type: string, value: string])[] = [
  ["ip-dst", "203.0.113.77"],
  ["ip-src", "45.5.216.23"],
  ["ip-dst", "2001:db8::42"],
  ["ip-dst", "203.0.113.128/25"],
  ["ip-dst", "45.5.192.0/18"],
  ["ip-dst", "2001:db8:beef::/48"],
  ["ip-dst|port", "198.51.100.9|8443"],
  ["domain", "evil-domain.badcorp-lab.net"],
  ["domain", "bücher.example"],
  ["hostname", "host.only.example"],
  ["domain|ip", "dropzone-lab.org|203.0.113.9"],
  ["url", "http://Evil.example/Path/Login.php?id=1&x=2"],
  ["url", "http://evil.example"],
  ["url", "evil.example/no/scheme"],
  ["email-src", "boss@badcorp-lab.net"],
  ["md5", "e274b0a65912e49a28a9ae5c1479bdce"],
  ["filename|sha256", "Dropper.exe|77812e70c9c6d7a0b7dbd8233f3cbe213f71ac0eecd1e6184ae5816095dab9a2"],
  ["filename", "Invoice 2026.exe"],
  ["filename", "100% legal.exe"],
  ["filename", "%PUBLIC%\\evil.exe"],
  ["regkey", "HKLM\\Software\\Evil\\Run"],
  ["regkey|value", "HKCU\\Software\\Evil|1"],
  ["mutex", "!Global\\weird"],
  ["mutex", "a||b&&c"],
  ["mutex", "under_score"],
  ["mutex", "underXscore"],
  ["AS", "AS64500"],
  ["user-agent", "EvilBot/1.0 (x)"],
];

function world() {
  const sim = createMispSim();
  const event = sim.edit.addEvent({ info: "held", tags: ["tlp:amber"] });
  for (const [type, value] of HELD) sim.edit.addAttribute(event, { type, value, toIds: true });
  sim.edit.publish(event);
  const misp = simMisp(sim);
  const server: LiveServer = {
    name: "lab",
    url: misp.url,
    misp,
    toIdsOnly: true,
    publishedOnly: true,
    cache: openLiveCache({ dir: undefined, identity: [], now: () => 0, log: silentLog }),
  };
  return { sim, misp, server };
}

const { misp, server } = world();

/** Text that an attacker puts where a value is expected, whole and around real values. */
const operator = fc.constantFrom(
  "!",
  "%",
  "_",
  "||",
  "&&",
  "|",
  "*",
  "\\",
  '"',
  "'",
  ";",
  "\u200b",
  "\u0301",
  "\u00ad",
  "\ufeff",
  "\u3164",
  " ",
  "\t",
  "\n",
  "\0",
  "OR",
  "NOT",
  "null",
  "[]",
  "{}",
  "é",
  "İ",
  "ß",
  "\ud800",
  "🦊",
  "-",
  "0",
  ".",
);
const held = fc.constantFrom(...HELD.map(([, value]) => value), ...HELD.flatMap(([, value]) => value.split("|")));
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.array(operator, { maxLength: 4 }).map((parts) => parts.join("")),
  fc
    .tuple(fc.array(operator, { maxLength: 2 }), held, fc.array(operator, { maxLength: 2 }))
    .map(([before, value, after]) => `${before.join("")}${value}${after.join("")}`),
);

test("nothing that is sent means anything but itself", async () => {
  await fc.assert(
    fc.asyncProperty(hostile, async (raw) => {
      const candidates = [raw, ...[...spellingsOf(raw).values()].flat()];
      for (const value of candidates.filter((one) => literalProblem(one) === undefined)) {
        checkFilter("attributes", { value: [value], limit: 1 });
        const rows: JsonObject[] = [];
        const question = { values: [value], types: HELD.map(([type]) => type), toIdsOnly: true, publishedOnly: true };
        await searchValues(misp, question, (row) => void rows.push(row), NEVER);
        for (const row of rows) {
          const halves = splitValue(String(row["type"]), String(row["value"])).map(fold);
          assert.ok(
            halves.includes(fold(compressIp(value))) && fold(value) !== "",
            `${JSON.stringify(value)} found ${JSON.stringify(row["value"])}`,
          );
        }
      }
    }),
    runs(400),
  );
});

function whole() {
  const into = newCollection();
  const event = { uuid: "x", info: "held", tags: [] };
  for (const [at, [type, value]] of HELD.entries())
    readAttribute(
      { uuid: `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`, type, value, to_ids: true, category: "x" },
      event,
      { feed: "lab" },
      into,
    );
  return { ...aGeneration([]), index: smallIndex(indicatorsOf(into.indicators)) };
}

const everything = whole();
const keys = (indicators: readonly Indicator[]) =>
  indicators.map((each) => `${each.type} ${each.pattern} ${each.value}`).sort();

async function live(raw: string): Promise<readonly Indicator[]> {
  const options = { servers: [server], warninglists: everything.warninglists, now: () => 0 };
  for await (const { result } of lookupLive([raw], options, NEVER)) return result.indicators;
  return assert.fail("no answer");
}

test("whatever is asked, an answer holds nothing that a full index would not give", async () => {
  await fc.assert(
    fc.asyncProperty(hostile, async (raw) => {
      const found = keys(await live(raw));
      const local = new Set(keys(lookupValue(raw, everything).indicators));
      for (const key of found) assert.ok(local.has(key), `${JSON.stringify(raw)} found ${key}`);
    }),
    runs(400),
  );
});

const address = fc.constantFrom(
  "203.0.113.77",
  "203.0.113.200",
  "203.0.113.9",
  "45.5.200.1",
  "2001:DB8:BEEF:1::1",
  "2001:0db8:0:0::42",
  "198.51.100.9",
);
const name = fc.constantFrom(
  "evil-domain.badcorp-lab.net",
  "bücher.example",
  "xn--bcher-kva.example",
  "host.only.example",
  "dropzone-lab.org",
  "other.example",
);
const ordinary = fc.oneof(
  address,
  address.map((ip) => ip.replaceAll(".", "[.]")),
  name,
  name.map((host) => `A.b.${host.toUpperCase()}.`),
  name.map((host) => `https://${host}/x?y=1`),
  name.map((host) => `someone@${host}`),
  fc.constantFrom(
    "hxxp://evil[.]example/Path/Login.php?id=1&x=2",
    "http://evil.example/",
    "HTTPS://evil.example:443/no/scheme",
    "BOSS@badcorp-lab.net",
    "E274B0A65912E49A28A9AE5C1479BDCE",
    "dropper.exe|77812E70C9C6D7A0B7DBD8233F3CBE213F71AC0EECD1E6184AE5816095DAB9A2",
    "invoice 2026.EXE",
    "C:\\Temp\\Invoice 2026.exe",
    "HKEY_LOCAL_MACHINE\\SOFTWARE\\evil\\run",
    "HKCU\\Software\\Evil",
    "a||b&&c",
    "under_score",
    "AS64500",
    "EvilBot/1.0 (x)",
    "100% legal.exe",
  ),
);

test("an ordinary value is found as in a full index", async () => {
  await fc.assert(
    fc.asyncProperty(ordinary, async (raw) => {
      assert.deepEqual(keys(await live(raw)), keys(lookupValue(raw, everything).indicators), raw);
    }),
    runs(200),
  );
});
