import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cli } from "../support/cli.ts";
import { tlsFixture } from "../support/http-server.ts";
import { ADMIN_KEY, EXPIRED_KEY, READONLY_KEY } from "../support/misp-sim/defaults.ts";
import { serveMispSim } from "../support/misp-sim/http.ts";
import { createMispSim } from "../support/misp-sim/sim.ts";
import { tempDir } from "../support/temp.ts";

/** A server over TLS, a configuration for it, and a run of the command line whose every byte is kept. */
async function rig(t: TestContext, key = READONLY_KEY) {
  const sim = createMispSim({ clock: () => Date.now() });
  const event = sim.edit.addEvent({ info: "held", tags: ["tlp:amber"] });
  for (const [type, value] of [
    ["ip-dst", "45.5.200.0/24"],
    ["domain", "evil.example"],
    ["md5", "e274b0a65912e49a28a9ae5c1479bdce"],
  ] as const)
    sim.edit.addAttribute(event, { type, value, toIds: true });
  sim.edit.publish(event);
  const state = { broken: false };
  const url = await serveMispSim(t, sim, {
    tls: true,
    interfere(request, response) {
      // An error page that shows the request, key and all.
      if (state.broken) response.writeHead(500).end(`<html>Authorization: ${request.headers["authorization"]}`);
      return state.broken;
    },
  });
  const cwd = tempDir(t);
  const keyFile = join(cwd, "misp.key");
  writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
  const ca = tlsFixture("ca.pem");
  writeFileSync(
    join(cwd, "tipline.yaml"),
    `state_dir: state\nfeeds:\n  lab: {type: misp-server, url: "${url}", key_file: misp.key, ca_file: ${ca}}\n`,
  );
  const printed: string[] = [];
  const run = async (args: readonly string[], input = "", env: NodeJS.ProcessEnv = {}) => {
    const result = await cli(args, { cwd, input, env: { XDG_CACHE_HOME: join(cwd, "cache"), ...env } });
    printed.push(result.stdout, result.stderr);
    return result;
  };
  const rows = (stdout: string) =>
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const noKey = () => {
    const files = readdirSync(cwd, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== "misp.key")
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
    for (const text of [...printed, ...files]) assert.ok(!text.includes(key), text.slice(0, 300));
  };
  return { sim, state, url, keyFile, ca, run, rows, noKey };
}

test("lookup --live asks the servers of the configuration, one JSON object a value", async (t) => {
  const { sim, run, rows, noKey } = await rig(t);
  const begun = Date.now();
  const { code, stdout, stderr } = await run(
    ["lookup", "--live", "--json", "--verbose", "-"],
    "45.5.200.9\nhxxps://www.evil[.]example/x\nnope.example\n!8.8.8.8\n",
  );
  assert.equal(code, 0, stderr);
  const [ip, url, none, bang] = rows(stdout);
  assert.deepEqual([ip?.["found"], ip?.["source"]], [true, "live"]);
  // Said by the server in this very run.
  const age = ip?.["age_seconds"];
  assert.ok(
    Number.isInteger(age) && Number(age) >= 0 && Number(age) <= Math.round((Date.now() - begun) / 1000),
    `${age}`,
  );
  assert.deepEqual([url?.["found"], url?.["type"], url?.["canonical"]], [true, "domain", "www.evil.example"]);
  assert.deepEqual([none?.["found"], none?.["not_asked"]], [false, null]);
  assert.match(String(bang?.["not_asked"]), /NOT/);
  const asked = sim.requests.length;
  const again = await run(["lookup", "--live", "45.5.200.9"]);
  assert.match(again.stdout, /cidr ip 45\.5\.200\.0\/24[\s\S]*lab: said \d+ s ago/);
  assert.match(again.stderr, /MISP compares whole values/);
  assert.equal(sim.requests.length, asked);
  await run(["lookup", "--live", "--no-cache", "45.5.200.9"]);
  assert.ok(sim.requests.length > asked);
  noKey();
});

test("lookup --live without a configuration; what goes wrong says what to do and ends with 1", async (t) => {
  const { state, url, keyFile, ca, run, noKey } = await rig(t);
  const server = ["lookup", "--live", "--server", url];
  const good = await run([...server, "--key-file", keyFile, "--ca-file", ca, "evil.example"]);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /event 1 "held"/);
  assert.equal(
    (await run([...server, "--ca-file", ca, "evil.example"], "", { TIPLINE_MISP_KEY: READONLY_KEY })).code,
    0,
  );
  const untrusted = await run([...server, "--key-file", keyFile, "other.example"]);
  assert.deepEqual(
    [untrusted.code, /no answer/.test(untrusted.stdout), /ca_file/.test(untrusted.stderr)],
    [1, true, true],
  );
  const insecure = await run([...server, "--key-file", keyFile, "--insecure", "other.example"]);
  assert.equal(insecure.code, 0);
  assert.match(insecure.stderr, /certificate of .* is not verified/);
  state.broken = true;
  const broken = await run([...server, "--key-file", keyFile, "--ca-file", ca, "--verbose", "third.example"]);
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /answered 500/);
  for (const args of [
    [...server, "x.example"],
    ["lookup", "--server", url, "x"],
    ["lookup", "--live", "--event", "1"],
  ])
    assert.equal((await run(args)).code, 2, args.join(" "));
  noKey();
});

test("doctor misp prints a table or JSON, and ends with 1 when something fails", async (t) => {
  const { run, rows, noKey } = await rig(t);
  const table = await run(["doctor", "misp"]);
  assert.equal(table.code, 0, table.stdout + table.stderr);
  assert.match(table.stdout, /^lab {2}https:[\s\S]*ok {4}rights[\s\S]*warn {2}warninglists[\s\S]*→ enable/);
  const json = await run(["doctor", "misp", "--json", "--verbose"]);
  assert.ok(rows(json.stdout).every(({ server, status }) => server === "lab" && status !== "fail"));
  noKey();
  const expired = await rig(t, EXPIRED_KEY);
  const failed = await expired.run(["doctor", "misp", "--json"]);
  assert.equal(failed.code, 1);
  assert.match(String(expired.rows(failed.stdout).at(-1)?.["found"]), /valid, unexpired authentication key/);
  expired.noKey();
});

test("an administrator's key works, and is told that it may too much", async (t) => {
  const { run, rows, noKey } = await rig(t, ADMIN_KEY);
  const { code, stdout } = await run(["doctor", "misp", "--json"]);
  assert.equal(code, 0);
  const rights = rows(stdout).find(({ name }) => name === "rights");
  assert.deepEqual([rights?.["status"], /site admin/.test(String(rights?.["found"]))], ["warn", true]);
  noKey();
});
