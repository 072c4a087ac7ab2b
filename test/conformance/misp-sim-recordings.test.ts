import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { sharedOrSkip } from "../support/shared.ts";
import { differences } from "./compare.ts";
import { BULK_EVENTS, fillAttributes, fillEvent, SMALL_EVENTS } from "./filling.ts";
import { harvest } from "./harvest.ts";
import { LEFT_OUT } from "./left-out.ts";
import { loadRecordings, recordingFiles } from "./recordings.ts";
import { startReplay } from "./replay.ts";
import { attributeFields, eventFields } from "./seed-rows.ts";
import { STEPS } from "./timeline.ts";

/*
 * The recordings are sent once more, in their order and each at its time, to a simulator that begins empty but for users, tags,
 * warninglists, taxonomies and decaying models. Writes build the state (event 1 comes from its recorded request, not from an
 * answer); changes without a recording are listed in timeline.ts; the ids and UUIDs that the real server chose are handed over.
 * All 200,482 rows are there at once, so that a filter has to select. What only its own answer shows (tags, taxonomies, models,
 * galaxies) is seeded from that answer: there the comparison proves form, selection and rights, not content.
 */
test("the simulator answers as the recorded MISP did", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const recordings = loadRecordings(shared);
  const leftOut = new Map(LEFT_OUT.flatMap((group) => group.names.map((name) => [name, group])));
  const replay = await startReplay(t, recordings, join(shared, "data", "misp", "warninglists"));
  let compared = 0;
  for (const recording of recordings) {
    const group = leftOut.get(recording.name);
    if (group?.unsent) continue;
    const found = differences(recording.response, await replay.send(recording));
    if (group === undefined) compared++;
    await t.test(group === undefined ? recording.name : `${recording.name} is left out: ${group.reason}`, () => {
      if (group === undefined) assert.deepEqual(found, []);
      else assert.notEqual(found.length, 0, "it agrees: take it off the list of what is left out");
    });
  }
  t.diagnostic(`${compared} recordings compared, ${leftOut.size} left out`);
});

test("every recording is replayed or left out by name, and nothing else is named", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const files = new Set(recordingFiles(shared));
  const replayed = new Set(loadRecordings(shared).map(({ name }) => name));
  const leftOut = LEFT_OUT.flatMap((group) => group.names);
  const known = new Set([...leftOut, ...[...replayed].map((name) => name.replace(/#\d+$/, ""))]);
  assert.deepEqual(
    [...files].filter((name) => !known.has(name)),
    [],
  );
  const named = [...leftOut, ...STEPS.map(({ before }) => before)];
  assert.deepEqual(
    named.filter((name) => !replayed.has(name) && !files.has(name)),
    [],
  );
});

test("the rule of the filling rows holds for every such row that was recorded", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const seen = harvest(loadRecordings(shared));
  const events = new Map([...seen.events].map(([id, row]) => [id, eventFields(row)]));
  let checked = 0;
  for (const id of BULK_EVENTS) {
    const { userId: _c, tags: _t, attributes: _a, objects: _o, countDrift: _d, ...rule } = fillEvent(id);
    const shown = events.get(id);
    if (shown === undefined) continue;
    const { uuid: _u, ...recorded } = shown;
    assert.deepEqual(rule, recorded);
    checked++;
  }
  const filled = [...SMALL_EVENTS, ...BULK_EVENTS].map((id) => events.get(id) ?? fillEvent(id));
  for (const { tagNames: _n, value1: _1, value2: _2, ...rule } of fillAttributes(filled)) {
    const row = seen.attributes.get(rule.id);
    if (row === undefined) continue;
    const { value1: _v, value2: _w, ...recorded } = attributeFields(row);
    assert.deepEqual(rule, { id: rule.id, ...recorded });
    checked++;
  }
  t.diagnostic(`${checked} recorded rows`);
});
