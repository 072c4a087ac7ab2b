import assert from "node:assert/strict";
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cli } from "../support/cli.ts";
import { serve } from "../support/http-server.ts";
import { tempDir } from "../support/temp.ts";

const CONFIG = `# ours
state_dir: state # here

feeds:
  # the first
  block:
    type: list-file
    path: block.txt

sinks: { out: { type: ndjson, path: out.ndjson } } # theirs
`;

interface Listed {
  readonly kind: string;
  readonly name: string;
  readonly slug?: string;
  readonly reports?: number;
  readonly configured_as?: string | null;
}

const listed = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Listed);

test("feeds list: the whole table, a part of it, and how the configured ones are", async (t) => {
  const cwd = tempDir(t);
  const all = await cli(["feeds", "list", "--json"], { cwd });
  assert.equal(listed(all.stdout).length, 84);
  const some = await cli(["feeds", "list", "dataplane", "vnc"].slice(0, 3), { cwd });
  assert.match(some.stdout, /^NAME +FORMAT .*\ndataplane-dnsrd /);
  assert.equal((await cli(["feeds", "list", "no such feed"], { cwd })).code, 0);

  writeFileSync(join(cwd, "tipline.yaml"), `${CONFIG}`);
  writeFileSync(join(cwd, "block.txt"), "198.51.100.7\n198.51.100.8\n10.0.0.1\n");
  const before = listed((await cli(["feeds", "list", "urlhaus", "-c", "tipline.yaml", "--json"], { cwd })).stdout);
  assert.deepEqual([before[0]?.kind, before[0]?.name, before[0]?.reports], ["configured", "block", null]);
  assert.equal((await cli(["sync"], { cwd })).code, 0);
  const after = await cli(["feeds", "list", "urlhaus", "-c", "tipline.yaml"], { cwd });
  assert.match(after.stdout, /block +list-file +2 \(1 quarantined\) +\S+ ago +block\.txt\n/);
});

test("feeds add: the file gets the feed and nothing else, keeps its mode and its link, and loads", async (t) => {
  const cwd = tempDir(t);
  const real = join(cwd, "real.yaml");
  writeFileSync(real, CONFIG);
  chmodSync(real, 0o640);
  symlinkSync("real.yaml", join(cwd, "tipline.yaml"));
  const dry = await cli(["feeds", "add", "urlhaus", "--dry-run"], { cwd });
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /^\+ {2}urlhaus:\n\+ {4}type: list-file\n/m);
  assert.equal(readFileSync(real, "utf8"), CONFIG);

  const done = await cli(["feeds", "add", "urlhaus", "--as", "bad-urls", "--config", "tipline.yaml"], { cwd });
  assert.equal(done.code, 0, done.stderr);
  const text = readFileSync(real, "utf8");
  const at = CONFIG.indexOf("\nsinks:");
  assert.ok(text.startsWith(CONFIG.slice(0, at)) && text.endsWith(CONFIG.slice(at)));
  assert.match(text, /\n {2}bad-urls:\n {4}type: list-file\n {4}url: https:\/\/urlhaus\.abuse\.ch\//);
  assert.equal(statSync(real).mode & 0o777, 0o640);
  assert.ok(lstatSync(join(cwd, "tipline.yaml")).isSymbolicLink());
  assert.deepEqual(readdirSync(cwd).sort(), ["real.yaml", "tipline.yaml"]);
  assert.equal((await cli(["config", "check", "tipline.yaml"], { cwd })).code, 0);

  writeFileSync(real, readFileSync(real, "utf8").replace("    tags: [", "    key: s3cret\n    tags: ["));
  const own = ["feeds", "add", "--url", "https://lists.example.org/a.csv", "--format", "csv", "--value-column", "3,4"];
  const third = await cli(own, { cwd });
  assert.equal(third.code, 0, third.stderr);
  assert.match(third.stdout, /^ {5}key: …$/m);
  assert.match(readFileSync(real, "utf8"), /\n {2}lists-example-org:\n.*\n.*\n.*\n {4}value_column: \[3, 4\]\n/);
});

