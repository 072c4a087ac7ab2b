import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { baseName } from "../../src/intel/canonical.ts";
import { GateKeys } from "../../src/intel/index/gate-keys.ts";
import { createNominator, MANAGER_MEMBERS } from "../../src/intel/nominate.ts";
import type { JsonObject } from "../../src/model/json.ts";
import type { Observable } from "../../src/model/observable.ts";
import { DISGUISES, PLACES } from "../support/disguises.ts";
import { extractAll } from "../support/extractors.ts";
import { fuzzRuns, type GeneratedValue, generatedValue, hostName, ipv4, ipv6 } from "../support/indicators.ts";
import { sharedOrSkip } from "../support/shared.ts";

const SEED = { a: 0x12345678, b: 0x9abcdef0 };

function nominatorOf(values: readonly GeneratedValue[]) {
  const gate = new GateKeys(SEED);
  for (const { type, pattern, value } of values) gate.add(type, pattern, value);
  return createNominator([gate.build()]);
}

/** Indicators that an index could hold and that cover the observable. */
function covering({ type, value }: Observable): readonly GeneratedValue[] {
  if (type === "cve") return [];
  const found: GeneratedValue[] = [{ type, pattern: "exact", value }];
  const as = (text: string) => text as GeneratedValue["value"];
  if (type === "domain") {
    for (let dot = value.indexOf("."); dot >= 0; dot = value.indexOf(".", dot + 1)) {
      const parent = value.slice(dot + 1);
      if (parent.includes(".")) found.push({ type, pattern: "subdomains", value: as(parent) });
    }
  } else if (type === "path" && baseName(value).length > 1) {
    found.push({ type: "filename", pattern: "exact", value: as(baseName(value)) });
  } else if (type === "ip" && !value.includes(":")) {
    found.push({ type, pattern: "cidr", value: as(`${value.slice(0, value.lastIndexOf("."))}.0/24`) });
  }
  return found;
}

/** One disguise, or several, each put on what the one before left. */
const disguised = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...Object.keys(DISGUISES)).map((name) => [name]) },
  fc.array(fc.constantFrom(...Object.keys(DISGUISES)), { minLength: 2, maxLength: 3 }),
);
const spelled = fc.tuple(generatedValue, disguised, fc.constantFrom(...PLACES));
const noise = fc.oneof(
  hostName,
  ipv4,
  ipv6,
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(..."ab1:.%-_/\\[]2eu0 =f"), maxLength: 60 }),
);

test("whatever extraction and lookup would find is nominated", async () => {
  const extract = await extractAll();
  let matches = 0;
  let runs = 0;
  fc.assert(
    fc.property(spelled, noise, noise, ([indicator, disguises, place], before, after) => {
      const plain =
        indicator.pattern === "cidr" ? indicator.value.slice(0, indicator.value.indexOf("/")) : indicator.value;
      const text = disguises.reduce((each, name) => (DISGUISES[name] as (text: string) => string)(each), plain);
      const event = { ...place(text), location: "x", note: before, other: `${after} ${text}` };
      const covers = extract(event)
        .observables.flatMap(covering)
        .filter((one) => same(one, indicator));
      runs++;
      if (covers.length === 0 && !isInside(indicator, extract(event).observables)) return;
      matches++;
      assert.equal(nominatorOf([indicator]).nominates(event), true, `${indicator.type} ${indicator.value} as ${text}`);
    }),
    { numRuns: fuzzRuns(4_000) },
  );
  assert.ok(matches / runs >= 0.3, `${matches} of ${runs} runs were true matches`);
});

test("everything extracted from strings of any kind is nominated", async () => {
  const extract = await extractAll();
  fc.assert(
    fc.property(fc.array(noise, { minLength: 1, maxLength: 4 }), fc.constantFrom(...PLACES), (texts, place) => {
      const event = { ...place(texts.join("")), note: texts.join(" "), more: texts };
      for (const indicator of extract(event).observables.flatMap(covering)) {
        const gate = new GateKeys(SEED);
        // What has no key is refused by the index.
        if (!gate.add(indicator.type, indicator.pattern, indicator.value)) continue;
        assert.equal(createNominator([gate.build()]).nominates(event), true, `${indicator.type} ${indicator.value}`);
      }
    }),
    { numRuns: fuzzRuns(1_500) },
  );
});

