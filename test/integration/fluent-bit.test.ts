import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ReceiverFlags } from "../../src/cli/install-fluent-bit-receivers.ts";
import { receivers } from "../../src/cli/install-fluent-bit-receivers.ts";
import { loadFluentBit } from "../../src/setup/fluent-bit/config-load.ts";
import type { Route } from "../../src/setup/fluent-bit/generate.ts";
import http from "../../src/sources/http.ts";
import { cli } from "../support/cli.ts";
import { FluentBitClient } from "../support/fluent-bit-client.ts";
import { tlsFixture } from "../support/http-server.ts";
import { PushRun, pushRig } from "../support/push-source.ts";
import { tempDir } from "../support/temp.ts";

const TOKEN = "token-of-the-environment-1";

/** A client that does what the http output of a file says, with this environment. */
function clientOf(path: string, port: number, environment: Readonly<Record<string, string>>): FluentBitClient {
  const output = loadFluentBit(path).sections.find(
    ({ kind, entries }) => kind === "output" && entries.some(({ value }) => value === "http"),
  );
  const get = (key: string) =>
    output?.entries
      .find((entry) => entry.key === key)
      ?.value.replace(/\$\{(\w+)\}/g, (_, name: string) => environment[name] ?? "");
  assert.equal(get("format"), "json_lines");
  const tls = get("tls") === "On";
  const token = /^Authorization Bearer (.+)$/.exec(get("header") ?? "")?.[1];
  return new FluentBitClient({
    url: `${tls ? "https" : "http"}://${get("host")}:${port}${get("uri")}`,
    gzip: get("compress") === "gzip",
    workers: Number(get("workers")),
    chunkBytes: 4_000,
    ...(token !== undefined && { token }),
    ...(tls && { tls: { ca: readFileSync(get("tls.ca_file") ?? "") } }),
  });
}

for (const format of ["classic", "yaml"] as const)
  test(`alerts go by the generated ${format} file to the source of type http, in order, with TLS and token`, async (t) => {
    const folder = tempDir(t);
    const front = { tls: { cert_file: tlsFixture("server.pem"), key_file: tlsFixture("server.key") } };
    const { source, url } = await pushRig(
      t,
      (context) => http.create(http.config.parse({ token: TOKEN }), context),
      front,
    );
    const run = new PushRun(source);
    t.after(() => run.stop());
    const { stdout, stderr, code } = await cli([
      ...["install", "fluent-bit", "--print", "--format", format, "--tipline", "localhost:9628"],
      ...["--tipline-tls", "--tipline-ca", tlsFixture("ca.pem")],
    ]);
    assert.equal(code, 0, stderr);
    const path = join(folder, format === "yaml" ? "f.yaml" : "f.conf");
    writeFileSync(path, stdout);
    const port = Number(new URL(`https://${url.replace(/^\w+:\/\//, "")}`).port);
    const client = clientOf(path, port, { TIPLINE_TOKEN: TOKEN });
    t.after(() => client.stop());
    const lines = Array.from({ length: 300 }, (_, n) =>
      JSON.stringify({ id: `${n}`, full_log: `a "quoted" \\ ü ${n}` }),
    );
    client.feed(lines);
    await client.drained();
    await run.stop();
    assert.deepEqual(run.lines, lines);
    assert.equal(client.dropped, 0);
  });

test("the listener, path and token of Tipline's own configuration are taken over; the secret goes to the EnvironmentFile alone", async (t) => {
  const folder = tempDir(t);
  writeFileSync(join(folder, "alerts.token"), `${TOKEN}\n`, { mode: 0o600 });
  const config = join(folder, "tipline.yaml");
  const text = (token: string) =>
    `state_dir: ${join(folder, "state")}\nhttp: { listen: "0.0.0.0:9700" }\nsources: { in: { type: http, path: /v1/wazuh, token_file: ${token} } }\nfeeds: { f: { type: misp-feed, path: ${folder} } }\nsinks: { out: { type: ndjson, path: ${join(folder, "out")} } }\n`;
  writeFileSync(config, text(join(folder, "alerts.token")));
  const args = ["install", "fluent-bit", "--dir", folder, "--no-unit", "--config", config];
  const { code, stdout, stderr } = await cli([...args, "--yes"]);
  assert.equal(code, 0, stderr);
  const conf = readFileSync(join(folder, "tipline.conf"), "utf8");
  for (const wanted of [/Host +127\.0\.0\.1\n/, /Port +9700\n/, /URI +\/v1\/wazuh\n/, /Bearer \$\{TIPLINE_TOKEN\}\n/])
    assert.match(conf, wanted);
  assert.equal(readFileSync(join(folder, "tipline.env"), "utf8"), `TIPLINE_TOKEN=${TOKEN}\n`);
  assert.ok(!(conf + stdout + stderr).includes(TOKEN));
  const again = await cli([...args, "--yes", "--json"]);
  assert.equal((JSON.parse(again.stdout) as { status: string }).status, "unchanged");
  const out = await cli(["uninstall", "fluent-bit", "--dir", folder, "--yes", "--json"]);
  assert.equal((JSON.parse(out.stdout) as { status: string }).status, "done");
  assert.ok(!(out.stdout + out.stderr).includes(TOKEN));
});

