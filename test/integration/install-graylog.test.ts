import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { KEY_PLACE } from "../../src/setup/graylog/options.ts";
import { PACK_ID, PACK_REVISION } from "../../src/setup/graylog/pack.ts";
import { type CliResult, cli } from "../support/cli.ts";
import { packFaults } from "../support/content-pack-validator/validate.ts";
import { FakeGraylog, TOKEN } from "../support/fake-graylog.ts";
import { tlsFixture } from "../support/http-server.ts";
import { tempDir } from "../support/temp.ts";

interface Answer {
  readonly status: string;
  readonly version: string;
  readonly steps: readonly { readonly what: string; readonly why: string }[];
  readonly checks: readonly { readonly name: string; readonly status: string; readonly advice: string }[];
}

const SECRETS = ["lookup-t0ken", "notify-t0ken"];

class Rig {
  readonly graylog: FakeGraylog;
  readonly #files: Record<string, string>;
  constructor(t: TestContext, graylog: FakeGraylog) {
    this.graylog = graylog;
    const folder = tempDir(t);
    this.#files = { token: join(folder, "token"), lookup: join(folder, "lookup"), notify: join(folder, "notify") };
    for (const [name, text] of [
      ["token", TOKEN],
      ["lookup", SECRETS[0]],
      ["notify", SECRETS[1]],
    ] as const)
      writeFileSync(this.#files[name] ?? "", `${text}\n`, { mode: 0o600 });
  }

  async run(command: "install" | "uninstall", ...args: string[]): Promise<CliResult> {
    const server = ["--url", this.graylog.url, "--token-file", this.#files["token"] ?? ""];
    const result = await cli([command, "graylog", ...server, ...args]);
    for (const secret of [TOKEN, ...SECRETS])
      assert.ok(!`${result.stdout}${result.stderr}`.includes(secret), "a secret was printed");
    return result;
  }

  doctor(): Promise<CliResult> {
    return cli(["doctor", "graylog", "--json", "--url", this.graylog.url, "--token-file", this.#files["token"] ?? ""]);
  }

  async json(command: "install" | "uninstall", ...args: string[]): Promise<Answer> {
    const { stdout, stderr } = await this.run(command, "--json", ...args);
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout);
  }

  install(...args: string[]): Promise<Answer> {
    return this.json("install", "--yes", ...this.tokens, ...args);
  }

  /** Value of a parameter of the one installation. */
  parameter(name: string): unknown {
    const [installation] = this.graylog.installations;
    return (installation?.parameters[name] as Record<string, unknown> | undefined)?.["@value"];
  }

  get tokens(): string[] {
    return ["--lookup-token-file", this.#files["lookup"] ?? "", "--notify-token-file", this.#files["notify"] ?? ""];
  }
}

const start = async (t: TestContext, options = {}) => new Rig(t, await FakeGraylog.start(t, options));

test("uploads, installs with every parameter, resumes the streams, allows the URLs and reads back", async (t) => {
  const rig = await start(t);
  const { status, checks } = await rig.install("--tipline-url", "https://tipline.example.org:9628");
  assert.equal(status, "done");
  assert.ok(
    checks.every((check) => check.status === "ok"),
    JSON.stringify(checks),
  );
  assert.ok(checks.length >= 6);
  const { graylog } = rig;
  assert.deepEqual(
    graylog.changes.map((line) => line.replace(/[0-9a-f]{24}/, "ID")),
    [
      "PUT /api/system/urlallowlist",
      "POST /api/system/content_packs",
      `POST /api/system/content_packs/${PACK_ID}/${PACK_REVISION}/installations`,
      "POST /api/streams/ID/resume",
    ],
  );
  assert.ok([...graylog.streams.values()].every(({ disabled }) => !disabled));
  assert.equal(rig.parameter("LOOKUP_AUTHORIZATION"), "Bearer lookup-t0ken");
  assert.equal(rig.parameter("NOTIFY_HEADERS"), "Authorization: Bearer notify-t0ken");
  assert.equal(rig.parameter("LOOKUP_URL"), `https://tipline.example.org:9628/v1/lookup?value=${KEY_PLACE}`);
  assert.ok(!JSON.stringify([...graylog.packs.values()]).includes("t0ken"), "no token in the pack");
  assert.ok(graylog.requests.every(({ headers }) => headers["x-requested-by"] === "tipline"));
});

test("again changes nothing, keeps tokens and options that are not said again, and resumes what was paused", async (t) => {
  const rig = await start(t);
  await rig.install("--min-score", "80", "--raw-port", "5556", "--tipline-url", "https://tipline.example.org:9628");
  const before = rig.graylog.changes.length;
  const again = await rig.json("install", "--yes");
  assert.deepEqual([again.status, again.steps, rig.graylog.changes.length], ["unchanged", [], before]);
  for (const stream of rig.graylog.streams.values()) stream.disabled = true;
  const resumed = await rig.json("install", "--yes");
  assert.deepEqual(
    resumed.steps.map(({ what }) => what),
    ["resume the stream Tipline findings"],
  );
  assert.ok([...rig.graylog.streams.values()].every(({ disabled }) => !disabled));
  const changed = await rig.json("install", "--yes", "--hosts", "5");
  assert.equal(changed.status, "done");
  assert.deepEqual([rig.graylog.installations.length, rig.graylog.inputs.size], [1, 2]);
  assert.deepEqual(
    [rig.parameter("RAW_PORT"), rig.parameter("NOTIFY_HEADERS")],
    [5556, "Authorization: Bearer notify-t0ken"],
  );
  assert.match(JSON.stringify([...rig.graylog.packs.values()]), /tipline_score:>=80/);
});

test("a new revision takes the place of an old one", async (t) => {
  const rig = await start(t);
  await rig.install();
  const { graylog } = rig;
  // As an older Tipline would have left it.
  const [old] = [...graylog.packs.values()];
  graylog.packs.clear();
  graylog.packs.set(`${PACK_ID}/0`, { ...old, rev: 0 });
  graylog.installations = graylog.installations.map((one) => ({ ...one, content_pack_revision: 0 }));
  const { status, steps } = await rig.json("install", "--yes");
  assert.equal(status, "done");
  assert.match(steps.map(({ what }) => what).join("; "), /^uninstall revision 0; upload revision \d+ .*; install it/);
  assert.deepEqual(
    graylog.installations.map((one) => one.content_pack_revision),
    [PACK_REVISION],
  );
  assert.equal(graylog.inputs.size, 2);
});

test("a newer Tipline's revision is not put back", async (t) => {
  const rig = await start(t);
  rig.graylog.packs.set(`${PACK_ID}/99`, { id: PACK_ID, rev: 99, description: "" });
  const { code, stderr } = await rig.run("install", "--yes");
  assert.equal(code, 1);
  assert.match(stderr, /revision 99 .* newer Tipline/);
  assert.deepEqual(rig.graylog.changes, []);
});

test("a dry run shows every step and changes nothing", async (t) => {
  const rig = await start(t);
  const { code, stdout, stderr } = await rig.run("install", "--dry-run");
  assert.equal(code, 0);
  assert.match(stdout, /allow Tipline's two URLs[\s\S]*upload revision[\s\S]*resume its streams/);
  assert.match(stderr, /nothing was changed/);
  assert.deepEqual(rig.graylog.changes, []);
  const unasked = await rig.run("install");
  assert.deepEqual([unasked.code, rig.graylog.changes.length], [2, 0]);
});

test("Graylog 6 keeps its allowlist under its older name, and its streams run at once", async (t) => {
  const rig = await start(t);
  rig.graylog.version = "6.0.4";
  rig.graylog.allowlist = {
    entries: [{ id: "theirs", type: "literal", title: "x", value: "https://x" }],
    disabled: false,
  };
  assert.equal((await rig.install()).status, "done");
  assert.equal(rig.graylog.allowlist.entries.length, 3);
  assert.ok(!rig.graylog.changes.some((line) => line.endsWith("/resume")));
});

test("what it finds out afterwards is said, with what to do, and a broken input is a failure", async (t) => {
  const rig = await start(t);
  rig.graylog.inputState = "FAILED";
  rig.graylog.verdict = null;
  const { checks } = await rig.install();
  const bad = checks.filter(({ status }) => status !== "ok");
  assert.deepEqual(bad.map(({ status }) => status).sort(), ["fail", "fail", "warn"]);
  assert.ok(bad.every(({ advice }) => advice !== ""));
});

test("doctor graylog says what is broken by now, and changes nothing", async (t) => {
  const rig = await start(t);
  await rig.install();
  const before = rig.graylog.changes.length;
  const examine = async () =>
    (await rig.doctor()).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  assert.deepEqual(new Set((await examine()).map(({ status }) => status)), new Set(["ok"]));
  for (const stream of rig.graylog.streams.values()) stream.disabled = true;
  rig.graylog.rules.set("tipline-10-alert", { source: "", errors: [{ line: 1, reason: "no such function" }] });
  const broken = (await examine()).filter(({ status }) => status === "fail").map(({ name }) => name);
  assert.deepEqual(broken, ["stream Tipline findings", "rule tipline-10-alert"]);
  assert.equal((await rig.doctor()).code, 1);
  assert.equal(rig.graylog.changes.length, before);
});

test("TLS is verified with the authority that is given, and not without it", async (t) => {
  const rig = await start(t, { tls: true });
  const refused = await rig.run("install", "--dry-run");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /no trusted connection/);
  assert.equal((await rig.run("install", "--dry-run", "--ca-file", tlsFixture("ca.pem"))).code, 0);
});

test("uninstall takes all of it away, the allowlist's entries too, and nothing that is somebody else's", async (t) => {
  const rig = await start(t);
  rig.graylog.allowlist = {
    entries: [{ id: "theirs", type: "literal", title: "x", value: "https://x" }],
    disabled: false,
  };
  await rig.install();
  const { status } = await rig.json("uninstall", "--yes");
  assert.equal(status, "done");
  const { packs, installations, inputs, streams, rules, allowlist } = rig.graylog;
  assert.deepEqual([packs.size, installations.length, inputs.size, streams.size, rules.size], [0, 0, 0, 0, 0]);
  assert.deepEqual(
    allowlist.entries.map(({ id }) => id),
    ["theirs"],
  );
  assert.equal((await rig.json("uninstall", "--yes")).status, "unchanged");
});

test("--write gives a pack that Graylog takes by hand: no token, allowlist and all", async (t) => {
  const file = join(tempDir(t), "pack.json");
  const write = (...args: string[]) => cli(["install", "graylog", "--write", file, ...args]);
  const { code, stderr } = await write("--tipline-url", "https://tipline.example.org:9628");
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Content Packs → Upload/);
  const pack = JSON.parse(readFileSync(file, "utf8"));
  assert.deepEqual(packFaults(pack), []);
  assert.equal(
    pack.entities.filter(({ type }: { type: { name: string } }) => type.name === "url_whitelist_entry").length,
    2,
  );
  assert.match((await write("--tipline-url", "https://tipline.example.org:9628")).stderr, /as it should be/);
  assert.equal((await write("--hosts", "4")).code, 2, "another one is replaced on agreement only");
  assert.equal((await write("--hosts", "4", "--yes")).code, 0);
  const printed = await cli(["install", "graylog", "--write", "-"]);
  assert.deepEqual(packFaults(JSON.parse(printed.stdout)), []);
});
