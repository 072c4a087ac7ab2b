import assert from "node:assert/strict";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cli, fromRoot } from "../support/cli.ts";
import { tempDir } from "../support/temp.ts";

const FEED = ["--feed", fromRoot("examples/demo/feed")];

describe("wrong values of flags", () => {
  const CONFIG = ["--config", "tipline.yaml"];
  for (const args of [
    ["enrich", ...FEED, "--min-score", "abc"],
    ["enrich", ...FEED, "--min-score", "-1"],
    ["enrich", ...FEED, "--min-score", "101"],
    ["enrich", ...FEED, "--threads", "two"],
    ["enrich", ...FEED, "--threads", "1000"],
    ["enrich", "--feed", "http://[bad"],
    ["lookup", ...FEED, ""],
    ["lookup", ...FEED, "8.8.8.8", " "],
    ["demo", "--once", "--rate", "x"],
    ["demo", "--once", "--rate", "0"],
    ["dead-letter", "list", "--limit", "-1", ...CONFIG],
    ["sync", "--confirm-shrink", "nosuch", ...CONFIG],
    ["allow", "198.18.0.0/16", "--reason", "x", ...CONFIG],
    ["allow", "--remove", "bad.com", "--entity", "001", ...CONFIG],
  ]) {
    const shown = args.join(" ").replaceAll(fromRoot(), "");
    it(`${shown} ends with 2 and names the flag or value`, async (t) => {
      const cwd = tempDir(t);
      writeFileSync(join(cwd, "tipline.yaml"), "state_dir: state\nfeeds: { demo: { type: misp-feed, path: . } }\n");
      const { code, stdout, stderr } = await cli(args, { cwd });
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^tipline: .*expected|^tipline: --remove/);
      assert.doesNotMatch(stderr, /\n {4}at /);
    });
  }

  it("never gives a terminal what it would obey", async () => {
    for (const args of [["\u001b[31mx"], ["enrich", ...FEED, "/no\u001b[31m"], ["enrich", "--\u009b31m"]]) {
      const { code, stderr } = await cli(args);
      assert.notEqual(code, 0);
      assert.doesNotMatch(stderr, /[\u001b\u009b]/);
    }
  });
});

describe("state that may not be looked at", () => {
  it("is not called empty", async (t) => {
    const cwd = tempDir(t);
    writeFileSync(
      join(cwd, "tipline.yaml"),
      "state_dir: state\nfeeds: { demo: { type: misp-feed, path: . } }\nsinks: { chat: { type: webhook, preset: slack, url: https://chat.example/x } }\n",
    );
    const none = await cli(["dead-letter", "list"], { cwd });
    assert.deepEqual([none.code, none.stderr], [0, "0 dead letters\n"]);
    symlinkSync("state", join(cwd, "state"));
    for (const args of [
      ["dead-letter", "list"],
      ["dead-letter", "show", "1"],
      ["notices", "list"],
    ]) {
      const { code, stdout, stderr } = await cli(args, { cwd });
      assert.deepEqual([code, stdout], [1, ""], stderr);
      assert.match(stderr, /^tipline: \S+ cannot be looked at: .*: run as the user/);
    }
  });
});

describe("enrich of an input without any alert", () => {
  it("fails, and says what an alert has to be; one alert among the lines is enough", async () => {
    const [first = ""] = readFileSync(fromRoot("examples/demo/alerts.ndjson"), "utf8").split("\n");
    const pretty = JSON.stringify(JSON.parse(first), null, 2);
    const none = await cli(["enrich", ...FEED], { input: pretty });
    assert.equal(none.code, 1, none.stderr);
    assert.match(none.stderr, /no line of the input is an alert: .*jq -c/);
    for (const input of [`${pretty}\n${first}\n`, "", "\n"]) {
      const { code, stderr } = await cli(["enrich", ...FEED], { input });
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /jq -c/);
    }
  });
});

describe("explain of an alert over many lines", () => {
  it("says what it has to be, and not for every line", async () => {
    const [first = ""] = readFileSync(fromRoot("examples/demo/alerts.ndjson"), "utf8").split("\n");
    const { code, stderr } = await cli(["explain", ...FEED], { input: JSON.stringify(JSON.parse(first), null, 2) });
    assert.equal(code, 1);
    assert.equal(stderr.trimEnd().split("\n").length, 12, stderr);
    assert.match(stderr, /\d\d lines are no alerts: .*jq -c/);
  });
});

describe("lookup of a refused indicator", () => {
  it("says that it is in the feed, and why it is not matched", async (t) => {
    const feed = join(tempDir(t), "event.json");
    const attribute = { uuid: "5f6d2f0e-0000-4000-8000-000000000001", type: "domain", value: "co.uk", to_ids: true };
    const event = { uuid: "5f6d2f0e-0000-4000-8000-000000000002", info: "an event", Attribute: [attribute] };
    writeFileSync(feed, JSON.stringify({ Event: event }));
    const json = await cli(["lookup", "--feed", feed, "--json", "CO[.]UK"], { cwd: fromRoot() });
    const answer = JSON.parse(json.stdout) as { found: boolean; refused: { reason: string }[] };
    assert.deepEqual([answer.found, answer.refused[0]?.reason], [false, "public suffix"]);
    const people = await cli(["lookup", "--feed", feed, "co.uk"], { cwd: fromRoot() });
    assert.match(people.stdout, /co\.uk .*refused, not matched against\n.*public suffix/);
  });
});
