import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { TiplineError } from "../../src/lib/errors.ts";
import { install, uninstall } from "../../src/setup/wazuh/install.ts";
import { cliCommand } from "../support/cli.ts";
import { installRig, layPrefix, OK, type Rig, snapshot } from "../support/install-rig.ts";
import { SHAPES } from "../support/ossec-shapes.ts";
import { tempDir } from "../support/temp.ts";

const MISP_XML = `<group name="misp,">
  <rule id="100620" level="0">
    <field name="integration">misp</field>
    <description>MISP</description>
  </rule>
  <rule id="100622" level="12">
    <if_sid>100620</if_sid>
    <field name="misp.category">\\.+</field>
    <description>match</description>
  </rule>
</group>
`;

function prepare(t: Parameters<typeof tempDir>[0], before?: (step: string) => void) {
  const root = tempDir(t);
  const dir = join(root, "ossec");
  layPrefix(dir, SHAPES["stock"] ?? "", { rules: { "misp.xml": MISP_XML } });
  chmodSync(join(dir, "etc/rules/misp.xml"), 0o640);
  const rig = installRig(dir, { ...(before && { before }) });
  const options = {
    hook: true,
    visibility: true,
    agentGroups: ["default"],
    configFile: join(root, "etc/tipline.yaml"),
  };
  return { root, dir, rig, options };
}

async function steps(t: Parameters<typeof tempDir>[0], what: "install" | "uninstall", user = true) {
  const seen: string[] = [];
  const { rig, options } = prepare(t, (step) => seen.push(step));
  await install(rig.request, { ...options, user }, rig.world);
  if (what === "uninstall") {
    seen.length = 0;
    await uninstall({ ...rig.request, purge: false }, rig.world);
  }
  return seen.filter((step) => step !== "forget");
}

