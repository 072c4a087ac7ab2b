import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TiplineError } from "../../../../src/lib/errors.ts";
import { HOOK_NAMES, hookFor, renderHook } from "../../../../src/setup/wazuh/hook.ts";
import { pathsOf } from "../../../../src/setup/wazuh/installation.ts";
import { HookRig } from "../../../support/hook.ts";

const ALERT =
  '{"timestamp":"2026-11-21T21:45:50.015+0000","rule":{"level":5},"id":"1.1","full_log":"a\\\\b \u00e9 %s $(x) `y`"}\n';
const SHELLS = ["/bin/sh", "/bin/dash", "/bin/bash"].filter((path) => statSync(path, { throwIfNoEntry: false }));

test("the alert arrives byte for byte under a name of its own, and nothing is printed", (t) => {
  for (const shell of SHELLS) {
    const rig = new HookRig(t);
    const alert = rig.alert(ALERT);
    assert.deepEqual(rig.run(alert, [shell]), { status: 0, stdout: "", stderr: "" });
    assert.deepEqual(rig.run(alert, [shell]), { status: 0, stdout: "", stderr: "" });
    assert.deepEqual(rig.contents(), [ALERT, ALERT]);
    assert.match(rig.names()[0] ?? "", /^custom-tipline-1795297550-104729\.alert\.\d+$/);
    assert.deepEqual(rig.logged(), []);
  }
});

test("the alert outlives its own file, which integratord deletes at once", (t) => {
  const rig = new HookRig(t);
  const alert = rig.alert(ALERT);
  rig.run(alert);
  rmSync(alert);
  assert.deepEqual(rig.contents(), [ALERT]);
});

test("where a link cannot be made it copies under a dot-name and renames, and remembers that", (t) => {
  const rig = new HookRig(t);
  rig.replaceProgram("ln", `echo called >>"${rig.folder}/ln"; exit 1`);
  rig.replaceProgram("mv", `ls -A "${rig.spool}" >>"${rig.folder}/mv"; exec /bin/mv "$@"`);
  for (let n = 0; n < 6; n += 1) assert.equal(rig.run(rig.alert(ALERT)).status, 0);
  assert.deepEqual(rig.contents(), Array(6).fill(ALERT));
  const read = (name: string) =>
    String(spawnSync("cat", [join(rig.folder, name)]).stdout)
      .trimEnd()
      .split("\n");
  assert.match(read("mv")[0] ?? "", /^\.custom-tipline-1795297550-104729\.alert\.\d+$/);
  // Looked at anew once in a hundred process ids.
  assert.ok(read("ln").length < 6);
  const [name = ""] = rig.names();
  assert.equal(statSync(join(rig.spool, name)).mode & 0o777, 0o640);
});

test("a link instead of the alert's file is followed and copied", (t) => {
  const rig = new HookRig(t);
  const link = join(rig.folder, "link.alert");
  symlinkSync(rig.alert(ALERT), link);
  assert.equal(rig.run(link).status, 0);
  const [name = ""] = rig.names();
  assert.ok(statSync(join(rig.spool, name)).isFile());
  assert.deepEqual(rig.contents(), [ALERT]);
});

test("a path that is used again with other content hands over both: only integratord's own files are linked", (t) => {
  for (const shell of SHELLS) {
    const rig = new HookRig(t);
    const same = join(rig.folder, "same");
    for (const text of ["A\n", "B\n"]) {
      writeFileSync(same, text);
      assert.deepEqual(rig.run(same, [shell]), { status: 0, stdout: "", stderr: "" });
    }
    assert.deepEqual(rig.contents().sort(), ["A\n", "B\n"]);
    // As integratord's, so that a copy cut short is found as well; and nothing is remembered against links.
    for (const name of rig.names()) assert.match(name, /^same\.alert\.\d+$/);
    assert.deepEqual(readdirSync(rig.spool).sort(), rig.names().sort());
  }
});

test("integratord's own files are linked: one file, and no other program", (t) => {
  const rig = new HookRig(t);
  rig.replaceProgram("cp", "exit 1");
  const alert = rig.alert(ALERT);
  assert.equal(rig.run(alert).status, 0);
  assert.equal(statSync(join(rig.spool, rig.names()[0] ?? "")).ino, statSync(alert).ino);
});

test("names that look like an option or are hidden are handed over under one that is read", (t) => {
  for (const shell of SHELLS)
    for (const name of ["-n.alert", "--help", "-rf", ".hidden.alert", ".hidden"]) {
      const rig = new HookRig(t);
      writeFileSync(join(rig.folder, name), ALERT);
      assert.deepEqual(rig.run(name, [shell]), { status: 0, stdout: "", stderr: "" }, name);
      assert.deepEqual(rig.contents(), [ALERT], name);
      assert.deepEqual(readdirSync(rig.spool), rig.names(), name);
    }
});

test("a missing spool: exit 1, the reason on stderr for ossec.log, one line a minute in the log", (t) => {
  const rig = new HookRig(t, { spool: false });
  const { status, stdout, stderr } = rig.run(rig.alert(ALERT));
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /^\d{4}\/\d\d\/\d\d \d\d:\d\d custom-tipline: ERROR: .* is not in the spool: cp: /);
  for (let n = 0; n < 5; n += 1) rig.run(rig.alert(ALERT));
  assert.ok(rig.logged().length <= 2, rig.logged().join("\n"));
  assert.match(rig.logged()[0] ?? "", /No such file or directory$/);
});

