import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { TiplineError } from "../../lib/errors.ts";
import { packageRoot } from "../../lib/package-root.ts";

const duration = z.string().regex(/^(?:\d{1,4}[mhd]|\{silent\})$/);

const pipelines = z.array(
  z.strictObject({
    title: z.string(),
    description: z.string(),
    stream: z.literal("default").optional(),
    stages: z.array(z.array(z.string()).min(1)).min(1),
  }),
);

const events = z.array(
  z.strictObject({
    id: z.string(),
    title: z.string(),
    description: z.string(),
    priority: z.number().int().min(1).max(4),
    query: z.string(),
    streams: z.enum(["findings", "all"]),
    group_by: z.array(z.string()),
    series: z.strictObject({ type: z.enum(["count", "card"]).optional(), field: z.string().optional() }),
    at: z.record(z.enum([">=", "<"]), z.union([z.number(), z.literal("{hosts}")]).optional()),
    within: duration,
    every: duration,
    fields: z.array(z.string()),
    key: z.array(z.string()),
    grace: duration,
    backlog: z.number().int().min(0),
    notify: z.literal("tipline").optional(),
  }),
);

const dashboard = z.strictObject({
  title: z.string(),
  summary: z.string(),
  description: z.string(),
  range: z.string().regex(/^\d{1,3}[hd]$/),
  widgets: z.array(
    z.strictObject({
      title: z.string(),
      show: z.enum(["numeric", "bar", "pie", "table", "messages"]),
      query: z.string().default(""),
      over_time: z.boolean().default(false),
      rows: z.array(z.string()).default([]),
      columns: z.array(z.string()).default([]),
      series: z.array(z.string().regex(/^(?:count\(\)|(?:card|max)\([a-z_]+\))$/)).default([]),
      fields: z.array(z.string()).default([]),
      at: z.tuple([z.number(), z.number(), z.number(), z.number()]),
    }),
  ),
});

export type PipelinePart = z.output<typeof pipelines>[number];
export type EventPart = z.output<typeof events>[number];
export type DashboardPart = z.output<typeof dashboard>;
export type WidgetPart = DashboardPart["widgets"][number];

/** What the pack is made of, as it lies in setup/graylog. */
export interface Parts {
  /** Text of the rules by file name without `.rule`. */
  readonly rules: ReadonlyMap<string, string>;
  readonly pipelines: readonly PipelinePart[];
  readonly events: readonly EventPart[];
  readonly dashboard: DashboardPart;
}

export function readParts(folder = join(packageRoot(), "setup", "graylog")): Parts {
  const read = (name: string) => {
    try {
      return readFileSync(join(folder, name), "utf8");
    } catch (cause) {
      throw new TiplineError("TIP_INTERNAL", `expected Tipline's own ${name} in ${folder}: install Tipline anew`, {
        cause,
      });
    }
  };
  const rules = readdirSync(join(folder, "rules"))
    .filter((name) => name.endsWith(".rule"))
    .sort();
  return {
    rules: new Map(rules.map((name) => [name.slice(0, -".rule".length), read(join("rules", name))])),
    pipelines: pipelines.parse(parse(read("pipelines.yaml"))),
    events: events.parse(parse(read("events.yaml"))),
    dashboard: dashboard.parse(parse(read("dashboard.yaml"))),
  };
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `5m`, `1h`, `7d` in milliseconds. */
export function milliseconds(text: string): number {
  return Number(text.slice(0, -1)) * (UNITS[text.slice(-1)] ?? Number.NaN);
}
