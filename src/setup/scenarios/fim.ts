import { createHash } from "node:crypto";
import type { JsonObject } from "../../model/json.ts";
import { alertOf, type Scenario, type Simulated } from "./scenario.ts";

const FIM_TYPES = ["sha256", "sha1", "md5"] as const;
const path = ({ mark }: Simulated) => `/tmp/${mark}.bin`;
/** Wazuh wants all three; those that are not simulated are of this file's name and of nothing known. */
const hashOf = (of: Simulated, type: (typeof FIM_TYPES)[number]) =>
  of.type === type ? of.value : createHash(type).update(of.mark).digest("hex");
const seconds = ({ time }: Simulated) => Math.floor(time / 1000);

const attributes = (of: Simulated): JsonObject => ({
  type: "file",
  size: 4242,
  perm: "rw-r--r--",
  uid: "0",
  gid: "0",
  user_name: "root",
  group_name: "root",
  inode: 4242,
  mtime: seconds(of),
  hash_md5: hashOf(of, "md5"),
  hash_sha1: hashOf(of, "sha1"),
  hash_sha256: hashOf(of, "sha256"),
});

const fullLog = (of: Simulated) => `File '${path(of)}' added\nMode: realtime\n`;

export const fim: Scenario = {
  name: "fim",
  summary: "file integrity monitoring: a file with a listed hash appears",
  types: FIM_TYPES,
  event: (of) => ({
    kind: "8",
    location: "syscheck",
    message: JSON.stringify({
      type: "event",
      data: {
        path: path(of),
        version: 2,
        mode: "realtime",
        type: "added",
        timestamp: seconds(of),
        attributes: {
          ...attributes(of),
          // The agent's own checksum over the attributes; analysis keeps it and does not check it.
          checksum: createHash("sha1")
            .update(JSON.stringify(attributes(of)))
            .digest("hex"),
        },
      },
    }),
  }),
  alert: (of) =>
    alertOf(
      of,
      {
        level: 5,
        description: "File added to the system.",
        id: "554",
        groups: ["ossec", "syscheck", "syscheck_entry_added", "syscheck_file"],
      },
      {
        full_log: fullLog(of),
        syscheck: {
          path: path(of),
          mode: "realtime",
          size_after: "4242",
          perm_after: "rw-r--r--",
          uid_after: "0",
          gid_after: "0",
          md5_after: hashOf(of, "md5"),
          sha1_after: hashOf(of, "sha1"),
          sha256_after: hashOf(of, "sha256"),
          uname_after: "root",
          gname_after: "root",
          mtime_after: new Date(seconds(of) * 1000).toISOString().slice(0, 19),
          inode_after: 4242,
          event: "added",
        },
        decoder: { name: "syscheck_new_entry" },
        location: "syscheck",
      },
    ),
  alerts: { rule: "554" },
};