test("no alert's file: exit 1, and it says so", (t) => {
  const rig = new HookRig(t);
  assert.match(rig.run("/nowhere/x.alert").stderr, /expected the file of an alert .* found '\/nowhere\/x\.alert'/);
  assert.deepEqual(readdirSync(rig.spool), []);
});

test("a copy that fails leaves nothing behind", (t) => {
  const rig = new HookRig(t);
  rig.replaceProgram("ln", "exit 1");
  rig.replaceProgram("cp", `printf '{"half' >"$2"; echo "cp: error writing '$2': No space left on device" >&2; exit 1`);
  const { status, stderr } = rig.run(rig.alert(ALERT));
  assert.equal(status, 1);
  assert.match(stderr, /No space left on device/);
  assert.deepEqual(readdirSync(rig.spool), []);
});

test("alerts are refused while the disk is nearly full, and taken as soon as it is not", (t) => {
  const rig = new HookRig(t);
  const df = (free: number) =>
    rig.replaceProgram(
      "df",
      `echo "Filesystem 1024-blocks Used Available Capacity Mounted on"; echo "/dev/x 9 9 ${free} 99% /"`,
    );
  df(524_287);
  writeFileSync(join(rig.spool, ".full"), "");
  const { status, stderr } = rig.run(rig.alert(ALERT));
  assert.equal(status, 1);
  assert.match(stderr, /less than 524288 KiB are free/);
  assert.deepEqual(rig.names(), []);
  df(524_288);
  assert.equal(rig.run(rig.alert(ALERT)).status, 0);
  assert.deepEqual(readdirSync(rig.spool), rig.names());
  assert.deepEqual(rig.contents(), [ALERT]);
});

test("the room is looked at once in a hundred alerts, and an answer that is none changes nothing", (t) => {
  const rig = new HookRig(t);
  rig.replaceProgram("df", `echo called >>"${rig.folder}/df"; echo "df: what?"; echo "/dev/my disk 1 x y z"`);
  for (let n = 0; n < 250; n += 1) assert.equal(rig.run(rig.alert(ALERT)).status, 0);
  assert.equal(rig.names().length, 250);
  assert.deepEqual(
    readdirSync(rig.spool).filter((name) => name.startsWith(".")),
    [],
  );
});

test("the script is plain POSIX: no bashisms that dash or bash --posix would refuse", () => {
  const script = renderHook({ spool: "/s", log: "/l" });
  for (const shell of [
    ["/bin/sh", "-n"],
    ["/bin/bash", "--posix", "-n"],
  ]) {
    if (!SHELLS.includes(shell[0] ?? "")) continue;
    // Without the environment's locale, which bash speaks of where it is not installed.
    const options = { input: script, encoding: "utf8", env: { PATH: process.env["PATH"] } } as const;
    const { status, stderr } = spawnSync(shell[0] ?? "", shell.slice(1), options);
    assert.deepEqual([status, stderr], [0, ""]);
  }
  assert.doesNotMatch(script, /\[\[|\blocal\b|<<<|\bfunction\b|\$'|&>|\bsource\b/);
  assert.match(script, /^#!\/bin\/sh\n/);
});

test("rendering puts both paths in and refuses what has no place between quotes", () => {
  const script = renderHook({ spool: "/var/ossec/queue/tip $& line", log: "/l" });
  assert.match(script, /^spool='\/var\/ossec\/queue\/tip \$& line'$/m);
  assert.match(script, /^log='\/l'$/m);
  for (const spool of ["relative", "/a'b", "/a\nb", "/a\u0000b", ""]) {
    assert.throws(
      () => renderHook({ spool, log: "/l" }),
      (error) => error instanceof TiplineError && /hook's spool/.test(error.message),
    );
  }
});

test("targets: under integrations, root:wazuh, 750; the spool is the group's", () => {
  const installation = { prefix: "/opt/w", paths: pathsOf("/opt/w") };
  const hook = hookFor(installation, { names: HOOK_NAMES });
  assert.deepEqual(hook.targets, [
    { path: "/opt/w/integrations/custom-tipline", owner: "root", group: "wazuh", mode: 0o750 },
    { path: "/opt/w/integrations/custom-misp.py", owner: "root", group: "wazuh", mode: 0o750 },
  ]);
  assert.deepEqual(hook.spool, { path: "/opt/w/queue/tipline", owner: "root", group: "wazuh", mode: 0o2770 });
  assert.match(hook.script, /^spool='\/opt\/w\/queue\/tipline'$/m);
  for (const names of [["misp"], ["custom-../x"], ["custom-a b"], ["slack"]])
    assert.throws(() => hookFor(installation, { names }), TiplineError);
});

test("a manager in a container: files go to the mounted folder, the script speaks of the manager's own paths", () => {
  const installation = { prefix: "/volumes/w", paths: pathsOf("/volumes/w") };
  const hook = hookFor(installation, { managerPrefix: "/var/ossec" });
  assert.equal(hook.spool.path, "/volumes/w/queue/tipline");
  assert.match(hook.script, /^spool='\/var\/ossec\/queue\/tipline'$/m);
  assert.match(hook.script, /^log='\/var\/ossec\/logs\/integrations\.log'$/m);
});