describe("install wazuh when something fails", () => {
  it("puts everything back at whatever step: content, mode and owner of the whole tree", async (t) => {
    const names = await steps(t, "install");
    assert.ok(names.length >= 12, names.join(", "));
    for (let at = 0; at < names.length; at++) {
      let n = 0;
      const { root, rig, options } = prepare(t, () => {
        if (n++ === at) throw new Error("no space left on device");
      });
      const before = snapshot(root);
      await assert.rejects(install(rig.request, options, rig.world), /no space left on device\nnothing is changed/);
      assert.deepEqual(snapshot(root), before, names[at]);
      assert.deepEqual(rig.accounts.made, []);
    }
  });

  it("puts everything back at whatever step of uninstall", async (t) => {
    const names = await steps(t, "uninstall");
    assert.ok(names.length >= 8, names.join(", "));
    for (let at = 0; at < names.length; at++) {
      let n = -1;
      const { root, rig, options } = prepare(t, () => {
        if (n >= 0 && n++ === at) throw new Error("no space left on device");
      });
      await install(rig.request, options, rig.world);
      const before = snapshot(root);
      n = 0;
      await assert.rejects(uninstall({ ...rig.request, purge: false }, rig.world), /nothing is changed/);
      assert.deepEqual(snapshot(root), before, names[at]);
    }
  });

  it("Ctrl-C at whatever step puts everything back, and the manager runs what is on the disk", async (t) => {
    const names = await steps(t, "install");
    for (const [at, name] of names.entries()) {
      let n = 0;
      const { root, rig, options } = prepare(t, () => {
        if (n++ === at) rig.interrupt();
      });
      const before = snapshot(root);
      await assert.rejects(install(rig.request, options, rig.world), /interrupted/);
      assert.deepEqual(snapshot(root), before, name);
      const restarts = rig.ran.filter((line) => line.endsWith("restart")).length;
      assert.equal(restarts, name === "remember" ? 2 : 0, name);
    }
  });

  const refusals: Readonly<Record<string, readonly [(rig: Rig) => void, RegExp]>> = {
    "analysisd does not start": [
      (rig) => {
        rig.analysisd = (call) =>
          call === 0
            ? OK
            : { code: 1, output: line("ERROR: (1226): Error reading XML file 'etc/rules/tipline_rules.xml'") };
      },
      /wazuh-analysisd -t does not accept it:\n {2}\(1226\)/,
    ],
    ...Object.fromEntries(
      [
        "(1103): Could not open file 'etc/rules/tipline_rules.xml' due to [(13)-(Permission denied)].",
        "(7612): Rule ID '100622' is duplicated. Only the first occurrence will be considered.",
        "(7617): Signature ID '100620' was not found and will be ignored in the 'if_sid' option of rule '100622'.",
        "(7619): Empty 'if_sid' value. Rule '100637' will be ignored.",
      ].map((warning): [string, readonly [(rig: Rig) => void, RegExp]] => [
        `its warning ${warning.slice(1, 5)}`,
        [
          (rig) => {
            rig.analysisd = (call) => (call === 0 ? OK : { code: 0, output: line(`WARNING: ${warning}`) });
          },
          new RegExp(`does not accept it:\\n  \\(${warning.slice(1, 5)}\\)`),
        ],
      ]),
    ),
    "a rule of the user's that loses its parent": [
      (rig) => {
        const warning = "(7619): Empty 'if_sid' value. Rule '110777' will be ignored.";
        rig.analysisd = (call) => (call === 0 ? OK : { code: 0, output: line(`WARNING: ${warning}`) });
      },
      /110777/,
    ],
    "the restart fails": [
      (rig) => {
        let calls = 0;
        Object.defineProperty(rig, "restart", {
          get: () => (calls++ === 0 ? { code: 1, output: "wazuh-remoted did not start correctly.\n" } : OK),
        });
      },
      /restart failed\n {2}wazuh-remoted did not start correctly/,
    ],
  };
  for (const [name, [arrange, says]] of Object.entries(refusals))
    it(`${name}: put back`, async (t) => {
      const { root, rig, options } = prepare(t);
      arrange(rig);
      const before = snapshot(root);
      await assert.rejects(install(rig.request, options, rig.world), (error) => {
        assert.ok(error instanceof TiplineError);
        assert.match(error.message, says);
        assert.match(error.message, /nothing is changed/);
        return true;
      });
      assert.deepEqual(snapshot(root), before);
    });

  it("the hot reload is refused, or leaves a rule of ours out: put back, and the old rules loaded again", async (t) => {
    for (const result of [
      { status: "refused", errors: ["(1220): Error loading the rules"] },
      { status: "reloaded", warnings: ["(7612): Rule ID '100622' is duplicated."] },
    ] as const) {
      const { root, rig, options } = prepare(t);
      let calls = 0;
      rig.reload = () => (calls++ === 0 ? result : { status: "reloaded", warnings: [] });
      const before = snapshot(root);
      await assert.rejects(install(rig.request, { ...options, hook: undefined }, rig.world), /nothing is changed/);
      assert.deepEqual(snapshot(root), before);
      assert.equal(calls, 2);
    }
  });

  it("warnings of before are reported and fail nothing", async (t) => {
    const { rig, options } = prepare(t);
    rig.analysisd = () => ({
      code: 0,
      output: line("WARNING: (7612): Rule ID '110500' is duplicated. Only the first occurrence will be considered."),
    });
    assert.equal((await install(rig.request, options, rig.world)).status, "done");
    assert.ok(rig.said.some((said) => /was there before: .*110500/.test(said)));
  });

  it("a manager that would not start is not touched", async (t) => {
    const { root, rig, options } = prepare(t);
    rig.analysisd = () => ({ code: 1, output: line("CRITICAL: (1202): Configuration error at 'etc/ossec.conf'.") });
    const before = snapshot(root);
    await assert.rejects(install(rig.request, options, rig.world), /fails before anything is changed.*\n {2}\(1202\)/);
    assert.deepEqual(snapshot(root), before);
  });

  it("a file of ours that is broken XML is replaced, though the manager would not start with it", async (t) => {
    const { dir, rig, options } = prepare(t);
    await install(rig.request, options, rig.world);
    const path = join(dir, "etc/rules/tipline_rules.xml");
    const whole = readFileSync(path, "utf8");
    const half = whole.slice(0, whole.length / 2);
    writeFileSync(path, half);
    rig.analysisd = () =>
      readFileSync(path, "utf8") === half
        ? { code: 1, output: line("ERROR: (1226): Error reading XML file 'etc/rules/tipline_rules.xml'") }
        : { code: 0, output: line("WARNING: (7612): Rule ID '110500' is duplicated.") };
    assert.equal((await install(rig.request, options, rig.world)).status, "done");
    assert.equal(readFileSync(path, "utf8"), whole);
    assert.ok(rig.said.some((said) => /tipline_rules\.xml is broken and is replaced; .* backup/.test(said)));
    const copies = readdirSync(join(dir, "backup/tipline"), { recursive: true, withFileTypes: true });
    assert.ok(copies.some((one) => one.isFile() && readFileSync(join(one.parentPath, one.name), "utf8") === half));

    // A fault beside it is nobody's to replace: what was there, broken as it was, is there again.
    writeFileSync(path, half);
    rig.analysisd = () => ({ code: 1, output: line("CRITICAL: (1202): Configuration error at 'etc/ossec.conf'.") });
    await assert.rejects(install(rig.request, options, rig.world), /\(1202\).*\nnothing is changed/s);
    assert.equal(readFileSync(path, "utf8"), half);
  });

  it("a file that is changed while it works is not overwritten", async (t) => {
    const { dir, rig, options } = prepare(t, (step) => {
      if (step.endsWith("etc/rules/misp.xml"))
        writeFileSync(join(dir, "etc/rules/misp.xml"), "<!-- saved just now -->\n");
    });
    await assert.rejects(install(rig.request, options, rig.world), /misp\.xml was changed meanwhile: try again/);
    assert.equal(readFileSync(join(dir, "etc/rules/misp.xml"), "utf8"), "<!-- saved just now -->\n");
  });

  it("when putting back fails too, it says so, and the next run goes on with it", async (t) => {
    const { root, dir, rig, options } = prepare(t);
    const before = snapshot(root);
    let works = false;
    Object.defineProperty(rig, "restart", { get: () => (works ? OK : { code: 1, output: "no" }) });
    await assert.rejects(install(rig.request, options, rig.world), /putting it back failed: .*restart failed/);
    assert.deepEqual(snapshot(root, ["ossec/backup"]), before, "the files are as they were");
    works = true;
    assert.equal((await install(rig.request, options, rig.world)).status, "done");
    assert.ok(rig.said.some((said) => said.includes("was cut off: what it had done is put back first")));
    await uninstall({ ...rig.request, purge: true }, rig.world);
    assert.deepEqual(snapshot(dir), snapshotBelow(before, "ossec"));
  });
});

