import { z } from "zod";
import { enrichedLine } from "../clients/enriched-line.ts";
import { hostPort, lineSocketFrom, lineSocketOptions } from "../clients/line-socket-config.ts";
import { defineSink } from "../contract/define.ts";

const config = z.strictObject({
  address: hostPort("host:port of the receiver, such as a raw TCP input of Graylog on 5555."),
  delimiter: z
    .enum(["newline", "nul"])
    .default("newline")
    .describe("What ends a message: a line feed, or a NUL byte (Graylog: “null frame delimiter”)."),
  max_line_bytes: z
    .number()
    .int()
    .min(65_536)
    .max(64 * 1024 * 1024)
    .default(2_097_152)
    .describe(
      "Longest line that the receiver takes (Graylog: 2 MiB). A longer one is trimmed and says so in `data.misp.truncated`.",
    ),
  ...lineSocketOptions,
});

/** Findings as lines of JSON over TCP: the original alert with the `misp` object in it. The finding's id is `data.misp.finding_id`. */
export default defineSink({
  type: "tcp-lines",
  summary:
    "Lines of JSON over TCP or TLS, for a raw input of Graylog or anything that reads lines: one enriched alert a line.",
  config,
  create(options, { clock, log }) {
    const socket = lineSocketFrom(options.address, options, clock, log);
    const end = options.delimiter === "nul" ? "\0" : "\n";
    return {
      send: (findings, signal) =>
        socket.send(
          findings.map((finding) => ({
            key: finding.id,
            bytes: Buffer.from(enrichedLine(finding, options.max_line_bytes - 1) + end),
          })),
          signal,
        ),
      uncertain: () => socket.uncertain,
      close: () => socket.close(),
    };
  },
});
