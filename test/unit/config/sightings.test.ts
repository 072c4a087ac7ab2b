import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { makeComponent } from "../../../src/app/components.ts";
import { journalReaders } from "../../../src/app/readers.ts";
import type { MispConnection } from "../../../src/clients/misp-connection.ts";
import { configJsonSchema, parseConfig } from "../../../src/config/load.ts";
import type { Sink } from "../../../src/contract/sink.ts";
import { silentLog } from "../../../src/lib/log.ts";

const ENV = { MISP_KEY: "k".repeat(40) };
const text = (sightings: string, sinks = "  out: {type: ndjson}") => `feeds:
  misp:
    type: misp-server
    url: https://misp.example.org
    key: \${MISP_KEY}
    verify: false
    ${sightings}
sinks:
${sinks}
`;

describe("sightings: on a MISP server", () => {
  it("is off by default", async () => {
    for (const line of ["", "sightings: false"]) {
      const { sinks } = await parseConfig(text(line), "t.yaml", ENV);
      assert.deepEqual(
        sinks.map(({ name }) => name),
        ["out"],
      );
    }
  });

  it("true is a sink of its own with the server's connection, which holds nothing back", async () => {
    const config = await parseConfig(text("sightings: true"), "t.yaml", ENV);
    const sink = config.sinks.find(({ name }) => name === "sightings-misp");
    assert.equal(sink?.definition.type, "misp-sightings");
    const settings = sink?.settings as MispConnection & { feed: string; source: string; per_minute: number };
    assert.equal(settings.url, "https://misp.example.org");
    assert.equal(settings.key?.reveal(), ENV.MISP_KEY);
    assert.equal(settings.verify, false);
    assert.deepEqual([settings.feed, settings.source, settings.per_minute], ["misp", "tipline", 60]);
    assert.deepEqual(sink?.common, { max_tlp: "red", required: false, min_score: 0 });
    assert.deepEqual(journalReaders(config).at(-1), { name: "sightings-misp", stream: "out", required: false });
    const made = await makeComponent<Sink>(sink as NonNullable<typeof sink>, "sink", {
      stateDir: "/x",
      log: silentLog,
    });
    assert.deepEqual(await made.send([], new AbortController().signal), { status: "sent" });
    await made.close?.();
  });

  it("takes a source and a rate, and says what is wrong with them", async () => {
    const { sinks } = await parseConfig(text("sightings: {source: soc, per_minute: 5}"), "t.yaml", ENV);
    const settings = sinks.at(-1)?.settings as { source: string; per_minute: number };
    assert.deepEqual([settings.source, settings.per_minute], ["soc", 5]);
    for (const wrong of ["sightings: yes please", "sightings: {per_minute: 0}", "sightings: {sauce: x}"])
      await assert.rejects(parseConfig(text(wrong), "t.yaml", ENV), /feeds\.misp\.sightings/, wrong);
  });

  it("refuses a sink of the name that it needs", async () => {
    await assert.rejects(
      parseConfig(text("sightings: true", "  sightings-misp: {type: ndjson}"), "t.yaml", ENV),
      /sinks\.sightings-misp: expected another name: feed misp brings a sink of this name \(t\.yaml:9\)/,
    );
  });

  it("is in the schema", async () => {
    assert.match(JSON.stringify(await configJsonSchema()), /"sightings":\{/);
  });
});
