import { z } from "zod";
import { LogFollower } from "../clients/wazuh-log-follower.ts";
import { defineSource } from "../contract/define.ts";

const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .default("/var/ossec/logs/archives/archives.json")
    .describe(
      "Wazuh's archives.json (needs <logall_json>yes). Its daily files (YYYY/Mon/ossec-archive-DD.json[.gz]) are followed when they are there.",
    ),
  start: z
    .union([z.enum(["end", "beginning"]), z.iso.date()])
    .default("end")
    .describe(
      "Where to begin when nothing was read before: `end` (only new events), `beginning` (every daily file there is) or a day, `YYYY-MM-DD`.",
    ),
});

export default defineSource<z.infer<typeof config>>({
  type: "wazuh-archives",
  summary: "Follows Wazuh's archives.json: every event, also those that raise no alert.",
  config,
  create({ path, start }, { clock, log }) {
    const follower = new LogFollower({ path, tag: "archive", start, clock, log });
    return {
      read: (checkpoint, signal) => follower.read(checkpoint, signal),
      lag: () => follower.lag(),
    };
  },
});
