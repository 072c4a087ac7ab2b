import { z } from "zod";
import { SpoolFollower } from "../clients/wazuh-spool.ts";
import { defineSource } from "../contract/define.ts";

const config = z.strictObject({
  path: z
    .string()
    .min(1)
    .default("/var/ossec/queue/tipline")
    .describe("Folder into which the hook `custom-tipline` puts alerts; Tipline's user must be in group wazuh."),
  echoes: z
    .boolean()
    .default(false)
    .describe(
      "The filters of the <integration> block let the alerts of our own findings pass (no filter, or only a level of 3 or less): then a sink may confirm by them.",
    ),
});

export default defineSource<z.infer<typeof config>>({
  type: "wazuh-hook",
  summary: "Takes the alerts that Wazuh's integratord hands over through the hook `custom-tipline`.",
  config,
  create({ path }, { clock, log }) {
    const spool = new SpoolFollower({ path, clock, log });
    return {
      read: (checkpoint, signal) => spool.read(checkpoint, signal),
      committed: (delivery) => spool.committed(delivery),
      lag: () => spool.lag(),
    };
  },
});
