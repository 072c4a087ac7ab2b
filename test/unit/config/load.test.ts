import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { intervalOf } from "../../../src/app/components.ts";
import { configJsonSchema, parseConfig } from "../../../src/config/load.ts";
import { TiplineError } from "../../../src/lib/errors.ts";

const MINIMAL = `feeds:
  misp:
    type: misp-server
    url: https://misp.example.org
    key: \${MISP_KEY}
`;

async function faultsOf(text: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  try {
    await parseConfig(text, "tipline.yaml", env);
  } catch (error) {
    assert.ok(error instanceof TiplineError);
    assert.equal(error.code, "TIP_CONFIG_INVALID");
    return error.message;
  }
  assert.fail("expected a fault");
}

describe("parseConfig", () => {
  it("needs five lines, and fills in a Wazuh manager on this host", async () => {
    const config = await parseConfig(MINIMAL, "tipline.yaml", { MISP_KEY: "k".repeat(40) });
    assert.deepEqual(
      config.sources.map(({ definition }) => definition.type),
      ["wazuh-alerts"],
    );
    assert.deepEqual(
      config.sinks.map(({ definition }) => definition.type),
      ["wazuh"],
    );
    assert.equal(config.sinks[0]?.common.max_tlp, "red");
    assert.deepEqual(
      config.feeds.map((feed) => intervalOf(config, feed)),
      [60_000],
    );
  });

  it("names an unknown key with its line", async () => {
    assert.match(
      await faultsOf(`${MINIMAL}stat_dir: /x\n`, { MISP_KEY: "k" }),
      /stat_dir: unknown key \(tipline\.yaml:6\)/,
    );
  });

  it("names an unknown key of a component with its line", async () => {
    assert.match(
      await faultsOf(`${MINIMAL}    verfy: false\n`, { MISP_KEY: "k" }),
      /feeds\.misp\.verfy: unknown key \(tipline\.yaml:6\)/,
    );
  });

  it("names the fault inside a key that takes a word or a mapping, and what fits where neither was meant", async () => {
    const faults = await faultsOf(`feeds:
  a: { type: misp-feed, path: x, expiry: { ip: 30x } }
  b: { type: misp-feed, path: x, expiry: always }
  c: { type: misp-feed, path: x, filters: { types: { exclude: [ipdst] } } }
`);
    assert.match(
      faults,
      /feeds\.a\.expiry\.ip: expected a duration such as 90d, or never, got "30x" \(tipline\.yaml:2\)/,
    );
    assert.match(faults, /feeds\.b\.expiry: expected never, or limits by type such as \{ip: 90d\}, got "always"/);
    assert.match(faults, /feeds\.c\.filters\.types\.exclude\.0: expected an attribute type of MISP .*"ipdst"/);
  });

  it("names an unknown type and the known ones", async () => {
    const faults = await faultsOf("feeds: {a: {type: list-file, path: x}}\nsinks:\n  a: {type: kafka}\n");
    assert.match(faults, /sinks\.a\.type: expected one of .*ndjson.*, got "kafka" \(tipline\.yaml:3\)/);
  });

  it("says every fault at once", async () => {
    const faults = await faultsOf(
      "feeds: {}\nlog: {level: loud}\nsync: {interval: soon}\njournal: {max_bytes: lots}\n",
    );
    assert.match(faults, /log\.level: .*tipline\.yaml:2/);
    assert.match(faults, /sync\.interval: expected a duration .*tipline\.yaml:3/);
    assert.match(faults, /journal\.max_bytes: .*tipline\.yaml:4/);
  });

  it("wants a feed, and another name than storm for a sink", async () => {
    const faults = await faultsOf("feeds: {}\nsinks:\n  storm: {type: ndjson}\n");
    assert.match(faults, /feeds: expected at least one feed/);
    assert.match(faults, /sinks: expected another name than storm/);
  });

  it("refuses an unset variable instead of an empty secret", async () => {
    assert.match(
      await faultsOf(MINIMAL),
      /feeds\.misp\.key: environment variable MISP_KEY is not set \(tipline\.yaml:5\)/,
    );
  });

  it("never prints a secret", async () => {
    const faults = await faultsOf(`${MINIMAL}    key_file: 5\n`, { MISP_KEY: "very-secret-value" });
    assert.equal(faults.includes("very-secret-value"), false);
  });

  it("gives the line of a syntax error", async () => {
    assert.match(await faultsOf("feeds:\n  misp: [unclosed\nlog: {}\n"), /tipline\.yaml:\d/);
  });

  it("refuses alias bombs and hostile keys without harm", async () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nfeeds: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`;
    await assert.rejects(parseConfig(bomb, "tipline.yaml", {}));
    await faultsOf("feeds: {}\n__proto__: {polluted: true}\n");
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });
});

it("gives chats and programs a lower TLP ceiling than other sinks, unless told otherwise", async () => {
  const webhook = "type: webhook, url: https://hooks.example.org/x";
  const config = await parseConfig(
    `${MINIMAL}sinks:\n  a: {${webhook}, preset: slack}\n  b: {${webhook}, secret_files: [x]}\n  c: {${webhook}, preset: teams, max_tlp: red}\n  d: {type: ndjson}\n`,
    "tipline.yaml",
    { MISP_KEY: "k" },
  );
  assert.deepEqual(
    config.sinks.map(({ common }) => common.max_tlp),
    ["green", "amber+strict", "red", "red"],
  );
});

it("has a JSON Schema that names every component type", async () => {
  const schema = JSON.stringify(await configJsonSchema());
  for (const type of [
    "wazuh-alerts",
    "wazuh-archives",
    "wazuh-hook",
    "file",
    "misp-server",
    "misp-feed",
    "list-file",
    "wazuh",
    "wazuh-api",
    "ndjson",
    "webhook",
  ])
    assert.ok(schema.includes(`"const":"${type}"`), type);
});
