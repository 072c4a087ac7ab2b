import { z } from "zod";
import { parseDuration, parseSize } from "./units.ts";

/** A duration such as `60s`, `5m`, `1h`, `7d`; becomes milliseconds. */
export const duration = z.string().transform((value, context) => {
  const parsed = parseDuration(value);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: `expected a duration such as 60s, 5m, 1h or 7d, got "${value}"` });
  return z.NEVER;
});

/** A size such as `512MiB` or `1GB`, or a number of bytes; becomes bytes. */
export const size = z.union([z.number().int().nonnegative(), z.string()]).transform((value, context) => {
  const parsed = typeof value === "number" ? value : parseSize(value);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: `expected a size such as 512MiB or 1GB, got "${value}"` });
  return z.NEVER;
});
