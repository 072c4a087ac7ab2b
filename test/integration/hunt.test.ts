import assert from "node:assert/strict";
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { cli } from "../support/cli.ts";
import { indicatorList, indicatorOf, matchingAlert, quietAlert } from "../support/independent-count-alerts.ts";
import { sharedOrSkip } from "../support/shared.ts";
import { tempDir } from "../support/temp.ts";

const at = (time: string) => Date.parse(time);

class Rig {
  readonly dir: string;
  readonly feed: string;

  constructor(t: TestContext) {
    this.dir = tempDir(t);
    this.feed = this.write("feed.txt", `${indicatorList(10)}203.0.113.77\n`);
  }

  write(name: string, content: string | Buffer): string {
    const path = join(this.dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  day(name: string, lines: readonly string[]): string {
    const content = lines.map((line) => `${line}\n`).join("");
    return this.write(`logs/${name}`, name.endsWith(".gz") ? gzipSync(content) : content);
  }

  hunt(...args: string[]) {
    return cli(["hunt", "--feed", this.feed, "--logs", join(this.dir, "logs"), ...args], {
      env: { XDG_CACHE_HOME: join(this.dir, "cache"), TIPLINE_CONFIG: "" },
    });
  }
}

/** As a manager in Berlin writes it. */
const berlin = (line: string, local: string) => line.replace(/"timestamp":"[^"]*"/, `"timestamp":"${local}"`);

test("the summary: one row an indicator, times in UTC, as table and JSON; equal when nothing has to be read again", async (t) => {
  const rig = new Rig(t);
  rig.day("alerts/2026/Oct/ossec-alerts-25.json.gz", [
    // The night in which the clock goes back: 02:30 comes twice, and the local day has 25 hours.
    berlin(matchingAlert(1, { agent: 1 }), "2026-10-25T02:30:00.000+0200"),
    berlin(matchingAlert(1, { agent: 2 }), "2026-10-25T02:30:00.000+0100"),
    berlin(quietAlert(3), "2026-10-25T23:59:59.000+0100"),
  ]);
  rig.day("alerts/2026/Oct/ossec-alerts-26.json", [
    berlin(matchingAlert(1, { agent: 1 }), "2026-10-26T00:30:00.000+0100"),
  ]);
  const today = rig.day("alerts/2026/Oct/ossec-alerts-27.json", [
    matchingAlert(2, { time: at("2026-10-27T10:00:00Z") }),
    "not an alert",
  ]);
  linkSync(today, join(dirname(dirname(dirname(today))), "alerts.json"));
  const expected = [
    "SCORE  TYPE    INDICATOR               ALERTS  FIRST SEEN            LAST SEEN             HOSTS                   MISP EVENT",
    "40     domain  n000001.tipline-kill.net  3       2026-10-25T00:30:00Z  2026-10-25T23:30:00Z  2: host-001, host-002",
    "40     domain  n000002.tipline-kill.net  1       2026-10-27T10:00:00Z  2026-10-27T10:00:00Z  1: host-001",
  ];
  for (const look of [1, 2]) {
    const { code, stdout, stderr } = await rig.hunt("--from", "2026-10-01");
    assert.equal(code, 0, stderr);
    const words = (text: string) => text.split(/\s{2,}/).slice(0, 7);
    assert.deepEqual(
      stdout
        .trimEnd()
        .split("\n")
        .map(words)
        .map((row) => row.slice(1)),
      expected.map(words).map((row) => row.slice(1)),
      `look ${look}`,
    );
    if (look === 1) assert.match(stderr, /1 lines are no alerts: .*ossec-alerts-27\.json:\d+: expected one alert/);
  }
  const json = await rig.hunt("--from", "2026-10-01", "--json");
  const report = JSON.parse(json.stdout);
  assert.equal(report.findings, 4);
  assert.equal(report.from, "2026-10-01T00:00:00Z");
  const [first, second] = report.indicators;
  assert.deepEqual(
    [first.type, first.value, first.alerts, first.first_seen, first.last_seen, first.hosts, first.benign],
    ["domain", indicatorOf(1), 3, "2026-10-25T00:30:00Z", "2026-10-25T23:30:00Z", ["host-001", "host-002"], false],
  );
  assert.equal(second.value, indicatorOf(2));
});

test("an empty plain file does not hide the packed one of its day; a packed one of no bytes makes the exit code 1", async (t) => {
  const rig = new Rig(t);
  const line = matchingAlert(1, { time: at("2026-11-20T10:00:00Z") });
  rig.day("alerts/2026/Nov/ossec-alerts-20.json", []);
  rig.day("alerts/2026/Nov/ossec-alerts-20.json.gz", [line]);
  const whole = await rig.hunt("--from", "2026-11-01", "--json");
  assert.deepEqual([whole.code, JSON.parse(whole.stdout).findings], [0, 1], whole.stderr);
  rig.write("logs/alerts/2026/Nov/ossec-alerts-21.json.gz", "");
  const hollow = await rig.hunt("--from", "2026-11-01", "--json");
  assert.deepEqual([hollow.code, JSON.parse(hollow.stdout).findings], [1, 1], hollow.stderr);
  assert.match(hollow.stderr, /ossec-alerts-21\.json\.gz: cannot be read: expected a packed file, found an empty one/);
});

test("a window in UTC finds what lies in the folder of the local day before or after", async (t) => {
  const rig = new Rig(t);
  rig.day("alerts/2026/Mar/ossec-alerts-29.json", [
    berlin(matchingAlert(1), "2026-03-29T00:30:00.000+0100"), // 23:30 of the 28th
    berlin(matchingAlert(2), "2026-03-29T03:30:00.000+0200"), // after the gap: 01:30
    berlin(matchingAlert(3), "2026-03-29T23:59:59.999+0200"),
  ]);
  rig.day("alerts/2026/Mar/ossec-alerts-30.json", [
    berlin(matchingAlert(4), "2026-03-30T01:59:59.999+0200"), // 23:59 of the 29th
    berlin(matchingAlert(5), "2026-03-30T02:00:00.000+0200"), // the 30th begins
  ]);
  const values = async (...args: string[]) => {
    const { stdout, stderr } = await rig.hunt("--json", ...args);
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout)
      .indicators.map(({ value }: { value: string }) => value)
      .sort();
  };
  assert.deepEqual(await values("--from", "2026-03-29", "--to", "2026-03-29"), [2, 3, 4].map(indicatorOf));
  assert.deepEqual(await values("--from", "2026-03-28", "--to", "2026-03-28"), [1].map(indicatorOf));
  assert.deepEqual(await values("--from", "2026-03-30"), [5].map(indicatorOf));
  assert.deepEqual(await values("--from", "2026-03-29T01:30", "--to", "2026-03-29T01:30:01"), [2].map(indicatorOf));
});

test("alerts that stand in the archives as well count once", async (t) => {
  const rig = new Rig(t);
  const lines = [1, 2].map((n) => matchingAlert(n, { time: at("2026-11-20T10:00:00Z") }));
  rig.day("alerts/2026/Nov/ossec-alerts-20.json.gz", lines);
  rig.day("archives/2026/Nov/ossec-archive-20.json", [
    ...lines,
    matchingAlert(3, { time: at("2026-11-20T11:00:00Z") }),
  ]);
  assert.equal(JSON.parse((await rig.hunt("--from", "2026-11-01", "--json")).stdout).findings, 2);
  assert.equal(JSON.parse((await rig.hunt("--from", "2026-11-01", "--archives", "--json")).stdout).findings, 3);
});

test("a broken archive and a link out of the tree are named; everything else counts", async (t) => {
  const rig = new Rig(t);
  const many = Array.from({ length: 2000 }, (_, n) => quietAlert(n));
  const good = gzipSync(`${matchingAlert(1)}\n${many.join("\n")}\n`);
  rig.write("logs/alerts/2026/Nov/ossec-alerts-20.json.gz", good.subarray(0, good.length - 500));
  symlinkSync(
    rig.write("outside.json", `${matchingAlert(2)}\n`),
    join(rig.dir, "logs/alerts/2026/Nov/ossec-alerts-21.json"),
  );
  rig.day("alerts/2026/Nov/ossec-alerts-22.json", [matchingAlert(3)]);
  for (const look of [1, 2]) {
    const { code, stdout, stderr } = await rig.hunt("--from", "2026-11-01", "--json");
    assert.equal(code, 1, `look ${look}`);
    const { indicators, troubles, complete } = JSON.parse(stdout);
    assert.deepEqual(indicators.map(({ value }: { value: string }) => value).sort(), [1, 3].map(indicatorOf));
    assert.equal(complete, false);
    assert.match(troubles.join("\n"), /ossec-alerts-21\.json: not read: it is a link that leads out/);
    assert.match(
      troubles.join("\n"),
      /ossec-alerts-20\.json\.gz: cannot be read after byte \d+ of its content: unexpected end/,
    );
    assert.match(stderr, /ossec-alerts-20\.json\.gz: cannot be read/);
  }
});

test("only indicators that came since a date", async (t) => {
  const rig = new Rig(t);
  const uuid = (n: number) => `${String(n).padStart(8, "0")}-1111-4111-8111-111111111111`;
  const day = (date: string) => String(at(`${date}T00:00:00Z`) / 1000);
  const event = {
    Event: {
      uuid: uuid(1),
      info: "Old and new",
      date: "2026-01-01",
      threat_level_id: "2",
      published: true,
      timestamp: day("2026-11-20"),
      Orgc: { name: "X", uuid: uuid(9) },
      Attribute: [
        {
          uuid: uuid(2),
          type: "domain",
          category: "Network activity",
          to_ids: true,
          value: indicatorOf(1),
          timestamp: day("2026-01-01"),
        },
        {
          uuid: uuid(3),
          type: "domain",
          category: "Network activity",
          to_ids: true,
          value: indicatorOf(2),
          timestamp: day("2026-11-20"),
        },
      ],
    },
  };
  const manifest = {
    [uuid(1)]: {
      info: "Old and new",
      date: "2026-01-01",
      timestamp: Number(day("2026-11-20")),
      Orgc: event.Event.Orgc,
    },
  };
  rig.write("misp/manifest.json", JSON.stringify(manifest));
  rig.write(`misp/${uuid(1)}.json`, JSON.stringify(event));
  const file = rig.day("alerts/2026/Nov/ossec-alerts-20.json", [
    matchingAlert(1)
      .replace("host-001", "both")
      .replace("/var/log/case.json", `/x/${indicatorOf(2)}`),
    matchingAlert(2),
  ]);
  const run = (...args: string[]) =>
    cli(["hunt", "--feed", join(rig.dir, "misp"), "--json", file, ...args], {
      env: { XDG_CACHE_HOME: join(rig.dir, "cache") },
    });
  const all = JSON.parse((await run()).stdout);
  assert.equal(all.indicators.length, 2);
  const fresh = await run("--new-since", "2026-11-01");
  assert.equal(fresh.code, 0, fresh.stderr);
  assert.deepEqual(
    JSON.parse(fresh.stdout).indicators.map(({ value }: { value: string }) => value),
    [indicatorOf(2)],
  );
});

test("what a hunt finds in the real alerts is what enrich finds, line by line", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const cache = join(tempDir(t), "cache");
  const env = { XDG_CACHE_HOME: cache };
  const alerts = join(shared, "data/wazuh/alerts.ndjson");
  const feed = ["--feed", join(shared, "data/misp/feed")];
  const [found, enriched, again] = [
    await cli(["hunt", ...feed, "--findings", alerts], { env }),
    await cli(["enrich", ...feed, alerts], { env }),
    await cli(["hunt", ...feed, "--findings", alerts], { env }),
  ];
  assert.equal(found.code, 0, found.stderr);
  const plain = (text: string) =>
    text
      .trim()
      .split("\n")
      .map((line) => {
        const alert = JSON.parse(line);
        const { finding_id: id, mode, ...misp } = alert.data.misp;
        assert.match(id, /^[0-9a-f]{40}$/);
        assert.ok(mode === "retro" || mode === "live");
        return { ...alert, data: { ...alert.data, misp } };
      });
  assert.ok(plain(found.stdout).length > 50);
  assert.deepEqual(plain(found.stdout), plain(enriched.stdout));
  assert.equal(again.stdout, found.stdout);
  assert.ok(
    found.stdout
      .split("\n")
      .slice(0, -1)
      .every((line) => JSON.parse(line).data.misp.mode === "retro"),
  );
});