describe("install wazuh when the process dies", () => {
  it("at whatever step: the next run puts back what was done, then does it all", { timeout: 300_000 }, async (t) => {
    const names = [...(await steps(t, "install", false)), "forget"];
    const wanted = prepare(t);
    await install(wanted.rig.request, { ...wanted.options, user: false }, wanted.rig.world);
    const complete = snapshot(wanted.dir, ["backup"]);
    // Every third, and the last: each is a process of its own.
    for (let at = 0; at < names.length; at += at === names.length - 2 ? 1 : 3) {
      const { dir, rig, options, root } = prepare(t);
      const before = snapshot(root, ["ossec/backup", "etc"]);
      assert.equal(await dieAt(dir, options.configFile, at), "SIGKILL", names[at]);
      const rig2 = installRig(dir);
      const outcome = await install(rig2.request, { ...options, user: false }, rig2.world);
      const last = names[at] === "forget";
      assert.equal(outcome.status, last ? "unchanged" : "done", names[at]);
      assert.deepEqual(snapshot(dir, ["backup"]), complete, names[at]);
      await uninstall({ ...rig.request, purge: true }, rig2.world);
      assert.deepEqual(snapshot(root, ["ossec/backup", "etc"]), before, names[at]);
    }
  });
});

function snapshotBelow(whole: ReadonlyMap<string, string>, folder: string): ReadonlyMap<string, string> {
  const below = [...whole].filter(([path]) => path === folder || path.startsWith(`${folder}/`));
  return new Map(below.map(([path, entry]) => [path.slice(folder.length + 1), entry]));
}

function line(text: string): string {
  return `2026/11/22 10:00:00 wazuh-analysisd: ${text}\n`;
}

/** Runs `install` in a process that kills itself before step `at`; gives the signal that ended it. */
function dieAt(prefix: string, configFile: string, at: number): Promise<NodeJS.Signals | null> {
  const built = import.meta.url.endsWith(".js");
  const program = fileURLToPath(new URL(`../support/install-killed.${built ? "js" : "ts"}`, import.meta.url));
  const [node = "", ...before] = cliCommand().slice(0, -1);
  const child = spawn(node, [...before, program, prefix, configFile, String(at)], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, NODE_TEST_CONTEXT: "" },
  });
  return new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
}
