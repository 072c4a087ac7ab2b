import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { canonicalize } from "../../src/intel/canonical.ts";
import { scanText } from "../../src/intel/scan.ts";
import { packageRoot } from "../../src/lib/package-root.ts";
import type { JsonObject } from "../../src/model/json.ts";
import type { ObservableType } from "../../src/model/observable.ts";
import { extractAll } from "../support/extractors.ts";
import { sharedOrSkip } from "../support/shared.ts";

/** Labels were written by hand from docs/OBSERVABLES.md, without sight of the extractor. */
interface Label {
  readonly type: ObservableType;
  readonly value: string;
}
interface Labelled {
  readonly family: string;
  readonly name: string;
  readonly event: JsonObject;
  readonly observables: readonly Label[];
  /** Neither right nor wrong when found. */
  readonly optional: readonly Label[];
}
interface Score {
  found: number;
  missed: number;
  extra: number;
}

const FOLDER = join(packageRoot(), "test/golden");
const VERBOSE = process.env["TIPLINE_GOLDEN_VERBOSE"] !== undefined;

function readLines<T>(path: string): T[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as T);
}

function keyOf({ type, value }: Label): string {
  return `${type} ${canonicalize(type, value) ?? `(not canonical) ${value}`}`;
}

async function score(cases: readonly Labelled[]): Promise<Map<string, Score>> {
  const extract = await extractAll();
  const scores = new Map<string, Score>();
  for (const { family, name, event, observables, optional } of cases) {
    const sum = scores.get(family) ?? { found: 0, missed: 0, extra: 0 };
    scores.set(family, sum);
    const got = new Set(extract(event).observables.map(({ type, value }) => `${type} ${value}`));
    const wanted = new Set(observables.map(keyOf));
    const allowed = new Set(optional.map(keyOf));
    const missed = [...wanted].filter((key) => !got.has(key));
    const extra = [...got].filter((key) => !wanted.has(key) && !allowed.has(key));
    sum.found += wanted.size - missed.length;
    sum.missed += missed.length;
    sum.extra += extra.length;
    if (VERBOSE) for (const key of missed) console.log(`missed ${name}: ${key}`);
    if (VERBOSE) for (const key of extra) console.log(`extra  ${name}: ${key}`);
  }
  return scores;
}

function report(scores: Map<string, Score>): { readonly recall: number; readonly precision: number } {
  const all: Score = { found: 0, missed: 0, extra: 0 };
  for (const [family, sum] of [...scores].sort()) {
    print(family, sum);
    all.found += sum.found;
    all.missed += sum.missed;
    all.extra += sum.extra;
  }
  print("all", all);
  return ratios(all);
}

function ratios({ found, missed, extra }: Score): { readonly recall: number; readonly precision: number } {
  return {
    recall: found + missed === 0 ? 1 : found / (found + missed),
    precision: found + extra === 0 ? 1 : found / (found + extra),
  };
}

function print(family: string, sum: Score): void {
  const { recall, precision } = ratios(sum);
  console.log(
    `${family.padEnd(20)} recall ${recall.toFixed(3)} precision ${precision.toFixed(3)} (${sum.found} found)`,
  );
}

/** Families with fewer labels are judged together: one miss of ten labels says nothing about a family. */
const FEW = 20;

function withSmallPooled(scores: Map<string, Score>): Map<string, Score> {
  const pooled = new Map<string, Score>();
  for (const [family, sum] of scores) {
    const name = sum.found + sum.missed < FEW ? "small families" : family;
    const so = pooled.get(name) ?? { found: 0, missed: 0, extra: 0 };
    pooled.set(name, {
      found: so.found + sum.found,
      missed: so.missed + sum.missed,
      extra: so.extra + sum.extra,
    });
  }
  return pooled;
}

function assertGood(scores: Map<string, Score>): void {
  const { recall, precision } = report(scores);
  assert.ok(recall >= 0.98, `recall ${recall}`);
  assert.ok(precision >= 0.98, `precision ${precision}`);
  for (const [family, sum] of withSmallPooled(scores)) {
    const one = ratios(sum);
    assert.ok(
      one.recall >= 0.95 && one.precision >= 0.95,
      `${family}: recall ${one.recall}, precision ${one.precision}`,
    );
  }
}

/** A set: a folder with `<family>.ndjson` of written alerts and `real-labels.ndjson` about recorded ones. */
const RECORDED = "real-labels.ndjson";

function writtenAlerts(folder: string): readonly Labelled[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".ndjson") && name !== RECORDED)
    .flatMap((file) =>
      readLines<{ alert: JsonObject; observables: Label[]; optional?: Label[] }>(join(folder, file)).map(
        ({ alert, observables, optional }, i) => ({
          family: file.replace(".ndjson", ""),
          name: `${file}:${i + 1}`,
          event: alert,
          observables,
          optional: optional ?? [],
        }),
      ),
    );
}

function recordedAlerts(folder: string, shared: string): readonly Labelled[] {
  const alerts = readFileSync(join(shared, "data/wazuh/alerts.ndjson"), "utf8").split("\n");
  return readLines<{ line: number; sha256: string; family: string; observables: Label[]; optional?: Label[] }>(
    join(folder, RECORDED),
  ).map(({ line, sha256, family, observables, optional }) => {
    const raw = alerts[line] ?? "";
    assert.equal(createHash("sha256").update(raw).digest("hex"), sha256, `line ${line} is the labelled one`);
    return { family, name: `line ${line}`, event: JSON.parse(raw), observables, optional: optional ?? [] };
  });
}

/** The second set was labelled by someone else, after the extractors were written. */
const SETS = [
  ["", join(FOLDER, "alerts"), FOLDER, 200],
  ["held out, ", join(FOLDER, "held-out"), join(FOLDER, "held-out"), 100],
] as const;

for (const [set, written, recorded, least] of SETS) {
  test(`${set}written: recall and precision`, async () => {
    const cases = writtenAlerts(written);
    assert.ok(cases.length >= least, "the labelled alerts are there");
    assertGood(await score(cases));
  });

  test(`${set}recorded: recall and precision`, async (t) => {
    const shared = sharedOrSkip(t);
    if (shared === undefined) return;
    const cases = recordedAlerts(recorded, shared);
    assert.ok(cases.length >= 100, "the labelled alerts are there");
    assertGood(await score(cases));
  });
}

test("names of the public top lists are found in free text", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  for (const [name, least] of [
    ["tranco10k", 0.99],
    ["dynamic-dns", 0.99],
    ["disposable-email", 0.99],
  ] as const) {
    const { list } = JSON.parse(readFileSync(join(shared, "data/misp/warninglists", name, "list.json"), "utf8")) as {
      list: string[];
    };
    const hosts = list
      .map((host) => canonicalize("domain", host.replace(/^\./, "")))
      .filter((host) => host !== undefined);
    let found = 0;
    for (const host of hosts) {
      scanText(`connection to ${host} closed`, (type, value) => {
        if (type === "domain" && value === host) found++;
      });
    }
    assert.ok(found / hosts.length >= least, `${name}: ${found} of ${hosts.length}`);
  }
});