test("feeds add: what cannot be is a usage error that says what could, and leaves the file alone", async (t) => {
  const cwd = tempDir(t);
  const file = join(cwd, "tipline.yaml");
  const text = `${CONFIG}# end\n`;
  writeFileSync(file, text);
  for (const [args, says] of [
    [["urlhause"], /near are\n {2}urlhaus /],
    [["ipsum"], /several; expected one of\n {2}ipsum-1 /],
    [["metasploit-cves"], /cannot be added: it only names CVE ids/],
    [["urlhaus", "--as", "block"], /a feed named block is configured already/],
    [["--url", "https://u:p@x.example/", "--format", "csv"], /would not load:\nfeeds\.x-example\.url/],
    [
      ["--url", "https://x.example/", "--format", "freetext", "--exclude", "/(a+)+/"],
      /would not load:.*\n.*safe pattern/,
    ],
    [["urlhaus", "--config", "none.yaml"], /cannot read none\.yaml/],
  ] as const) {
    const { code, stdout, stderr } = await cli(["feeds", "add", ...args], { cwd });
    assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
    assert.equal(stdout, "");
    assert.match(stderr, says);
    assert.equal(readFileSync(file, "utf8"), text);
  }
  writeFileSync(file, "feeds: { a: { type: misp-feed, path: /x }, b: { type: nosuch } }\n");
  const broken = await cli(["feeds", "add", "urlhaus"], { cwd });
  assert.deepEqual(
    [broken.code, /does not load as it is, mend it first:\n.*got "nosuch"/.test(broken.stderr)],
    [2, true],
    broken.stderr,
  );
});

test("a feed that breaks keeps its last good indicators in force and says why", async (t) => {
  const cwd = tempDir(t);
  writeFileSync(join(cwd, "tipline.yaml"), CONFIG);
  const list = join(cwd, "block.txt");
  const good = Array.from({ length: 200 }, (_, n) => `198.51.100.${n + 1}`).join("\n");
  writeFileSync(list, good);
  assert.equal((await cli(["sync"], { cwd })).code, 0);
  for (const [text, says] of [
    ["<!doctype html><p>Sign in", /found a web page/],
    ["", /expected at least one indicator/],
    ["Service unavailable\n", /none of its 1 lines/],
    ["198.51.100.1\n198.51.100.2\n", /held, because it lost more than 30%/],
  ] as const) {
    writeFileSync(list, text);
    const { code, stderr } = await cli(["sync"], { cwd });
    assert.equal(code, 1, text);
    assert.match(stderr, says);
    const { stdout } = await cli(["lookup", "--json", "198.51.100.50"], { cwd });
    assert.equal((JSON.parse(stdout) as { found: boolean }).found, true, text);
  }
  writeFileSync(list, `${good}\n203.0.113.1\n`);
  assert.equal((await cli(["sync"], { cwd })).code, 0);
});

test("commands that fetch the same feed at once do not get into each other's way", async (t) => {
  const cwd = tempDir(t);
  let fetched = 0;
  const url = await serve(t, async ({ headers }, response) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const known = headers["if-none-match"] === '"1"';
    if (!known) fetched++;
    response.writeHead(known ? 304 : 200, { etag: '"1"' });
    response.end(known ? undefined : "198.51.100.7\n");
  });
  const lookup = () =>
    cli(["lookup", "--json", "--feed", `${url}/list.txt`, "198.51.100.7"], {
      cwd,
      env: { XDG_CACHE_HOME: join(cwd, "cache") },
    });
  for (const { code, stdout, stderr } of await Promise.all([lookup(), lookup(), lookup()])) {
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { found: boolean }).found, true);
  }
  assert.equal(fetched, 1);
});
