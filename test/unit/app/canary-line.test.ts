import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canarySink } from "../../../src/app/canary-line.ts";
import { queueSink } from "../../../src/app/wazuh-queue-sink.ts";
import { parseConfig } from "../../../src/config/load.ts";

const FEED = "feeds: { list: { type: list-file, path: /x } }\n";
const ALERTS = "sources: { alerts: { type: wazuh-alerts } }\n";
const sinkOf = async (text: string) => canarySink(await parseConfig(FEED + text, "test"))?.name;

describe("the canary's sink", () => {
  it("is the Wazuh sink that confirms, where a source reads Wazuh's alerts: the defaults", async () => {
    assert.equal(await sinkOf(""), "wazuh");
    assert.equal(await sinkOf(`${ALERTS}sinks: { f: { type: ndjson }, w: { type: wazuh } }`), "w");
  });

  it("is none without such a sink or source, or when switched off", async () => {
    assert.equal(await sinkOf(`${ALERTS}sinks: { f: { type: ndjson } }`), undefined);
    assert.equal(await sinkOf(`${ALERTS}sinks: { w: { type: wazuh, confirm: false } }`), undefined);
    assert.equal(await sinkOf("sources: { f: { type: file, paths: [/x] } }"), undefined);
    assert.equal(await sinkOf("canary: { enabled: false }"), undefined);
  });

  it("that is wanted and cannot be is a mistake of the configuration", async () => {
    await assert.rejects(
      sinkOf("sinks: { f: { type: ndjson } }\ncanary: { enabled: true }"),
      /canary\.enabled: a canary needs a source of type wazuh-alerts and a sink of type wazuh with confirm: true/,
    );
  });
});

it("trouble events go to a Wazuh sink that confirms, else to one that does not", async () => {
  const config = await parseConfig(
    `${FEED}sinks: { a: { type: wazuh, confirm: false, socket: /a }, b: { type: wazuh, socket: /b } }`,
    "test",
  );
  assert.deepEqual(queueSink(config), { name: "b", socket: "/b", confirms: true });
});
