import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  folderOwner,
  makeFolder,
  type Place,
  readState,
  removeFile,
  removeTree,
  writeState,
} from "../../../../src/setup/wazuh/install-files.ts";
import { tempDir } from "../../../support/temp.ts";

const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
const state = (text: string, mode = 0o640) => ({ bytes: Buffer.from(text), mode, ...own });

function ground(t: Parameters<typeof tempDir>[0]) {
  const anchor = realpathSync(tempDir(t));
  mkdirSync(join(anchor, "etc/rules"), { recursive: true });
  const elsewhere = realpathSync(tempDir(t));
  return { anchor, elsewhere, at: (path: string): Place => ({ anchor, path: join(anchor, path) }) };
}

describe("writing below a folder that others may write to", () => {
  it("puts a file there whole, with its owner and mode whatever the umask", (t) => {
    const { at } = ground(t);
    writeState(at("etc/rules/a.xml"), state("x", 0o666));
    assert.equal(statSync(at("etc/rules/a.xml").path).mode & 0o7777, 0o666);
    assert.deepEqual(readState(at("etc/rules/a.xml")), state("x", 0o666));
    writeState(at("etc/rules/a.xml"), state("yy", 0o600));
    assert.deepEqual(readState(at("etc/rules/a.xml")), state("yy", 0o600));
  });

  it("follows no link: not of the file, not of a folder on the way, not to read, write, make or remove", (t) => {
    const { anchor, elsewhere, at } = ground(t);
    writeFileSync(join(elsewhere, "shadow"), "root");
    symlinkSync(join(elsewhere, "shadow"), join(anchor, "etc/rules/link.xml"));
    symlinkSync(elsewhere, join(anchor, "etc/shared"));
    for (const act of [readState, removeFile, (place: Place) => writeState(place, state("x"))])
      assert.throws(() => act(at("etc/rules/link.xml")), /expected a regular file, found a link/);
    for (const act of [
      readState,
      removeFile,
      folderOwner,
      removeTree,
      (place: Place) => writeState(place, state("x")),
      (place: Place) => makeFolder(place, { mode: 0o700, ...own }),
    ])
      assert.throws(() => act(at("etc/shared/default")), /expected a folder, found something else at shared/);
    assert.equal(readFileSync(join(elsewhere, "shadow"), "utf8"), "root");
    assert.equal(existsSync(join(elsewhere, "default")), false);
  });

  it("refuses what is no regular file, without waiting for it", (t) => {
    const { anchor, at } = ground(t);
    execFileSync("mkfifo", [join(anchor, "etc/rules/pipe.xml")]);
    mkdirSync(join(anchor, "etc/rules/folder.xml"));
    for (const name of ["pipe.xml", "folder.xml"]) {
      assert.throws(() => readState(at(`etc/rules/${name}`)), /expected a regular file/);
      assert.throws(() => writeState(at(`etc/rules/${name}`), state("x")), /expected a regular file/);
    }
  });

  it("leaves other names of the file alone", (t) => {
    const { anchor, at } = ground(t);
    writeFileSync(join(anchor, "other"), "before");
    linkSync(join(anchor, "other"), join(anchor, "etc/rules/a.xml"));
    writeState(at("etc/rules/a.xml"), state("after"));
    assert.equal(readFileSync(join(anchor, "other"), "utf8"), "before");
  });

  it("stays below its anchor", (t) => {
    const { anchor } = ground(t);
    for (const path of [anchor, join(anchor, "../x"), "/etc/passwd"])
      assert.throws(() => readState({ anchor, path }), /expected a place below/);
  });

  it("as root refuses a folder that everyone may write to", (t) => {
    const { anchor, at } = ground(t);
    t.mock.method(process as Required<Pick<NodeJS.Process, "geteuid">>, "geteuid", () => 0);
    chmodSync(join(anchor, "etc/rules"), 0o777);
    assert.throws(() => writeState(at("etc/rules/a.xml"), state("x")), /everyone may write to folder rules/);
  });

  it("leaves nothing behind when it fails", (t) => {
    const { anchor, at } = ground(t);
    mkdirSync(join(anchor, "etc/rules/a.xml"));
    assert.throws(() => writeState(at("etc/rules/a.xml"), state("x")));
    assert.deepEqual(execFileSync("ls", ["-A", join(anchor, "etc/rules")], { encoding: "utf8" }), "a.xml\n");
    assert.equal(readState(at("nowhere/a.xml")), undefined);
    assert.throws(() => writeState(at("nowhere/a.xml"), state("x")), /its folder is not there/);
  });
});
