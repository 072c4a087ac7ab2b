import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { ReloadResult } from "../../../../src/clients/wazuh-analysis.ts";
import type { CommandResult } from "../../../../src/setup/wazuh/install-command.ts";
import { pathsOf } from "../../../../src/setup/wazuh/installation.ts";
import { type Manager, reloadManager } from "../../../../src/setup/wazuh/reload.ts";
import { faultsOf, isFault, type Ours, type TestResult, testAnalysisd } from "../../../../src/setup/wazuh/verify.ts";
import { tempDir } from "../../../support/temp.ts";

const OURS: Ours = { files: ["tipline_rules.xml"], ruleIds: new Set([100_620, 100_622, 100_630]) };
const NONE: TestResult = { status: "tested", starts: true, errors: [], warnings: [] };
const signal = new AbortController().signal;

interface Played {
  readonly version?: readonly [number, number, number];
  readonly answers?: Readonly<Record<string, CommandResult>>;
  readonly hot?: ReloadResult;
  readonly reachable?: boolean;
}

function manager({ version, answers = {}, hot, reachable = true }: Played): { manager: Manager; ran: string[] } {
  const ran: string[] = [];
  const [major, minor, patch] = version ?? [4, 14, 7];
  return {
    ran,
    manager: {
      installation: { prefix: "/p", version: { major, minor, patch }, user: undefined, paths: pathsOf("/p") },
      remote: false,
      unitPrefix: undefined,
      program: (name) => (reachable ? [`/p/bin/${name}`] : undefined),
      hotReload: async (path) => {
        ran.push(`hot ${path}`);
        return hot ?? { status: "reloaded", warnings: [] };
      },
      run: async (argv) => {
        ran.push(argv.join(" "));
        return answers[argv.slice(1).join(" ")] ?? { code: 0, output: "wazuh-analysisd is running...\n" };
      },
    },
  };
}

const line = (text: string) => `2026/11/22 10:00:00 wazuh-analysisd: ${text}\n`;
const tested = async (code: number, output: string) =>
  testAnalysisd(manager({ answers: { "-t": { code, output } } }).manager, signal);

describe("wazuh-analysisd -t", () => {
  it("is read without time and process, errors apart from warnings", async () => {
    const output =
      line("WARNING: (7612): Rule ID '1' is duplicated.") +
      "2026/11/22 10:00:00 wazuh-analysisd[812] rules.c:455 at OS_AddRule(): WARNING: (7617): Signature ID '2' was not found.\n" +
      "WARNING: (7619): bare\n" +
      line("INFO: Total rules enabled: '4000'") +
      "something else\n" +
      line("ERROR: (1226): Error reading XML file.");
    assert.deepEqual(await tested(1, output), {
      status: "tested",
      starts: false,
      errors: ["(1226): Error reading XML file."],
      warnings: ["(7612): Rule ID '1' is duplicated.", "(7617): Signature ID '2' was not found.", "(7619): bare"],
    });
  });

  it("has an error to show whatever it printed", async () => {
    assert.deepEqual((await tested(1, "Segmentation fault\n")) as unknown, {
      status: "tested",
      starts: false,
      errors: ["Segmentation fault"],
      warnings: [],
    });
    assert.match(JSON.stringify(await tested(139, "")), /exit 139/);
  });

  it("fails by whatever leaves a rule out that was there before", () => {
    for (const text of [
      "(7605): overwrite",
      "(7610): Group 'misp_alert' was not found. Invalid 'if_group'. Rule '110021' will be ignored.",
      "(7611): Category was not found. Invalid 'category'. Rule '110021' will be ignored.",
      "(7616): List 'etc/lists/x' could not be loaded. Rule '110021' will be ignored.",
      "(7620): Signature ID '100240' was not found. Invalid 'if_matched_sid'.Rule '110021' will be ignored.",
    ]) {
      assert.equal(isFault(text, NONE, OURS), true, text);
      assert.equal(isFault(text, { ...NONE, warnings: [text] } as TestResult, OURS), false, text);
    }
    assert.equal(isFault("(7613): Rule ID '7' does not exist but 'overwrite' is set to 'yes'.", NONE, OURS), false);
  });

  it("fails by what is ours alone where it did not start before and so said nothing of others", () => {
    const before: TestResult = { status: "tested", starts: false, errors: ["(1226)"], warnings: [] };
    assert.equal(isFault("(7612): Rule ID '110500' is duplicated.", before, OURS), false);
    assert.equal(isFault("(7612): Rule ID '100622' is duplicated.", before, OURS), true);
  });

  it("fails by each warning that is ours, and by any that is new", () => {
    const now = (...warnings: string[]): TestResult => ({ ...NONE, warnings }) as TestResult;
    const mine = [
      "(1103): Could not open file 'etc/rules/tipline_rules.xml' due to [(13)-(Permission denied)].",
      "(7612): Rule ID '100622' is duplicated. Only the first occurrence will be considered.",
      "(7617): Signature ID '100620' was not found and will be ignored in the 'if_sid' option of rule '100630'.",
      "(7619): Empty 'if_sid' value. Rule '100630' will be ignored.",
    ];
    assert.deepEqual(faultsOf(now(...mine), now(...mine), OURS), mine);
    const foreign = "(7612): Rule ID '110000' is duplicated. Only the first occurrence will be considered.";
    assert.deepEqual(faultsOf(now(foreign), NONE, OURS), [foreign]);
    assert.deepEqual(faultsOf(now(foreign), now(foreign), OURS), []);
    assert.deepEqual(faultsOf(now("(7003): something about tipline_rules.xml"), NONE, OURS), []);
  });

  it("cannot be asked where there is none", async () => {
    assert.equal((await testAnalysisd(manager({ reachable: false }).manager, signal)).status, "untested");
  });
});

