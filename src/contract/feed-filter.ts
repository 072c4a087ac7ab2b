import { z } from "zod";
import { duration } from "../lib/unit-schema.ts";
import { MISP_ATTRIBUTE_TYPES } from "../model/misp-attribute-types.ts";

const MOST_NAMES = 1000;

const TYPES: ReadonlySet<string> = new Set(MISP_ATTRIBUTE_TYPES);

const name = z.string().trim().min(1).max(300);
const names = (what: string) => z.array(name).max(MOST_NAMES).default([]).describe(what);
const types = (what: string) =>
  z
    .array(
      z.string().refine((type) => TYPES.has(type), {
        error: ({ input }) => `expected an attribute type of MISP such as ip-dst, got ${JSON.stringify(input)}`,
      }),
    )
    .max(MOST_NAMES)
    .default([])
    .describe(what);

/** `filters` of the feeds that read MISP's events: which reports are taken at all. What is left out here is nowhere later. */
export const feedFilter = z
  .strictObject({
    tags: z
      .strictObject({
        include: names("Take only what has one of these tags; empty: whatever its tags."),
        exclude: names("Leave out what has any of these tags."),
      })
      .prefault({})
      .describe("By tag, of the event or the attribute; % at an end stands for anything: `misp-galaxy:ransomware=%`."),
    orgs: z
      .strictObject({
        include: names("Take only events that these made; empty: whoever made them."),
        exclude: names("Leave out events that these made."),
      })
      .prefault({})
      .describe("By the organisation that made the event, by name or UUID."),
    types: z
      .strictObject({
        include: types("Take only these; empty: every type."),
        exclude: types("Leave these out."),
      })
      .prefault({})
      .describe("By attribute type, in MISP's words: ip-dst, domain|ip …"),
    threat_level: z
      .enum(["high", "medium", "low", "undefined"])
      .default("undefined")
      .describe("Least threat level of the event."),
    max_age: duration
      .refine((milliseconds) => milliseconds > 0, "expected more than nothing")
      .optional()
      .describe("Leave out what was not seen (last_seen, else the attribute's timestamp) for longer, e.g. 180d."),
    max_tlp: z
      .enum(["clear", "green", "amber", "amber+strict", "red"])
      .default("red")
      .describe("Leave out what has a stricter TLP; untagged counts as amber."),
    max_pap: z
      .enum(["clear", "green", "amber", "red"])
      .default("red")
      .describe("Leave out what has a stricter PAP; untagged has none and is taken."),
  })
  .prefault({})
  .describe("Which reports of this feed are taken; the rest is not even fetched where that can be helped.");

export type FeedFilter = z.output<typeof feedFilter>;
