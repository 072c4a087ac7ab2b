import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { createDecay, type Decay } from "../../src/intel/decay.ts";
import { eventContext } from "../../src/intel/misp-event.ts";
import { tagNames } from "../../src/intel/misp-tags.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../../src/model/json.ts";
import type { DecayingModel } from "../../src/model/knowledge.ts";
import { sharedOrSkip } from "../support/shared.ts";
import { loadRecordings, type Recording } from "./recordings.ts";

/** Type 0 sightings that the server's own answers count: those of the asker's organisation. */
const SIGHTED: ReadonlyMap<string, number> = new Map([
  ["684998e4-847a-4f95-94fe-2ffa705e2926", 1_795_296_474],
  ["805f3151-3708-42fd-a22d-799011fe1d51", 1_795_296_472],
  ["60d88e12-2917-4f5b-a426-526dc9fbef4f", 1_795_296_471],
]);

function recorded(t: TestContext): ReadonlyMap<string, Recording> | undefined {
  const shared = sharedOrSkip(t);
  return shared === undefined
    ? undefined
    : new Map(loadRecordings(shared).map((recording) => [recording.name, recording]));
}

function bodyOf(recordings: ReadonlyMap<string, Recording>, name: string): JsonValue {
  return JSON.parse(recordings.get(name)?.response.body ?? "null") as JsonValue;
}

function rows(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter((row) => isJsonObject(row)) : [];
}

/** The server's models, and the numbers of the tags that its answers show. */
function decayOf(recordings: ReadonlyMap<string, Recording>, attributes: readonly JsonObject[]): Decay {
  const decayingModels = rows(bodyOf(recordings, "decayingModel_index")).map((row): DecayingModel => {
    const model = get(row, "DecayingModel") as JsonObject;
    const parameters = get(model, "parameters") as JsonObject;
    return {
      uuid: text(model, "uuid") ?? "",
      name: text(model, "name") ?? "",
      attributeTypes: get(model, "attribute_types") as readonly string[],
      lifetime: Number(parameters["lifetime"]),
      decaySpeed: Number(parameters["decay_speed"]),
      threshold: Number(parameters["threshold"]),
      defaultBaseScore: Number(parameters["default_base_score"]),
      baseScore: parameters["base_score_config"] as unknown as Record<string, number>,
      formula: text(model, "formula") ?? "",
    };
  });
  const numbers = attributes
    .flatMap((attribute) => rows(get(attribute, "Tag")))
    .flatMap((tag) =>
      tag["numerical_value"] ? [[text(tag, "name") ?? "", Number(tag["numerical_value"])] as const] : [],
    );
  return createDecay({ decayingModels, taxonomies: [{ namespace: "all", numbers: Object.fromEntries(numbers) }] });
}

/** Every score of the answer comes out of the models to the last digits; gives how many there were. */
function compare(
  recording: Recording,
  attributes: readonly JsonObject[],
  eventTags: readonly string[],
  decay: Decay,
): number {
  let compared = 0;
  for (const attribute of attributes) {
    const uuid = text(attribute, "uuid") ?? "";
    const inherited = rows(get(attribute, "Tag")).filter((tag) => get(tag, "inherited") !== undefined);
    const report = {
      attributeType: text(attribute, "type") ?? "",
      tags: tagNames(attribute),
      timestamp: Number(attribute["timestamp"]),
      event: { tags: [...eventTags, ...inherited.map((tag) => text(tag, "name") ?? "")] },
    };
    const expected = rows(get(attribute, "decay_score"));
    // The server's clock may have passed a second between the answer and its Date header.
    const tries = [0, 1, 2].map((late) => decay.scores(report, SIGHTED.get(uuid), (recording.at - late) * 1000));
    const near = (scores: ReturnType<Decay["scores"]>) =>
      expected.every((one) => {
        const same = scores.find(({ model }) => model === text(one, "DecayingModel", "name"));
        return same !== undefined && Math.abs(same.score - Number(one["score"])) < 1e-9;
      });
    const found = tries.find(near) ?? tries[0] ?? [];
    const shown = (scores: readonly { model: string; score: number; baseScore: number; decayed: boolean }[]) =>
      scores
        .map(({ model, score, baseScore, decayed }) => [model, score.toFixed(9), baseScore.toFixed(9), decayed])
        .sort();
    assert.deepEqual(
      shown(found),
      shown(
        expected.map((one) => ({
          model: text(one, "DecayingModel", "name") ?? "",
          score: Number(one["score"]),
          baseScore: Number(one["base_score"]),
          decayed: one["decayed"] === true,
        })),
      ),
      `${recording.name}: ${uuid} ${report.attributeType}`,
    );
    compared += expected.length;
  }
  return compared;
}

describe("decay scores of a real MISP", () => {
  for (const name of [
    "rs_includeDecayScore",
    "rs_includeDecayScore_fullmodel",
    "rs_excludeDecayed",
    "rs_value_exact_ip_allflags",
  ])
    it(`${name}: the same scores, base scores and verdicts, and no others`, (t) => {
      const recordings = recorded(t);
      const recording = recordings?.get(name);
      if (recordings === undefined || recording === undefined) return;
      const attributes = rows(get(bodyOf(recordings, name), "response", "Attribute"));
      assert.ok(compare(recording, attributes, [], decayOf(recordings, attributes)) >= 2);
    });

  it("rs_decayingModel_3: the score of one model", (t) => {
    const recordings = recorded(t);
    const recording = recordings?.get("rs_decayingModel_3");
    if (recordings === undefined || recording === undefined) return;
    const attributes = rows(get(bodyOf(recordings, recording.name), "response", "Attribute"));
    const all = decayOf(recordings, attributes);
    const one: Decay = { scores: (...given) => all.scores(...given).filter(({ model }) => model.startsWith("NIDS")) };
    assert.equal(compare(recording, attributes, [], one), 1);
  });

  it("ev_rs_includeDecay: attributes with the tags of their event; types without a model have no score", (t) => {
    const recordings = recorded(t);
    const recording = recordings?.get("ev_rs_includeDecay");
    if (recordings === undefined || recording === undefined) return;
    const [row] = rows(get(bodyOf(recordings, recording.name), "response"));
    const event = get(row, "Event") as JsonObject;
    const attributes = rows(get(event, "Attribute"));
    assert.equal(compare(recording, attributes, eventContext(event).tags, decayOf(recordings, attributes)), 6);
  });

  it("rs_excludeDecayed_score100: what all models call decayed is what excludeDecayed leaves out", (t) => {
    const recordings = recorded(t);
    if (recordings === undefined) return;
    const attributes = rows(get(bodyOf(recordings, "rs_excludeDecayed"), "response", "Attribute"));
    assert.equal(rows(get(bodyOf(recordings, "rs_excludeDecayed_score100"), "response", "Attribute")).length, 0);
    assert.equal(attributes.length, 10);
    // The same ten, against a threshold of 100: each score is below it.
    for (const attribute of attributes)
      for (const one of rows(get(attribute, "decay_score"))) assert.ok(Number(one["score"]) < 100);
  });
});
