import { z } from "zod";
import type { Clock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { openToOthers, secretFrom, secretText } from "../lib/secret-schema.ts";
import { httpUrl } from "../lib/url-schema.ts";
import { clockTime } from "./circuit.ts";
import { createMisp, type Misp, type MispOptions } from "./misp.ts";

/** How a MISP server is reached and trusted: keys that every component which talks to one takes. */
export const mispConnection = z.strictObject({
  url: httpUrl("Base URL of the MISP server."),
  key_file: z.string().optional().describe("File with the authentication key; a read-only key is enough to read."),
  key: secretText("The authentication key; better by key_file or from the environment.").optional(),
  verify: z.boolean().default(true).describe("Verify the server's certificate; false is for laboratories."),
  ca_file: z.string().optional().describe("PEM file of the authority that signed the server's certificate."),
  cert_file: z.string().optional().describe("PEM file of a client certificate."),
  cert_key_file: z.string().optional().describe("PEM file of the client certificate's key."),
  proxy: secretText(
    "URL of an HTTP proxy, with user name and password if it wants them (then from the environment).",
  ).optional(),
  concurrency: z.number().int().min(1).max(8).default(2).describe("Requests under way at the same time."),
  timeout_seconds: z
    .number()
    .int()
    .min(1)
    .max(3600)
    .default(300)
    .describe("Longest silence; MISP builds an answer before its first byte."),
  max_answer_mib: z.number().int().min(1).max(4096).default(1024).describe("Largest answer that is read, unpacked."),
});

export type MispConnection = z.output<typeof mispConnection>;

/** For `.refine()`: exactly one of the two places for the key. */
export const oneKey = ({ key, key_file }: Pick<MispConnection, "key" | "key_file">): boolean =>
  (key === undefined) !== (key_file === undefined);

export const ONE_KEY_MESSAGE = "expected either key_file or key";

/** A key that expires sooner is warned of. */
export const KEY_EXPIRY_WARNING_MS = 14 * 86_400_000;

/** MISP counts searches in windows of 15 minutes; a pull that must wait for the next one waits. */
const MAX_WAIT_MS = 16 * 60_000;

/** A client for the server; files are read now, nothing is asked yet. What people should know goes to `log`. */
export function connectMisp(
  settings: MispConnection,
  clock: Clock,
  log?: Log,
  more: Partial<Pick<MispOptions, "timeoutMs" | "retries" | "maxWaitMs" | "maxBytes">> = {},
): Misp {
  const key = secretFrom(settings.key_file, settings.key);
  if (key === undefined) throw new TiplineError("TIP_CONFIG_INVALID", ONE_KEY_MESSAGE);
  if (settings.key_file !== undefined && openToOthers(settings.key_file))
    log?.warn("other users of this host can read the key of the MISP server: chmod 600", { file: settings.key_file });
  const { url } = settings;
  return createMisp({
    url,
    key,
    clock,
    caFile: settings.ca_file,
    certFile: settings.cert_file,
    certKeyFile: settings.cert_key_file,
    insecure: !settings.verify,
    proxy: settings.proxy?.reveal(),
    timeoutMs: settings.timeout_seconds * 1000,
    retries: 3,
    connections: settings.concurrency,
    maxBytes: settings.max_answer_mib * 1024 * 1024,
    maxWaitMs: MAX_WAIT_MS,
    onWait: (ms, why) => log?.info("waiting for the MISP server", { url, seconds: Math.ceil(ms / 1000), why }),
    onKeyExpiry(at) {
      if (at - clock.now() < KEY_EXPIRY_WARNING_MS)
        log?.warn("the key of the MISP server expires soon: make a new one", { url, expires: clockTime(at) });
    },
    ...more,
  });
}
