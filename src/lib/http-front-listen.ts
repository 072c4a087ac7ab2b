import { isIP } from "node:net";
import { TiplineError } from "./errors.ts";

/** A place to listen on. */
export interface ListenAddress {
  /** An address or `localhost`, without the brackets of IPv6. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Only programs on this host can reach it. */
  readonly loopback: boolean;
}

const EXPECTED = "expected an address and a port such as 127.0.0.1:9628, [::1]:9628 or 0.0.0.0:9628";

/** Reads `host:port` (`127.0.0.1:9628`, `[::1]:9628`, `0.0.0.0:9628`); throws TIP_CONFIG_INVALID naming `key`. */
export function parseListenAddress(listen: string, key: string): ListenAddress {
  const address = read(listen);
  if (address !== undefined) return address;
  throw new TiplineError("TIP_CONFIG_INVALID", `${key}: ${EXPECTED}, got "${listen.slice(0, 100)}"`);
}

function read(listen: string): ListenAddress | undefined {
  const colon = listen.lastIndexOf(":");
  const host = listen
    .slice(0, Math.max(0, colon))
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  const port = Number(listen.slice(colon + 1));
  const isPort = /^\d{1,5}$/.test(listen.slice(colon + 1)) && port <= 65_535;
  if (colon < 1 || !isPort || (isIP(host) === 0 && host !== "localhost")) return undefined;
  return { host, port, loopback: isLoopback(host) };
}

/** What is wrong with a place to listen on, as a schema says it; undefined for a good one and for `off`. */
export function listenFault(listen: string, loopbackOnly = false): string | undefined {
  if (listen === "off") return undefined;
  const address = read(listen);
  if (address === undefined) return EXPECTED;
  return loopbackOnly && !address.loopback
    ? "expected an address that only this host can reach, such as 127.0.0.1:9627"
    : undefined;
}

/** `127.0.0.0/8`, `::1` and `localhost`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
