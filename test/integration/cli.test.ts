import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cli, cliCommand, fromRoot } from "../support/cli.ts";
import { cacheHome, tempDir } from "../support/temp.ts";

const FEED = ["--feed", "examples/demo/feed"];
const COMMANDS = [
  "demo",
  "run",
  "enrich",
  "lookup",
  "explain",
  "sync",
  "allow",
  "doctor",
  "dead-letter",
  "index",
  "config",
];

describe("manners of every command", () => {
  for (const command of COMMANDS) {
    it(`${command} --help explains itself and ends with 0`, async () => {
      const { code, stdout } = await cli([command, "--help"]);
      assert.equal(code, 0);
      assert.match(stdout, /Usage: tipline/);
    });
  }

  it("ends with 2 on wrong usage, and says what was expected on stderr only", async () => {
    for (const args of [
      ["nonsense"],
      ["lookup"],
      ["lookup", "--nonsense"],
      ["allow", "x", "--config", "/does/not/exist.yaml"],
      ["run", "--config", "/does/not/exist.yaml"],
    ]) {
      const { code, stdout, stderr } = await cli(args);
      assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
      assert.equal(stdout, "");
      assert.ok(stderr.length > 0);
    }
  });

  it("ends with 1 when a feed cannot be read, naming it", async () => {
    const { code, stderr } = await cli(["lookup", "--feed", "/does/not/exist", "8.8.8.8"]);
    assert.equal(code, 1);
    assert.match(stderr, /\/does\/not\/exist/);
  });
});

describe("lookup", () => {
  it("prints one JSON object a value, in order, whatever the spelling", async () => {
    const values = [
      "8.8.8.8",
      "hxxp://198[.]18[.]66[.]21/kelp.x86",
      "LOGIN.harbour-invoice-portal-demo.com.",
      "nothing.example.org",
      "::ffff:198.18.66.21",
    ];
    const { stdout, code } = await cli(["lookup", ...FEED, "--json", ...values]);
    assert.equal(code, 0);
    const results = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { value: string; found: boolean; type: string });
    assert.deepEqual(
      results.map(({ value }) => value),
      values,
    );
    assert.deepEqual(
      results.map(({ found }) => found),
      [true, true, true, false, true],
    );
  });

  it("finds every value of the feed that is neither quarantined nor left out", async () => {
    const { stdout } = await cli(["index", "stats", ...FEED, "--json"]);
    const stats = JSON.parse(stdout) as { indicators: number; quarantined: number };
    assert.ok(stats.indicators >= 60);
    assert.equal(stats.quarantined, 3);
  });

  it("lists an event by its uuid", async () => {
    const manifest = JSON.parse(readFileSync(fromRoot("examples/demo/feed/manifest.json"), "utf8")) as Record<
      string,
      unknown
    >;
    const [uuid = ""] = Object.keys(manifest);
    const { stdout, code } = await cli(["lookup", ...FEED, "--event", uuid, "--json"]);
    assert.equal(code, 0);
    assert.ok(stdout.trim().split("\n").length > 3);
    assert.equal((await cli(["lookup", ...FEED, "--event", "no-such-event"])).code, 1);
  });
});

describe("explain", () => {
  const line = readFileSync(fromRoot("examples/demo/alerts.ndjson"), "utf8").split("\n")[25] ?? "";

  it("tells of every observable, the indicator, the score and what is sent", async () => {
    const { stdout, code } = await cli(["explain", ...FEED], { input: `${line}\n` });
    assert.equal(code, 0);
    for (const part of [
      "[sender] full_log",
      "exact match of indicator email",
      "+45 to_ids",
      "no indicator",
      "=> finding, score",
      '"finding_id"',
    ])
      assert.ok(stdout.includes(part), part);
  });

  it("gives the same as JSON", async () => {
    const { stdout } = await cli(["explain", ...FEED, "--json"], { input: `${line}\n` });
    const account = JSON.parse(stdout) as {
      observables: { matches: unknown[] }[];
      verdict: { score: number };
      sent: { misp: object };
    };
    assert.ok(account.observables.length >= 4);
    assert.ok(account.verdict.score > 0);
  });

  it("ends with 1 on input that is no alert, saying what was found", async () => {
    const { code, stderr } = await cli(["explain", ...FEED], { input: "{broken\n" });
    assert.equal(code, 1);
    assert.match(stderr, /JSON|object/);
  });
});