test("every observable of the real alerts is nominated, and few alerts are nominated for nothing", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const extract = await extractAll();
  const lines = readFileSync(join(shared, "data/wazuh/alerts.ndjson"), "utf8").trim().split("\n");
  const nothing = nominatorOf([
    { type: "md5", pattern: "exact", value: "0123456789abcdef0123456789abcdef" as GeneratedValue["value"] },
  ]);
  const known = new Map<string, ReturnType<typeof nominatorOf>>();
  let falsely = 0;
  for (const line of lines) {
    const event = JSON.parse(line) as JsonObject;
    if (nothing.nominates(event)) falsely++;
    for (const indicator of extract(event).observables.flatMap(covering)) {
      const id = `${indicator.type} ${indicator.pattern} ${indicator.value}`;
      const nominator = known.get(id) ?? nominatorOf([indicator]);
      known.set(id, nominator);
      assert.equal(nominator.nominates(event), true, id);
    }
  }
  t.diagnostic(`${falsely} of ${lines.length} real alerts are nominated when nothing matches`);
  assert.ok(falsely / lines.length < 0.03, `${falsely} of ${lines.length}`);
});

test("hostile strings cost linear time and never throw", () => {
  const nominator = nominatorOf([{ type: "domain", pattern: "exact", value: "a.b" as GeneratedValue["value"] }]);
  const units = [
    "1-",
    "a:",
    "::",
    "%25",
    "-e ",
    "64",
    "e64",
    "ф",
    ".",
    "-.",
    "[",
    "a.",
    "1.1-",
    "\\u",
    "\ud800",
    "aa:",
    "_",
  ];
  for (const unit of units) nominator.nominates({ text: unit.repeat(1_000_000 / unit.length) });
  let deep: JsonObject = { text: "a.b" };
  for (let i = 0; i < 100_000; i++) deep = { deep };
  assert.equal(nominator.nominates(deep), false);
  assert.equal(nominator.nominates(JSON.parse('{"__proto__":{"constructor":"x a.b y"}}')), true);
});

test("members of the manager are looked at by neither", async () => {
  const extract = await extractAll();
  const value = "evil-host.com" as GeneratedValue["value"];
  const nominator = nominatorOf([{ type: "domain", pattern: "exact", value }]);
  for (const member of MANAGER_MEMBERS) {
    for (const event of [{ [member]: { a: value, name: value, ip: value } }, { [member]: `http://${value}/` }]) {
      assert.deepEqual(extract(event).observables, [], member);
      assert.equal(nominator.nominates(event), false, member);
    }
  }
  assert.equal(nominator.nominates({ data: { rule: { description: value } } }), true);
});

function same(a: GeneratedValue, b: GeneratedValue): boolean {
  return a.type === b.type && a.value === b.value;
}

/** An address in the indicator's network. */
function isInside(indicator: GeneratedValue, observables: readonly Observable[]): boolean {
  if (indicator.pattern !== "cidr" || indicator.value.includes(":")) return false;
  const slash = indicator.value.indexOf("/");
  const size = 2 ** (32 - Number(indicator.value.slice(slash + 1)));
  const number = (text: string) => text.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const base = number(indicator.value.slice(0, slash));
  return observables.some(
    ({ type, value }) => type === "ip" && !value.includes(":") && Math.floor(number(value) / size) * size === base,
  );
}

test("spellings that slipped by once", () => {
  const of = (type: "ip" | "domain", value: string): GeneratedValue => ({
    type,
    pattern: type === "domain" ? "subdomains" : "exact",
    value: value as GeneratedValue["value"],
  });
  const nominator = nominatorOf([of("ip", "2a00:1::1a"), of("domain", "evil.example")]);
  for (const text of ["2a00:1::1a.:", "see 2a00:1::1a:.", "(3)www(4)evil(7)example(0)", "Q (4)evil(7)example(0) x"])
    assert.equal(nominator.nominatesText(text), true, text);
  for (const text of ["2a00:1::1b.:", "error (3) of (4)"]) assert.equal(nominator.nominatesText(text), false, text);
});
