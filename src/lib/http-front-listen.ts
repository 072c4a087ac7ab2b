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

/** Reads `host:port` (`127.0.0.1:9628`, `[::1]:9628`, `0.0.0.0:9628`); throws TIP_CONFIG_INVALID naming `key`. */
export function parseListenAddress(listen: string, key: string): ListenAddress {
  const colon = listen.lastIndexOf(":");
  const host = listen
    .slice(0, Math.max(0, colon))
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  const port = Number(listen.slice(colon + 1));
  const isPort = /^\d{1,5}$/.test(listen.slice(colon + 1)) && port <= 65_535;
  if (colon < 1 || !isPort || (isIP(host) === 0 && host !== "localhost"))
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `${key}: expected an address and a port such as 127.0.0.1:9628, [::1]:9628 or 0.0.0.0:9628, got "${listen.slice(0, 100)}"`,
    );
  return { host, port, loopback: isLoopback(host) };
}

/** `127.0.0.0/8`, `::1` and `localhost`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
