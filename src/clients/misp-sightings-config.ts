import { hostname } from "node:os";
import { z } from "zod";
import { type MispConnection, mispConnection } from "./misp-connection.ts";

const source = z
  .string()
  .regex(/^[!-~](?:[ -~]{0,253}[!-~])?$/, "expected 1 to 255 printable ASCII characters without blanks at the ends")
  .refine((name) => name.toLowerCase() !== hostname().toLowerCase(), {
    error: "expected a constant name, not this host's: everybody who may see the sighting reads it",
  });

/** How sightings are told; keys of the sink, and of `sightings:` on a MISP server. */
export const sightingOptions = {
  source: source
    .default("tipline")
    .describe("What sightings name as their source; the same for every host, because whole communities read it."),
  per_minute: z
    .number()
    .int()
    .min(1)
    .max(6000)
    .default(60)
    .describe("Sightings a minute at most; more wait in the journal."),
};

/** `sightings: true` on a MISP server, or an object to set how. */
export const sightingSwitch = z
  .union([z.boolean(), z.strictObject(sightingOptions)], {
    error: "expected true or false, or source and per_minute",
  })
  .default(false)
  .describe("Tell MISP when an attribute of this server is seen, once a day; the key's role needs perm_sighting.");

export type SightingSwitch = z.output<typeof sightingSwitch>;

/** The sink that the switch of a server means, by name; none when it is off. It has the server's own connection. */
export function sightingSinks<C extends MispConnection & { readonly sightings: SightingSwitch }>(
  config: C,
  feed: string,
): Readonly<Record<string, { readonly type: string; readonly settings: object }>> {
  if (config.sightings === false) return {};
  const options = z.strictObject(sightingOptions).parse(config.sightings === true ? {} : config.sightings);
  const keys = Object.keys(mispConnection.shape) as (keyof MispConnection)[];
  const connection = Object.fromEntries(
    keys.filter((key) => config[key] !== undefined).map((key) => [key, config[key]]),
  );
  return { [`sightings-${feed}`]: { type: "misp-sightings", settings: { ...connection, feed, ...options } } };
}

/** The source that this installation's sightings name, also while the switch is off: it may have been on. */
export function sightingSource(given: SightingSwitch): string {
  return z.strictObject(sightingOptions).parse(typeof given === "boolean" ? {} : given).source;
}
