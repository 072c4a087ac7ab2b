import { z } from "zod";
import { duration } from "../lib/unit-schema.ts";

/** How a MISP server is pulled: keys of the feed that are about requests and times. */
export const pulling = {
  warninglists: z.boolean().default(true).describe("Use the warninglists that are enabled on this server."),
  to_ids_only: z.boolean().default(true).describe("Take only attributes that MISP marks as fit for detection."),
  published_only: z.boolean().default(true).describe("Take only published events."),
  grace: duration
    .prefault("24h")
    .describe(
      "How long an event that an edit unpublished keeps its last published version (with published_only); 0s: not at all.",
    ),
  reconcile: duration
    .prefault("1d")
    .describe("How often everything is read again, whatever MISP says has changed; 0s: never."),
  page_size: z.number().int().min(100).max(100_000).default(10_000).describe("Attributes per request."),
  events_per_request: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(200)
    .describe("Events whose context is asked for at once."),
  part_size: z
    .number()
    .int()
    .min(1000)
    .default(250_000)
    .describe("Attributes after which the first pull puts in force what it has, so that it can go on from there."),
};
