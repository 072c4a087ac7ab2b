import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { searchFinding } from "../../../src/store/finding-search.ts";
import { openJournal } from "../../../src/store/journal.ts";
import { makeFinding } from "../../support/finding.ts";
import { seenFinding } from "../../support/sightings.ts";
import { tempDir } from "../../support/temp.ts";

test("finds what waits, what waits to be seen again and what is dead, beside the writer", async (t) => {
  const dir = join(tempDir(t), "journal");
  const readers = [
    { name: "storm", stream: "raw" as const, required: true },
    { name: "wazuh", stream: "out" as const, required: true },
  ];
  const journal = await openJournal({ dir, readers });
  t.after(() => journal.close());
  const findings = [1, 2, 3, 4].map((n) => seenFinding(n, [n]));
  await journal.commit({
    source: "s",
    range: "0-4",
    checkpoint: 4,
    findings,
    deadLetters: [{ kind: "finding", component: "x", time: 1, reason: "r", finding: makeFinding(9) }],
    confirmed: [],
  });
  await journal.advanceStage("storm", 3, new Map(), findings.slice(0, 3));
  await journal.advanceSink("wazuh", 2, { dead: [], awaiting: journal.read("out", "wazuh", 1) });
  const search = async (n: number) => (await searchFinding(dir, makeFinding(n).id))?.id;
  assert.deepEqual(await Promise.all([1, 3, 4, 9, 5].map(search)), [
    makeFinding(1).id,
    makeFinding(3).id,
    makeFinding(4).id,
    makeFinding(9).id,
    undefined,
  ]);
  assert.deepEqual((await searchFinding(dir, makeFinding(3).id))?.attributes, findings[2]?.attributes);
});