test("doctor fluent-bit: exit code, lines, JSON, and nothing that a terminal obeys or that is secret", async (t) => {
  const folder = tempDir(t);
  const path = join(folder, "bad\u001b[31m.conf");
  writeFileSync(
    path,
    "[INPUT]\n    Name tail\n    Path /x\u001b[2J\n[OUTPUT]\n    Name http\n    Match *\n    HTTP_Passwd hunter2\n    Compress \u001b[31mzip\n",
  );
  const people = await cli(["doctor", "fluent-bit", path]);
  assert.equal(people.code, 1);
  assert.match(people.stdout, /FAIL {2}.*:7 .*\[secret-in-clear\]/);
  const machine = await cli(["doctor", "fluent-bit", path, "--json"]);
  assert.equal(machine.code, 1);
  const found = machine.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const key of ["id", "status", "file", "line", "found", "consequence", "advice"])
    assert.ok(found.every((finding) => Object.hasOwn(finding, key)));
  assert.ok(![people, machine].some(({ stdout, stderr }) => (stdout + stderr).includes("hunter2")));
  assert.doesNotMatch(people.stdout + people.stderr, /\u001b/);
  const absent = await cli(["doctor", "fluent-bit", join(folder, "none.conf")]);
  assert.equal(absent.code, 1);
  assert.match(absent.stderr, /cannot be read: it is not there/);
});

test("flags that contradict each other end with 2", async () => {
  const { code, stdout, stderr } = await cli(["install", "fluent-bit", "--print", "--route", "graylog"]);
  assert.equal(code, 2, stderr);
  assert.equal(stdout, "");
  const flags = { route: "tipline", graylogTls: true, token: true, tokenEnv: "T", config: "/nowhere.yaml" };
  const wrong: readonly (readonly [Route, Partial<ReceiverFlags>])[] = [
    ["both", {}],
    ["tipline", { graylog: "g.example.org" }],
    ["tipline", { tipline: "t.example.org", tiplineTls: false }],
    ["tipline", { tipline: "t.example.org", token: false }],
    ["tipline", { tipline: "a b" }],
    ["tipline", { tipline: "a:70000" }],
    ["graylog", { graylog: "http://g:5555" }],
  ];
  for (const [route, more] of wrong)
    await assert.rejects(receivers({ ...flags, ...more }, route), { code: "TIP_USAGE_INVALID" }, JSON.stringify(more));
});

test("TLS and token: by default everywhere but on loopback", async () => {
  const flags = { route: "tipline", graylogTls: true, token: true, tokenEnv: "T" };
  const tiplineOf = async (more: Partial<ReceiverFlags>) => (await receivers({ ...flags, ...more }, "tipline")).tipline;
  const away = await tiplineOf({ tipline: "t.example.org" });
  assert.deepEqual([away?.port, away?.tokenEnv, away?.tls !== undefined], [9628, "T", true]);
  const here = await tiplineOf({ tipline: "[::1]:1" });
  assert.deepEqual([here?.host, here?.port, here?.tls], ["::1", 1, undefined]);
  assert.equal((await tiplineOf({ tipline: "127.0.0.1", token: false }))?.tokenEnv, undefined);
  assert.equal((await tiplineOf({ tipline: "localhost", tiplineCa: "/ca.pem" }))?.tls?.caFile, "/ca.pem");
});