describe("a manager that systemd runs", () => {
  it("is restarted by systemd, also where /var/ossec is a link to it", async (t) => {
    const root = tempDir(t);
    const real = join(root, "opt");
    mkdirSync(real);
    symlinkSync(real, join(root, "ossec"));
    for (const [unitPrefix, by] of [
      [real, "systemctl restart wazuh-manager"],
      [join(root, "ossec"), "systemctl restart wazuh-manager"],
      [join(root, "elsewhere"), "/p/bin/wazuh-control restart"],
      [undefined, "/p/bin/wazuh-control restart"],
    ] as const) {
      const played = manager({});
      const installation = { ...played.manager.installation, prefix: real };
      await reloadManager({ ...played.manager, installation, unitPrefix }, "restart", () => false, signal);
      assert.deepEqual(
        played.ran.filter((text) => text.endsWith(" restart") || text.includes(" restart ")),
        [by],
        unitPrefix ?? "no systemd",
      );
    }
  });
});

describe("reloading the manager", () => {
  const refuses = (text: string) => text.includes("100622");
  const reload = (played: Played, kind: "ruleset" | "restart" | "none" = "ruleset") => {
    const { manager: made, ran } = manager(played);
    return { ran, said: reloadManager(made, kind, refuses, signal) };
  };

  it("from 4.13 on asks analysisd, without a restart", async () => {
    const { ran, said } = reload({ version: [4, 13, 0] });
    assert.match(await said, /without a restart/);
    assert.deepEqual(ran, ["hot /p/queue/sockets/analysis"]);
  });

  it("before 4.13 restarts, and says why", async () => {
    const { ran, said } = reload({ version: [4, 12, 0] });
    assert.match(await said, /restarted \(Wazuh 4\.12\.0 reads rules at the start only/);
    assert.deepEqual(ran, [
      "/p/bin/wazuh-control status",
      "/p/bin/wazuh-control restart",
      "/p/bin/wazuh-control status",
    ]);
  });

  it("restarts for ossec.conf whatever the version", async () => {
    const { ran, said } = reload({}, "restart");
    assert.match(await said, /ossec\.conf is read at the start only/);
    assert.ok(!ran.some((text) => text.startsWith("hot")));
  });

  it("fails when the manager keeps its old rules, or leaves one of ours out", async () => {
    await assert.rejects(
      reload({ hot: { status: "refused", errors: ["(1220): Error loading the rules"] } }).said,
      /kept its old rules\n {2}\(1220\)/,
    );
    await assert.rejects(
      reload({ hot: { status: "reloaded", warnings: ["(7612): '100622'"] } }).said,
      /left rules out\n {2}\(7612\)/,
    );
    assert.match(await reload({ hot: { status: "reloaded", warnings: ["(7612): '5'"] } }).said, /read its rules again/);
  });

  it("restarts where the socket does not answer, unless the manager stands still", async () => {
    const hot = { status: "unreachable", code: "ENOENT", cause: new Error("x") } as const;
    assert.match(await reload({ hot }).said, /was restarted \(it did not answer/);
    const { ran, said } = reload({ hot, answers: { status: { code: 1, output: "wazuh-analysisd not running...\n" } } });
    assert.match(await said, /is not running: the changes count from its next start/);
    assert.ok(!ran.some((text) => text.endsWith("restart")));
  });

  it("says what is left to do where it cannot be reached", async () => {
    assert.match(await reload({ reachable: false }, "restart").said, /^restart the manager for the changes to count/);
    assert.equal(await reload({}, "none").said, "");
  });

  it("fails when the restart fails, or analysisd does not come back", async () => {
    await assert.rejects(
      reload({ answers: { restart: { code: 1, output: "no\n" } } }, "restart").said,
      /restart failed\n {2}no/,
    );
    let asked = 0;
    const { manager: made } = manager({});
    const flaky: Manager = {
      ...made,
      run: async (argv) => ({
        code: 0,
        output:
          argv.at(-1) === "status" && asked++ > 0
            ? "wazuh-analysisd not running...\n"
            : "wazuh-analysisd is running...\n",
      }),
    };
    await assert.rejects(reloadManager(flaky, "restart", refuses, signal), /does not run after the restart/);
  });
});
