import { z } from "zod";
import { parseDuration } from "../lib/units.ts";
import { type ExpiryRules, NEVER_EXPIRES } from "../model/expiry.ts";

/** A duration, or `never`; becomes milliseconds, `never` becomes Infinity. */
const span = z.string().transform((value, context) => {
  const parsed = value.trim() === "never" ? Number.POSITIVE_INFINITY : parseDuration(value);
  if (parsed !== undefined && parsed > 0) return parsed;
  context.addIssue({ code: "custom", message: `expected a duration such as 90d, or never, got "${value}"` });
  return z.NEVER;
});

const byType = z.strictObject({
  ip: span.prefault("90d").describe("Addresses and networks."),
  domain: span.prefault("365d").describe("Domains and host names."),
  url: span.prefault("365d").describe("URLs."),
  hash: span.prefault("never").describe("Hashes of files and certificates."),
  other: span.prefault("never").describe("Everything else."),
  decay: z
    .boolean()
    .default(false)
    .describe("Let the server's decaying models decide where one covers the attribute's type."),
});

/** `expiry` of a feed: after how long without being seen a report counts no more; the word `never`, or a limit for each type. */
export const expiryRules = z
  .union([z.literal("never"), byType], {
    error: ({ input }) => `expected never, or limits by type such as {ip: 90d}, got ${JSON.stringify(input)}`,
  })
  .transform((value): ExpiryRules => (value === "never" ? NEVER_EXPIRES : value));
