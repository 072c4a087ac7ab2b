import { BlockList, isIP } from "node:net";
import { createSecureContext } from "node:tls";
import { z } from "zod";
import { TcpIntake } from "../clients/tcp-intake.ts";
import { defineSource } from "../contract/define.ts";
import { TiplineError } from "../lib/errors.ts";
import { parseListenAddress } from "../lib/http-front-listen.ts";
import { tlsOptions, withCertificate } from "../lib/http-front-server.ts";
import { tlsSchema } from "../lib/tls-schema.ts";

const NETWORK = /^([0-9a-f:.]{2,45})(?:\/(\d{1,3}))?$/i;

const network = z.string().refine((text) => networkOf(text) !== undefined, {
  error: ({ input }) => `expected an address or a network such as 10.0.0.0/8, got ${JSON.stringify(input)}`,
});

const config = z.strictObject({
  listen: z.string().default("127.0.0.1:9629").describe("address:port to listen on."),
  tls: tlsSchema
    .optional()
    .describe("Talk TLS; with client_ca_file only to clients that have a certificate of that authority."),
  allow_from: z
    .array(network)
    .max(1000)
    .optional()
    .describe("Addresses and networks that may connect. Needed, or client certificates, where listen is not loopback."),
  max_connections: z.number().int().min(1).max(1000).default(64).describe("More are closed at once."),
});

export default defineSource<z.infer<typeof config>>({
  type: "tcp",
  summary:
    "Takes alerts as lines over TCP, for shippers that cannot do HTTP. TCP acknowledges nothing: what is on its way at a crash is lost.",
  config,
  create({ listen, tls, allow_from, max_connections }, { name, clock, log }) {
    const owner = `sources.${name}`;
    const address = parseListenAddress(listen, `${owner}.listen`);
    if (!address.loopback && tls?.client_ca_file === undefined && allow_from === undefined)
      throw new TiplineError(
        "TIP_CONFIG_INVALID",
        `${owner}: listen is ${listen}, which other hosts can reach: expected tls.client_ca_file or allow_from, found neither`,
      );
    // Wrong files are found at the start, not when the first alerts are about to be read.
    const key = `${owner}.tls`;
    if (tls !== undefined) withCertificate(() => createSecureContext(tlsOptions(tls, key)), key);
    const intake = new TcpIntake({
      address,
      owner,
      tls,
      allowFrom: allow_from === undefined ? undefined : blockList(allow_from),
      maxConnections: max_connections,
      clock,
      log,
    });
    return { read: (_, signal) => intake.read(signal), lag: () => intake.lag() };
  },
});

function networkOf(
  text: string,
): { readonly address: string; readonly prefix: number; readonly v6: boolean } | undefined {
  const [, address = "", written] = NETWORK.exec(text.trim()) ?? [];
  const version = isIP(address);
  if (version === 0) return undefined;
  const longest = version === 6 ? 128 : 32;
  const prefix = written === undefined ? longest : Number(written);
  return prefix <= longest ? { address, prefix, v6: version === 6 } : undefined;
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of networks) {
    const found = networkOf(text);
    if (found !== undefined) list.addSubnet(found.address, found.prefix, found.v6 ? "ipv6" : "ipv4");
  }
  return list;
}