test("Ctrl-C: what was found so far is printed, exit code 1, and the same command goes on", async (t) => {
  const rig = new Rig(t);
  for (const day of ["20", "21"])
    rig.day(
      `alerts/2026/Nov/ossec-alerts-${day}.json`,
      Array.from({ length: 6000 }, (_, n) => matchingAlert(n % 10, { time: at(`2026-11-${day}T10:00:00Z`) + n })),
    );
  const args = ["hunt", "--feed", rig.feed, "--logs", join(rig.dir, "logs"), "--from", "2026-11-01", "--findings"];
  const env = { XDG_CACHE_HOME: join(rig.dir, "cache") };
  const first = await cli(args, { env, interruptWhen: (stdout) => stdout.length > 100_000 });
  assert.equal(first.code, 1, first.stderr);
  assert.match(first.stderr, /the same command goes on from here/);
  const part = first.stdout.trim().split("\n").length;
  assert.ok(part < 12_000, `${part} lines before the end`);
  const second = await cli(args, { env });
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stderr, /going on with the hunt of/);
  assert.equal(second.stdout.trim().split("\n").length, 12_000);
  assert.ok(second.stdout.startsWith(first.stdout.slice(0, 50_000)));
  // It came to its end: the next one is a hunt of its own.
  assert.doesNotMatch((await cli(args, { env })).stderr, /going on/);
});

test("usage: what is missing or makes no sense is said, with exit code 2", async (t) => {
  const rig = new Rig(t);
  for (const [args, said] of [
    [[], /expected --since, --from or files/],
    [["--since", "yesterday"], /--since: expected a duration/],
    [["--from", "2026-02-31"], /--from: expected/],
    [["--since", "1d", "--from", "2026-01-01"], /exclude each other/],
    [["--from", "2026-02-02", "--to", "2026-02-01"], /expected --to after --from/],
    [["--since", "1d", "--deliver"], /--deliver needs a configuration/],
    [["--since", "1d", "--resume", "--restart"], /exclude each other/],
    [["--since", "1d", "--min-score", "x"], /--min-score/],
  ] as const) {
    const { code, stderr } = await rig.hunt(...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, said);
  }
  const nothing = await rig.hunt(join(rig.dir, "missing.json"));
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /missing\.json: cannot be read/);
});
