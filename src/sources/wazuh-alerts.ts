import { z } from "zod";
import { LogFollower } from "../clients/wazuh-log-follower.ts";
import { defineSource } from "../contract/define.ts";

const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .default("/var/ossec/logs/alerts/alerts.json")
    .describe(
      "Wazuh's alerts.json. Its daily files (YYYY/Mon/ossec-alerts-DD.json[.gz]) are followed when they are there.",
    ),
  start: z
    .union([z.enum(["end", "beginning"]), z.iso.date()])
    .default("end")
    .describe(
      "Where to begin when nothing was read before: `end` (only new alerts), `beginning` (every daily file there is) or a day, `YYYY-MM-DD`.",
    ),
});

export default defineSource<z.infer<typeof config>>({
  type: "wazuh-alerts",
  summary: "Follows Wazuh's alerts.json through rotation, compression and restarts.",
  config,
  create({ path, start }, { clock, log }) {
    const follower = new LogFollower({ path, tag: "alerts", start, clock, log });
    return {
      read: (checkpoint, signal) => follower.read(checkpoint, signal),
      lag: () => follower.lag(),
    };
  },
});
