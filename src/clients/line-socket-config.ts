import { isIP } from "node:net";
import { z } from "zod";
import type { Clock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { tlsSettings } from "./http-dispatcher.ts";
import type { LineTarget } from "./line-connection.ts";
import { createLineSocket, type LineSocket } from "./line-socket.ts";

/** Keys of every sink that sends over a TCP connection. */
export const lineSocketOptions = {
  tls: z
    .boolean()
    .default(false)
    .describe("Encrypt the connection (TCP only); without it findings can be read on the way."),
  verify: z.boolean().default(true).describe("Verify the receiver's certificate; false is for laboratories."),
  ca_file: z
    .string()
    .optional()
    .describe(
      "PEM file of the authority that signed the receiver's certificate, or of that certificate if it signed itself.",
    ),
  server_name: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe("Name in the receiver's certificate; default: the host of address."),
  cert_file: z.string().optional().describe("Client certificate (PEM), where the receiver asks for one."),
  cert_key_file: z.string().optional().describe("Its unencrypted key (PEM)."),
  timeout_seconds: z
    .number()
    .int()
    .min(1)
    .max(600)
    .default(30)
    .describe("For connecting, and longest time in which the receiver takes nothing."),
  prove: z
    .boolean()
    .default(true)
    .describe(
      "TCP only: close the connection when nothing was sent for a second; the receiver's own close proves that it read everything. What is not proven is sent again after a reset.",
    ),
} as const;

export type LineSocketConfig = z.output<z.ZodObject<typeof lineSocketOptions>>;

/** `host:port`, with an IPv6 host in brackets; becomes its parts. */
export const hostPort = (description: string) =>
  z
    .string()
    .transform((value, context) => {
      const parts = parseHostPort(value);
      if (parts !== undefined) return parts;
      context.addIssue({
        code: "custom",
        message: `expected host:port such as graylog.example.org:12201, got "${value}"`,
      });
      return z.NEVER;
    })
    .describe(description);

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

function parseHostPort(value: string): HostPort | undefined {
  const [, six, name, digits] = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(value) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= 65_535)) return undefined;
  if (six !== undefined) return isIP(six) === 6 ? { host: six, port } : undefined;
  return name === undefined ? undefined : { host: name, port };
}

/** The connection that a sink's configuration describes. Throws TiplineError when a PEM file is not usable. */
export function lineSocketFrom(address: HostPort, config: LineSocketConfig, clock: Clock, log: Log): LineSocket {
  const target: LineTarget = { ...address, serverName: config.server_name, tls: tlsOf(config) };
  if (target.tls === undefined && !isLoopback(address.host))
    log.warn("findings go out unencrypted: set tls: true where the receiver can", {
      host: address.host,
      port: address.port,
    });
  if (!config.verify) log.warn("the receiver's certificate is not verified (verify: false)", { host: address.host });
  return createLineSocket({ target, timeoutMs: config.timeout_seconds * 1000, prove: config.prove, clock, log });
}

function tlsOf(config: LineSocketConfig): LineTarget["tls"] {
  if (config.tls)
    return tlsSettings({
      caFile: config.ca_file,
      certFile: config.cert_file,
      certKeyFile: config.cert_key_file,
      insecure: !config.verify,
    });
  const idle = (["ca_file", "cert_file", "cert_key_file", "server_name"] as const).find(
    (key) => config[key] !== undefined,
  );
  if (idle !== undefined || !config.verify)
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `${idle ?? "verify"}: expected tls: true beside it, without it nothing is encrypted`,
    );
  return undefined;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
