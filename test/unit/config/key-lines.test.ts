import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeComponent } from "../../../src/app/components.ts";
import { checkConfig } from "../../../src/app/config-check.ts";
import { runLine } from "../../../src/app/start.ts";
import { syncState } from "../../../src/app/sync.ts";
import { withLine } from "../../../src/config/key-lines.ts";
import { type Config, parseConfig } from "../../../src/config/load.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";

const FEED = "feeds:\n  a: {type: list-file, path: a}\n";
const read = (text: string) => parseConfig(text, "t.yaml", {});

function refusal(config: Config): string {
  try {
    checkConfig(config);
  } catch (thrown) {
    return (withLine(thrown, config.keys) as Error).message;
  }
  assert.fail("expected a fault");
}

test("what `run` and `config check` refuse after reading has its line too", async () => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    [
      "own:\n  networks:\n    - 10.0.0.0/8\n    - nonsense\n",
      /^own\.networks\.1: expected an address .*\(t\.yaml:6\)$/,
    ],
    ["own:\n  hashes: [\n    xyz]\n", /^own\.hashes\.0: .*\(t\.yaml:5\)$/],
    ["canary: {enabled: true}\nsinks: {}\n", /^canary\.enabled: .*\(t\.yaml:3\)$/],
    ["http: {listen: 'off'}\nsources:\n\n  h: {type: http}\n", /^sources\.h: it is reached .*\(t\.yaml:6\)$/],
    ["http: {listen: '0.0.0.0:1'}\nlookup: {}\n", /^lookup: http\.listen is .*\(t\.yaml:4\)$/],
    ["sources: {h: {type: http}}\nsinks:\n  w: {type: wazuh}\n", /^sinks\.w: it confirms findings .*\(t\.yaml:5\)$/],
    [
      "sinks:\n  w: {type: wazuh}\n  v:\n    type: wazuh\n",
      /^sinks\.v: expected one sink that confirms findings, found w and v; .*\(t\.yaml:5\)$/,
    ],
  ];
  for (const [text, message] of cases) assert.match(refusal(await read(`${FEED}${text}`)), message);
});

test("a place to listen on is judged when the file is read", async () => {
  const fault = async (more: string) =>
    read(`${FEED}${more}`).then(
      () => undefined,
      (thrown: Error) => thrown.message,
    );
  for (const listen of ["127.0.0.1:9000", "[::1]:0", "localhost:1", "off"])
    assert.equal(await fault(`metrics: {listen: '${listen}'}\nhttp: {listen: '${listen}'}\n`), undefined);
  assert.equal(await fault("http: {listen: '0.0.0.0:1'}\n"), undefined);
  for (const listen of ["127.0.0.1:", "127.0.0.1", ":1", "127.0.0.1:65536", "host:1", "127.0.0.1:0x1"]) {
    assert.match(
      (await fault(`\nmetrics: {listen: '${listen}'}\n`)) ?? "",
      /^metrics\.listen: expected .*\(t\.yaml:4\)$/,
    );
    assert.match((await fault(`\nhttp: {listen: '${listen}'}\n`)) ?? "", /^http\.listen: expected .*\(t\.yaml:4\)$/);
  }
  assert.match((await fault("metrics: {listen: '0.0.0.0:1'}\n")) ?? "", /^metrics\.listen: .* only this host .*:3\)$/);
});

test("a component that refuses its settings is named, with its key and line", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "tipline-lines-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const ca = join(dir, "ca.pem");
  writeFileSync(ca, "no certificate");
  const head = `state_dir: ${dir}/state\nsources: {}\nmetrics: {listen: 'off'}\n`;
  const bad = await read(
    `${head}feeds:\n  l:\n    type: list-file\n    url: https://127.0.0.1/x\n    ca_file: ${ca}\n`,
  );
  const message = /^feeds\.l\.ca_file: expected a certificate in PEM, .* holds none \(t\.yaml:8\)$/;
  const refused = { code: "TIP_CONFIG_INVALID", message };
  await assert.rejects(syncState({ config: bad, log: silentLog, signal: AbortSignal.abort() }), refused);
  const sinks = "sinks: {}\n";
  const whole = await read(
    `${head}${sinks}feeds:\n  l: {type: list-file, url: 'https://127.0.0.1/x', ca_file: ${ca}}\n`,
  );
  await assert.rejects(runLine(whole, { log: silentLog }, AbortSignal.abort()), {
    message: /^feeds\.l\.ca_file: .*\(t\.yaml:6\)$/,
  });
});

test("a component's own words stay as they are when they name it, and only its own faults are renamed", async () => {
  const make = (thrown: Error) =>
    makeComponent(
      {
        name: "x",
        common: {},
        settings: {},
        definition: {
          ...({} as Config["sinks"][number]["definition"]),
          create: () => {
            throw thrown;
          },
        },
      },
      "sink",
      { stateDir: "/x", log: silentLog },
    );
  const says = (text: string) => new TiplineError("TIP_CONFIG_INVALID", text);
  await assert.rejects(make(says("sinks.x: no")), { message: "sinks.x: no" });
  await assert.rejects(make(says("cert_file and cert_key_file: both")), {
    message: "sinks.x: cert_file and cert_key_file: both",
  });
  await assert.rejects(make(says("tls.ca_file: unread")), { message: "sinks.x.tls.ca_file: unread" });
  const other = new TiplineError("TIP_SINK_FAILED", "down");
  await assert.rejects(make(other), other);
});

test("a line is added once, and only where the file has the key", async () => {
  const { keys } = await read(`${FEED}journal:\n  max_bytes: 1GiB\n`);
  const located = (text: string) => (withLine(new TiplineError("TIP_CONFIG_INVALID", text), keys) as Error).message;
  assert.equal(located("journal.max_bytes: too few"), "journal.max_bytes: too few (t.yaml:4)");
  assert.equal(located("journal.max_bytes.deeper: x"), "journal.max_bytes.deeper: x (t.yaml:4)");
  assert.equal(located("metrics.listen: x"), "metrics.listen: x");
  assert.equal(located("/etc/x: unreadable"), "/etc/x: unreadable");
  const plain = new Error("journal: full");
  assert.equal(withLine(plain, keys), plain);
});

test("a file that nests without end is read to a bounded depth", async () => {
  const deep = `${"{a: ".repeat(400)}1${"}".repeat(400)}`;
  const { keys } = await read(`${FEED}sources:\n  h: {type: http, path: /x}\n`);
  assert.ok(keys.lines.has("sources.h.path"));
  await assert.rejects(read(`${FEED}sources: ${deep}\n`), { code: "TIP_CONFIG_INVALID" });
});
