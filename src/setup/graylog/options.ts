import { z } from "zod";

/** TLS of the inputs; the files are on Graylog's host. */
export interface InputTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
}

/** What a pack is made for. None of it is secret: tokens are asked for at installation. */
export interface PackOptions {
  readonly inputs: readonly ("gelf" | "raw")[];
  readonly inputTls?: InputTls | undefined;
  readonly bindAddress: string;
  readonly gelfPort: number;
  readonly rawPort: number;
  /** Where Graylog reaches Tipline: an origin, perhaps with a path. */
  readonly tiplineUrl: string;
  readonly minScore: number;
  readonly hosts: number;
  /** `24h` */
  readonly silentAfter: string;
}

export const DEFAULT_OPTIONS: PackOptions = {
  inputs: ["gelf", "raw"],
  bindAddress: "0.0.0.0",
  gelfPort: 12_201,
  rawPort: 5555,
  tiplineUrl: "http://127.0.0.1:9628",
  minScore: 70,
  hosts: 3,
  silentAfter: "24h",
};

/** Where Graylog puts the value, percent-encoded, into the lookup's URL. */
export const KEY_PLACE = "$\u007bkey}";

export const lookupUrl = ({ tiplineUrl }: PackOptions): string =>
  `${tiplineUrl.replace(/\/+$/, "")}/v1/lookup?value=${KEY_PLACE}`;

export const notifyUrl = ({ tiplineUrl }: PackOptions): string => `${tiplineUrl.replace(/\/+$/, "")}/v1/graylog`;

/** What stands in the comment of an installation, so that the next one keeps what is not said anew; none of it is secret. */
export function commentOf(options: PackOptions): string {
  return `${COMMENT}${JSON.stringify(options)}`;
}

const COMMENT = "tipline install graylog, options ";
const remembered = z
  .object({
    inputs: z.array(z.enum(["gelf", "raw"])),
    inputTls: z.object({ certFile: z.string(), keyFile: z.string(), clientCaFile: z.string().optional() }).optional(),
    bindAddress: z.string().regex(/^[0-9A-Fa-f.:]{2,45}$/),
    gelfPort: z.number().int().min(1).max(65_535),
    rawPort: z.number().int().min(1).max(65_535),
    tiplineUrl: z.url({ protocol: /^https?$/ }),
    minScore: z.number().int().min(0).max(100),
    hosts: z.number().int().min(2),
    silentAfter: z.string().regex(/^[1-9]\d{0,3}[mhd]$/),
  })
  .partial();

/** The options in an installation's comment; none where it was made by hand. */
export function optionsIn(comment: string | undefined): Partial<PackOptions> {
  if (comment === undefined || !comment.startsWith(COMMENT) || comment.length > 10_000) return {};
  try {
    const read = remembered.safeParse(JSON.parse(comment.slice(COMMENT.length)));
    return read.success ? withoutUndefined(read.data) : {};
  } catch {
    return {};
  }
}

/** Only what is there, so that it can be laid over something else. */
export function withoutUndefined<T extends object>(given: T): Partial<PackOptions> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
