import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { casesOf, countArrivals, countOnDisk, readNdjson } from "../support/independent-count.ts";
import { caseName, indicatorList, indicatorOf, matchingAlert } from "../support/independent-count-alerts.ts";
import { type LineProcess, tipline } from "../support/line-process.ts";
import { LineRig } from "../support/line-process-rig.ts";
import { WazuhFiles } from "../support/wazuh-files.ts";

const INDICATORS = 1000;
const KIB = 1024;

/** Lines that can be no alert, with what is said of them. */
const REFUSED: readonly (readonly [what: string, line: string | Buffer, says: RegExp])[] = [
  ["broken JSON", '{"case":"b-000001","data":{', /bytes that are not JSON/],
  ["two documents", `${matchingAlert(900)} ${matchingAlert(901)}`.replaceAll('"m-', '"x-'), /bytes that are not JSON/],
  ["an array", '[{"case":"b-000002"}]', /JSON array/],
  ["a string", '"case b-000003"', /JSON string/],
  ["a number", "42", /JSON number/],
  ["null", "null", /JSON null/],
  ["a word", "tru", /bytes that are not JSON/],
  [
    "invalid UTF-8",
    Buffer.concat([Buffer.from('{"data":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"}')]),
    /invalid UTF-8/,
  ],
  [
    "a surrogate in UTF-8",
    Buffer.concat([Buffer.from('{"data":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    /invalid UTF-8/,
  ],
  ["a NUL", '{"data":"a\u0000b"}', /NUL byte at offset 10/],
  ["only NULs (a hole after a crash)", Buffer.alloc(4096), /NUL byte at offset 0/],
  ["a byte order mark", '\ufeff{"data":"a"}', /byte order mark/],
  ["arrays in arrays, 10,000 deep", `{"data":${"[".repeat(10_000)}${"]".repeat(10_000)}}`, /nesting over 64 levels/],
  ["objects in objects, 10,000 deep", `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`, /nesting over 64 levels/],
  ["half a million open brackets", "[".repeat(500_000), /not JSON/],
  ["a line over 1 MiB", `{"case":"o-000001","x":"${"y".repeat(1100 * KIB)}"}`, /at most 1048576 bytes, found 11\d{5}/],
];

/** Of them those that the gate clears: in braces, and nothing in them could match, so `enrich` does not parse them. */
const CLEARED = new Set(["arrays in arrays, 10,000 deep", "objects in objects, 10,000 deep"]);

/** Alerts that are strange and yet hold what is looked for. */
const STRANGE: readonly (readonly [what: string, line: string])[] = [
  [
    "a string of 900 KB",
    withMember(1, `"full_log":"${"lorem ipsum dolor sit amet ".repeat(34_000).slice(0, 900 * KIB)}"`),
  ],
  ["900 KB without a break", withMember(2, `"full_log":"${"a".repeat(900 * KIB)}"`)],
  ["900 KB of dots", withMember(3, `"full_log":"${"a.".repeat(450 * KIB)}"`)],
  ["900 KB of backslashes", withMember(4, `"full_log":"${"\\\\".repeat(450 * KIB)}"`)],
  ["900 KB of brackets and at signs", withMember(5, `"full_log":"${"[.]@://%25".repeat(90 * KIB)}"`)],
  [
    "100,000 keys",
    withMember(6, `"many":{${Array.from({ length: 100_000 }, (_, n) => `"${n.toString(36)}":1`).join(",")}}`),
  ],
  [
    "100,000 strings",
    withMember(7, `"many":[${Array.from({ length: 100_000 }, (_, n) => `"${n.toString(36)}"`).join(",")}]`),
  ],
  [
    "20,000 addresses",
    withMember(8, `"many":"${Array.from({ length: 20_000 }, (_, n) => `77.1.${n >> 8}.${n & 255}`).join(" ")}"`),
  ],
  ["__proto__ as a key", withMember(9, '"__proto__":{"agent":{"id":"666"},"rule":{"id":"1"},"polluted":"yes"}')],
  [
    "constructor as a key",
    withMember(10, '"constructor":{"prototype":{"polluted":"yes"}},"toString":"x","hasOwnProperty":1'),
  ],
  ["__proto__ as text", withMember(11, '"user":"__proto__","srcuser":"constructor"')],
  ["a key that is empty", withMember(12, '"":{"":{"":"x"}}')],
  ["an escaped NUL", withMember(13, '"note":"a\\u0000b"')],
  ["a lone surrogate", withMember(14, '"note":"\\ud83d"')],
  ["a key twice", withMember(15, '"location":"a","location":"b"')],
  ["1e999 and friends", withMember(16, '"n":1e999,"m":-0,"o":123456789012345678901234567890')],
  ["rule and agent of the wrong types", withMember(17, '"rule":["x"],"agent":"001","manager":7,"id":{"a":1}')],
  ["60 levels", withMember(18, `"deep":${'{"a":'.repeat(60)}1${"}".repeat(60)}`)],
  ["a time that is none", withMember(19, '"timestamp":"yesterday"')],
  ["a time in the far future", withMember(20, '"timestamp":"9999-12-31T23:59:59.000+0000"')],
];

test("enrich: bad lines are told and kept, all others are matched", async (t) => {
  const rig = await withFeed(t);
  const input = rig.write(
    "alerts.json",
    Buffer.concat([...allLines()].map((line) => Buffer.concat([Buffer.from(line), Buffer.from("\n")]))),
  );
  const letters = rig.path("dead.ndjson");
  const out = await tipline(["enrich", "--feed", rig.path("feed.txt"), "--dead-letter", letters, input], {
    env: { XDG_CACHE_HOME: rig.path("cache") },
  });
  assert.deepEqual([out.code, out.signal], [0, null], out.stderr.slice(-3000));
  const findings = rig.write("findings.ndjson", out.stdout);
  checkFindings(findings);
  checkLetters(
    readFileSync(letters, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
    REFUSED.filter(([what]) => !CLEARED.has(what)),
  );
});

test("run: bad lines end in the dead letter with their reason, all others are matched", async (t) => {
  const { rig, files, line } = await running(t);
  for (const bad of allLines()) files.appendLine(bad);
  const path = rig.path("findings.ndjson");
  const last = caseName("m", STRANGE.length + 1);
  await line.until("the last finding", () => readNdjson(path).some((arrival) => arrival.case === last));
  const read = await line.metrics();
  assert.equal(read.get('tipline_dead_letters_total{component="wazuh"}'), REFUSED.length);
  await endCleanly(line);
  checkFindings(path);
  checkLetters(await rig.deadLetters());
  assert.deepEqual(
    line.logs.filter(({ level }) => !(Number(level) < 50)),
    [],
  );
});

test("enrich: input that cannot be read fails the command after all the rest", async (t) => {
  const rig = await withFeed(t);
  const good = rig.write("good.json", `${matchingAlert(1)}\n`);
  const packed = gzipSync(`${matchingAlert(2)}\n`.repeat(2000));
  const files: (readonly [string, RegExp])[] = [
    [rig.path("absent.json"), /absent\.json/],
    [rig.write("folder/x", "").replace(/\/x$/, ""), /folder/],
    [rig.write("cut.json.gz", packed.subarray(0, packed.length >> 1)), /cut\.json\.gz/],
  ];
  if (process.getuid?.() !== 0) {
    const secret = rig.write("secret.json", `${matchingAlert(3)}\n`);
    chmodSync(secret, 0o000);
    files.push([secret, /secret\.json/]);
  }
  for (const [file, says] of files) {
    const out = await tipline(["enrich", "--feed", rig.path("feed.txt"), file, good], {
      env: { XDG_CACHE_HOME: rig.path("cache") },
    });
    assert.equal(out.code, 1, `${file}: ${out.stderr}`);
    assert.match(out.stderr, says);
    assert.doesNotMatch(out.stderr, /\n {4}at /, "no stack");
    assert.ok(out.stdout.includes(caseName("m", 1)), "the rest was matched");
  }
});

test("run: alerts.json that is no file is told, and read when it is one", async (t) => {
  const rig = await LineRig.create(t, (rig) => ({
    sources: { wazuh: { type: "wazuh-alerts", path: rig.path("logs", "alerts.json"), start: "beginning" } },
    feeds: { numbered: { type: "list-file", path: rig.write("feed.txt", indicatorList(INDICATORS)) } },
    sinks: { file: { type: "ndjson", path: rig.path("findings.ndjson") } },
  }));
  mkdirSync(rig.path("logs"));
  const line = rig.start();
  await line.until("the absence to be told", async () =>
    /source wazuh: .*alerts\.json is not there/.test((await line.health())?.body ?? ""),
  );
  writeFileSync(rig.path("logs", "alerts.json"), `${matchingAlert(1)}\n`);
  await line.until("the finding", () => readNdjson(rig.path("findings.ndjson")).length === 1);
  await line.until("health", async () => (await line.health())?.status === 200);
  await endCleanly(line);
});

test("a wrong configuration: every fault with its line, exit code 2, nothing made", async (t) => {
  const rig = await withFeed(t);
  const config = rig.write(
    "wrong.yaml",
    [
      `state_dir: ${rig.stateDir}`,
      "sorces: {}",
      "feeds:",
      "  misp:",
      "    type: misp-server",
      "    url: 17",
      "sinks:",
      "  file:",
      "    type: ndjson",
      "    pth: /tmp/x",
      "  other:",
      "    type: nosuch",
      "storm:",
      "  window: soon",
    ].join("\n"),
  );
  for (const command of [
    ["run", "--config"],
    ["sync", "--config"],
    ["config", "check"],
  ]) {
    const out = await tipline([...command, config]);
    assert.equal(out.code, 2, `${command.join(" ")}: ${out.stderr}${out.stdout}`);
    assert.match(out.stderr, /sorces: unknown key \(wrong\.yaml:2\)/);
    assert.match(out.stderr, /storm\.window: expected a duration .*\(wrong\.yaml:14\)/);
    assert.doesNotMatch(out.stderr, /\n {4}at /, "no stack");
  }
  const second = rig.write(
    "second.yaml",
    readFileSync(config, "utf8")
      .replace(/sorces.*\n/, "")
      .replace("soon", "1h"),
  );
  const out = await tipline(["run", "--config", second]);
  assert.equal(out.code, 2, out.stderr);
  assert.match(out.stderr, /feeds\.misp\.url: .*\(second\.yaml:5\)/);
  assert.match(out.stderr, /sinks\.file\.pth: unknown key \(second\.yaml:9\)/);
  assert.match(out.stderr, /sinks\.other\.type: expected one of .*nosuch.*\(second\.yaml:11\)/);
  const broken = rig.write("broken.yaml", "feeds:\n  a: [1,\nsinks: {}\n");
  const told = await tipline(["run", "--config", broken]);
  assert.equal(told.code, 2);
  assert.match(told.stderr, /broken\.yaml:[123]/);
  assert.ok(!existsSync(rig.stateDir), "no state was made");
});

test("a MISP feed with broken events: the good ones go live, the others are told", async (t) => {
  const rig = await withFeed(t);
  const folder = rig.path("misp");
  mkdirSync(folder);
  const event = (n: number, attributes: unknown) => ({
    Event: {
      uuid: `5f0f3e6a-0000-4000-8000-00000000000${n}`,
      info: `Event ${n}`,
      date: "2026-11-01",
      threat_level_id: "1",
      published: true,
      Orgc: { name: "TEST" },
      Attribute: attributes,
    },
  });
  const attribute = (value: unknown, n: number) => ({
    uuid: `5f0f3e6a-0000-4000-8000-0000000001${String(n).padStart(2, "0")}`,
    type: "domain",
    category: "Network activity",
    to_ids: true,
    value,
  });
  const events: Readonly<Record<string, unknown>> = {
    good: event(1, [attribute(indicatorOf(1), 1)]),
    "attributes-a-string": event(2, "none"),
    "attributes-numbers": event(3, [
      1,
      null,
      "x",
      [],
      attribute(17, 3),
      attribute({ a: 1 }, 4),
      attribute(indicatorOf(2), 5),
    ]),
    "no-event": { Evnt: {} },
    "an-array": [1, 2, 3],
    polluted: JSON.parse(
      '{"Event":{"uuid":"5f0f3e6a-0000-4000-8000-000000000006","info":7,"Attribute":[],"__proto__":{"x":1}}}',
    ),
  };
  for (const [name, content] of Object.entries(events))
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(content));
  writeFileSync(join(folder, "cut.json"), JSON.stringify(events["good"]).slice(0, -20));
  rig.configure({ feeds: { misp: { type: "misp-feed", path: folder } } });
  const sync = await rig.command(["sync", "--json"]);
  assert.ok(sync.code === 0 || sync.code === 1, sync.stderr);
  assert.doesNotMatch(sync.stderr, /\n {4}at /, "no stack");
  const lookup = await rig.command(["lookup", "--json", indicatorOf(1), indicatorOf(2)]);
  assert.equal(lookup.code, 0, `${sync.stdout}\n${sync.stderr}\n${lookup.stderr}`);
  const found = lookup.stdout.trimEnd().split("\n");
  assert.equal(found.length, 2);
  for (const line of found) assert.match(line, /Event [13]/);
});

test("a damaged generation is refused loudly; the one before serves, or a new one is made", async (t) => {
  const { rig, files, line } = await running(t);
  files.appendLine(matchingAlert(1));
  const path = rig.path("findings.ndjson");
  await line.until("the first finding", () => readNdjson(path).length === 1);
  rig.write("feed.txt", indicatorList(INDICATORS + 1));
  const sync = await rig.command(["sync", "--json"]);
  assert.equal(sync.code, 0, sync.stderr);
  const { generation } = JSON.parse(sync.stdout);
  await endCleanly(line);

  const verified = await rig.command(["index", "verify"]);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  const damaged = damageNewest(join(rig.stateDir, "generations"));
  const verify = await rig.command(["index", "verify"]);
  assert.equal(verify.code, 1, `${damaged}: ${verify.stdout}${verify.stderr}`);
  const lookup = await rig.command(["lookup", "--json", indicatorOf(1)]);
  assert.equal(lookup.code, 0, lookup.stderr);

  const again = rig.start();
  files.appendLine(matchingAlert(INDICATORS));
  files.appendLine(matchingAlert(2));
  await again.until("both findings", () => readNdjson(path).length >= 3);
  await endCleanly(again);
  assert.ok(
    again.logs.some(
      ({ level, msg }) => Number(level) >= 40 && /damaged|corrupt|checksum|refused/i.test(`${String(msg)}`),
    ),
    again.stderr,
  );
  const used = readNdjson(path).map(({ text }) => JSON.parse(text).data.misp.generation);
  assert.ok(!used.slice(1).includes(generation), "the damaged one judged nothing");
  const { findings } = countArrivals(readNdjson(path));
  assert.deepEqual([...findings.values()].map((arrival) => arrival.case).sort(), casesOf(countOnDisk(files.root), "m"));
});

/** Flips one byte in the middle of the newest segment's index; gives its name. */
function damageNewest(folder: string): string {
  const current = readFileSync(join(folder, "current"), "utf8").trim();
  const manifest = JSON.parse(readFileSync(join(folder, current), "utf8").split("\n")[1] ?? "");
  const { name } = manifest.layers.at(-1);
  const path = join(folder, readdirSync(folder).find((file) => file === `${name}.idx`) ?? "");
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
  return name;
}

/** A matching alert with one more member at the end of its top level. */
function withMember(n: number, member: string): string {
  return `${matchingAlert(n).slice(0, -1)},${member}}`;
}

/** Strange and refused lines by turns, a plain match last. */
function* allLines(): Generator<string | Buffer> {
  for (let at = 0; at < Math.max(STRANGE.length, REFUSED.length); at += 1) {
    if (REFUSED[at] !== undefined) yield REFUSED[at]![1];
    if (STRANGE[at] !== undefined) yield STRANGE[at]![1];
  }
  yield matchingAlert(STRANGE.length + 1);
}

function checkFindings(path: string): void {
  const arrivals = readNdjson(path);
  const found = new Map(arrivals.map((arrival) => [arrival.case, arrival]));
  for (const [at, [what]] of STRANGE.entries()) {
    const arrival = found.get(caseName("m", at + 1));
    assert.ok(arrival, `${what}: no finding`);
    assert.equal(arrival.value, indicatorOf(at + 1), what);
    const enriched = JSON.parse(arrival.text);
    assert.equal(enriched.polluted, undefined, what);
    assert.equal(enriched.data.misp.polluted, undefined, what);
  }
  assert.equal(arrivals.length, STRANGE.length + 1, "and nothing else");
}

function checkLetters(
  letters: readonly { readonly kind: string; readonly reason: string; readonly origin?: string }[],
  refused = REFUSED,
): void {
  for (const [what, , says] of refused)
    assert.ok(
      letters.some(({ reason }) => says.test(reason)),
      `${what}: ${JSON.stringify(
        letters.map(({ reason }) => reason),
        null,
        1,
      )}`,
    );
  assert.equal(letters.length, refused.length);
  assert.equal(new Set(letters.map(({ origin }) => origin)).size, letters.length);
}

async function withFeed(t: TestContext): Promise<LineRig> {
  return LineRig.create(t, (rig) => ({
    feeds: { numbered: { type: "list-file", path: rig.write("feed.txt", indicatorList(INDICATORS)) } },
  }));
}

async function running(t: TestContext): Promise<{ rig: LineRig; files: WazuhFiles; line: LineProcess }> {
  let files: WazuhFiles | undefined;
  const rig = await LineRig.create(
    t,
    (rig) => {
      files = new WazuhFiles(rig.path("logs"));
      return {
        sources: { wazuh: { type: "wazuh-alerts", path: files.path, start: "beginning" } },
        feeds: { numbered: { type: "list-file", path: rig.write("feed.txt", indicatorList(INDICATORS)) } },
        sinks: { file: { type: "ndjson", path: rig.path("findings.ndjson") } },
        sync: { interval: "1h" },
      };
    },
    () => files?.close(),
  );
  assert.ok(files);
  const line = rig.start();
  await line.ready();
  return { rig, files, line };
}

async function endCleanly(line: LineProcess): Promise<void> {
  assert.deepEqual(await line.kill("SIGTERM"), { code: 0, signal: null }, line.stderr.slice(-4000));
}
