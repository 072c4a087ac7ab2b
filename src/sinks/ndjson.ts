import { z } from "zod";
import { enrichedAlert } from "../clients/enriched-alert.ts";
import { defineSink } from "../contract/define.ts";
import type { Sink } from "../contract/sink.ts";
import { type AppendFile, createAppendFile } from "../lib/append-file.ts";
import { writeAll } from "../lib/stream-write.ts";
import { size } from "../lib/unit-schema.ts";

const config = z.strictObject({
  path: z.string().min(1).default("-").describe("File to append to; `-` is standard output."),
  rotate_bytes: size
    .refine((bytes) => bytes >= 1024, "expected at least 1KiB")
    .optional()
    .describe("Start a new file before this one would grow beyond this size; the old one is renamed NAME.<UTC time>."),
  rotate_daily: z.boolean().default(false).describe("Start a new file with the first finding of a UTC day."),
  keep: z.number().int().min(1).max(100_000).default(14).describe("Rotated files to keep; older ones are deleted."),
  fsync: z
    .boolean()
    .default(true)
    .describe("A batch counts as delivered only when the disk has it (fdatasync); false leaves that to the kernel."),
});

/** Findings as lines of JSON: the original alert with the `misp` object in it. The finding's id is `data.misp.finding_id`. */
export default defineSink({
  type: "ndjson",
  summary: "A file (with rotation) or standard output: one enriched alert a line.",
  config,
  create(options, context) {
    if (options.path === "-") return stdoutSink();
    const file = createAppendFile(
      {
        path: options.path,
        ...(options.rotate_bytes !== undefined && { rotateBytes: options.rotate_bytes }),
        rotateDaily: options.rotate_daily,
        keep: options.keep,
        sync: options.fsync,
      },
      context.clock,
      context.log,
    );
    return fileSink(file);
  },
});

function fileSink(file: AppendFile): Sink {
  return {
    async send(findings, signal) {
      if (signal.aborted) return { status: "retry", cause: new Error("stopped before writing"), taken: 0 };
      const { lines, error } = await file.append(findings.map((finding) => enrichedAlert(finding)));
      return error === undefined ? { status: "sent" } : { status: "retry", cause: error, taken: lines };
    },
    close: () => file.close(),
  };
}

/** A reader that went away (EPIPE) is a `retry` like any other: what is not read stays in the journal. */
function stdoutSink(): Sink {
  return {
    async send(findings, signal) {
      const text = findings.map((finding) => `${enrichedAlert(finding)}\n`).join("");
      const error = await writeAll(process.stdout, text, signal);
      return error === undefined ? { status: "sent" } : { status: "retry", cause: error };
    },
  };
}