describe("enrich", () => {
  it("ends quietly when the reader of its pipe leaves", async () => {
    const [command = "", ...before] = cliCommand();
    const child = spawn(command, [...before, "enrich", ...FEED, "examples/demo/alerts.ndjson"], {
      cwd: fromRoot(),
      env: { ...process.env, XDG_CACHE_HOME: cacheHome(), NODE_TEST_CONTEXT: "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (text: Buffer) => {
      stderr += text.toString();
    });
    child.stdout.once("data", () => child.stdout.destroy());
    const [code] = await once(child, "close");
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /EPIPE/);
  });

  it("goes on after bad lines and keeps them", async (t) => {
    const folder = tempDir(t);
    const good = readFileSync(fromRoot("examples/demo/alerts.ndjson"), "utf8").split("\n")[9] ?? "";
    writeFileSync(join(folder, "mixed.json"), `{"broken\n${good}\n[1]\n`);
    const { code, stdout, stderr } = await cli([
      "enrich",
      ...FEED,
      join(folder, "mixed.json"),
      "--dead-letter",
      join(folder, "dead.ndjson"),
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim().split("\n").length, 1);
    assert.equal(readFileSync(join(folder, "dead.ndjson"), "utf8").trim().split("\n").length, 2);
    assert.match(stderr, /2 records could not be read/);
  });

  it("gives the same from a file, from standard input, in threads and for people", async () => {
    const path = "examples/demo/alerts.ndjson";
    const input = readFileSync(fromRoot(path), "utf8");
    const one = await cli(["enrich", ...FEED, path, "--threads", "0"]);
    assert.equal(one.code, 0, one.stderr);
    assert.ok(one.stdout.includes('"misp"'));
    for (const args of [[path, "--threads", "2"], ["-", "--threads", "2"], []])
      assert.deepEqual(await cli(["enrich", ...FEED, ...args], { input }), one, args.join(" "));
    const pretty = await cli(["enrich", ...FEED, path, "--pretty", "--threads", "2"]);
    assert.equal(pretty.stderr, one.stderr);
    assert.ok(pretty.stdout.length > 0 && !pretty.stdout.includes('{"'));
    const wrong = await cli(["enrich", ...FEED, path, "--threads", "1000"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--threads/);
  });

  it("ends with 1 when a file cannot be read, after the others", async () => {
    const { code, stdout, stderr } = await cli([
      "enrich",
      ...FEED,
      "/does/not/exist.json",
      "examples/demo/alerts.ndjson",
    ]);
    assert.equal(code, 1);
    assert.ok(stdout.includes('"misp"'));
    assert.match(stderr, /\/does\/not\/exist\.json/);
  });
});

describe("config, sync, allow and index on a state folder", () => {
  it("go from nothing to an allowed value", async (t) => {
    const folder = tempDir(t);
    const path = join(folder, "tipline.yaml");
    writeFileSync(
      path,
      `state_dir: ${folder}/state\nfeeds:\n  demo: {type: misp-feed, path: ${fromRoot("examples/demo/feed")}}\nsinks:\n  out: {type: ndjson, path: ${folder}/out.ndjson}\n`,
    );
    const config = ["--config", path];
    assert.match((await cli(["config", "check", path])).stdout, /ok/);
    const before = await cli(["lookup", ...config, "8.8.8.8"]);
    assert.equal(before.code, 1);
    assert.match(before.stderr, /tipline sync/);
    const sync = await cli(["sync", ...config]);
    assert.equal(sync.code, 0, sync.stderr);
    assert.match(sync.stdout, /applied/);
    assert.match((await cli(["sync", ...config])).stdout, /unchanged/);
    assert.match((await cli(["index", "verify", ...config])).stdout, /whole/);
    assert.match((await cli(["index", "quarantine", ...config])).stdout, /empty file/);
    const line = readFileSync(fromRoot("examples/demo/alerts.ndjson"), "utf8").split("\n")[25] ?? "";
    assert.match((await cli(["explain", ...config], { input: `${line}\n` })).stdout, /=> finding/);
    const missing = await cli(["allow", "billing@harbour-invoice-portal-demo.com", ...config]);
    assert.equal(missing.code, 2);
    const allowed = await cli([
      "allow",
      "billing@harbour-invoice-portal-demo.com",
      "--reason",
      "our own test",
      "--expires",
      "3650d",
      ...config,
    ]);
    assert.equal(allowed.code, 0, allowed.stderr);
    assert.match(
      (await cli(["explain", ...config], { input: `${line}\n` })).stdout,
      /suppressed by allow: our own test/,
    );
    assert.match((await cli(["allow", "--list", ...config])).stdout, /our own test/);
    assert.equal((await cli(["allow", "billing@harbour-invoice-portal-demo.com", "--remove", ...config])).code, 0);
    assert.match((await cli(["explain", ...config], { input: `${line}\n` })).stdout, /=> finding/);
  });

  it("stops on a wrong key with its line", async (t) => {
    const path = join(tempDir(t), "tipline.yaml");
    writeFileSync(path, "feeds: {}\nsink: {}\n");
    const { code, stderr } = await cli(["config", "check", path]);
    assert.equal(code, 2);
    assert.match(stderr, /sink: unknown key \(tipline\.yaml:2\)/);
  });
});
