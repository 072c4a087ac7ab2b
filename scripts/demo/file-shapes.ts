import { createHash } from "node:crypto";
import type { AgentKey, Shape } from "./shape.ts";

export interface FileHashes {
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
}
const sums = (text: string): FileHashes => ({
  md5: createHash("md5").update(text).digest("hex"),
  sha1: createHash("sha1").update(text).digest("hex"),
  sha256: createHash("sha256").update(text).digest("hex"),
});
export function fileAdded(
  agent: AgentKey,
  path: string,
  size: number,
  hashes: FileHashes = sums(path),
  owner = "root",
): Shape {
  return {
    agent,
    rule: "554",
    body: (time, serial) => ({
      full_log: `File '${path}' added\nMode: realtime\n`,
      syscheck: {
        path,
        mode: "realtime",
        size_after: String(size),
        perm_after: "rw-r--r--",
        uid_after: owner === "root" ? "0" : "33",
        gid_after: owner === "root" ? "0" : "33",
        md5_after: hashes.md5,
        sha1_after: hashes.sha1,
        sha256_after: hashes.sha256,
        uname_after: owner,
        gname_after: owner,
        mtime_after: time.toISOString().slice(0, 19),
        inode_after: 700_000 + serial,
        event: "added",
      },
      decoder: { name: "syscheck_new_entry" },
      location: "syscheck",
    }),
  };
}
export function fileModified(agent: AgentKey, path: string): Shape {
  const [before, after] = [sums(`${path} before`), sums(`${path} after`)];
  return {
    agent,
    rule: "550",
    body: (time, serial) => ({
      full_log: `File '${path}' modified\nMode: realtime\nChanged attributes: mtime,md5,sha1,sha256\nOld md5sum was: '${before.md5}'\nNew md5sum is : '${after.md5}'\nOld sha1sum was: '${before.sha1}'\nNew sha1sum is : '${after.sha1}'\nOld sha256sum was: '${before.sha256}'\nNew sha256sum is : '${after.sha256}'\n`,
      syscheck: {
        path,
        mode: "realtime",
        size_after: "2210",
        perm_after: "rw-r--r--",
        uid_after: "0",
        gid_after: "0",
        md5_before: before.md5,
        md5_after: after.md5,
        sha1_before: before.sha1,
        sha1_after: after.sha1,
        sha256_before: before.sha256,
        sha256_after: after.sha256,
        uname_after: "root",
        gname_after: "root",
        mtime_before: "2026-11-11T04:00:00",
        mtime_after: time.toISOString().slice(0, 19),
        inode_after: 640_000 + serial,
        changed_attributes: ["mtime", "md5", "sha1", "sha256"],
        event: "modified",
      },
      decoder: { name: "syscheck_integrity_changed" },
      location: "syscheck",
    }),
  };
}
