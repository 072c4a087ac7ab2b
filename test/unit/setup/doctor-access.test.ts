import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { userHop } from "../../../src/setup/doctor-host.ts";
import { accessOf, type Identity, shellWord } from "../../../src/setup/doctor-host-access.ts";
import { tempDir } from "../../support/temp.ts";

const SEEN = { broken: () => false };
const NEVER = new AbortController().signal;

/** Some user of no account; `gids`: the groups that it is in. */
const user = (uid: number, ...gids: number[]): Identity => ({
  uid,
  gids: new Set(gids),
  name: "tipline",
  privileged: false,
  self: false,
});

function place(t: TestContext) {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  mkdirSync(join(dir, "alerts"));
  const file = join(dir, "alerts", "alerts.json");
  writeFileSync(file, "{}\n");
  // Group root is nobody's to join.
  if (process.getuid?.() === 0) for (const path of [join(dir, "alerts"), file]) chownSync(path, 64_001, 64_001);
  const { uid, gid } = statSync(file);
  return {
    dir,
    file,
    folder: join(dir, "alerts"),
    owner: user(uid),
    member: user(64_002, gid),
    stranger: user(64_002, 64_003),
  };
}

test("owner, group and others are told apart as the kernel does, folders included", (t) => {
  const { dir, file, folder, owner, member, stranger } = place(t);
  for (const [mode, who, need, allowed] of [
    [0o600, owner, "read", true],
    [0o600, member, "read", false],
    [0o640, member, "read", true],
    [0o640, stranger, "read", false],
    [0o604, stranger, "read", true],
    [0o604, member, "read", false],
    [0o040, owner, "read", false],
    [0o620, member, "write", true],
  ] as const) {
    chmodSync(file, mode);
    assert.equal(accessOf(file, who, need).status, allowed ? "yes" : "no", `${mode.toString(8)} ${need}`);
  }
  chmodSync(file, 0o644);
  chmodSync(folder, 0o700);
  const access = accessOf(file, stranger, "read");
  assert.equal(access.status === "no" ? access.at : access.status, folder);
  chmodSync(folder, 0o755);
  assert.equal(accessOf(join(dir, "nothing"), owner, "read").status, "absent");
});

test("a link is judged by what it points at", (t) => {
  const { dir, file, stranger } = place(t);
  chmodSync(file, 0o640);
  symlinkSync(file, join(dir, "link"));
  const access = accessOf(join(dir, "link"), stranger, "read");
  assert.equal(access.status === "no" ? access.at : access.status, file);
});

test("the remedy is the smallest: the owner's bit, the group's bit, or the group itself", (t) => {
  const { file, owner, member, stranger } = place(t);
  const remedy = (mode: number, who: Identity) => {
    chmodSync(file, mode);
    const access = accessOf(file, who, "read");
    return access.status === "no" ? access.remedy : access.status;
  };
  assert.equal(remedy(0o040, owner), `chmod u+r ${file}`);
  assert.equal(remedy(0o600, member), `chmod g+r ${file}`);
  assert.match(remedy(0o640, stranger), /^usermod -aG \S+ tipline$/);
  assert.equal(shellWord("/a b/it's"), "'/a b/it'\\''s'");
});

test("a user outside the manager's group is one fault, not one for each file", async (t) => {
  const { file, stranger } = place(t);
  chmodSync(file, 0o660);
  const hop = (who: Identity) =>
    userHop({ who, how: "test", restart: "systemctl restart tipline", reads: file, writes: file });
  const [check] = await hop(stranger).look(SEEN, NEVER);
  assert.equal(check?.status, "fail");
  assert.match(check?.advice ?? "", /^usermod -aG \S+ tipline && systemctl restart tipline$/);
  const [well] = await hop(user(64_002, statSync(file).gid)).look(SEEN, NEVER);
  assert.equal(well?.status, "ok");
});
