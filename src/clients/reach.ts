import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { RemoteError } from "../lib/remote-error.ts";
import type { TlsSettings } from "./http-dispatcher.ts";
import { networkError } from "./http-errors.ts";

/** A certificate as far as a person wants to know. */
export interface SeenCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** Epoch milliseconds. */
  readonly validTo: number;
  readonly protocol: string;
}

/** Addresses of a host; throws RemoteError `unreachable` when its name does not resolve. */
export async function resolveHost(url: string): Promise<readonly string[]> {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0) return [host];
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (cause) {
    throw networkError({ url }, cause);
  }
}

/** Opens and closes a TCP connection; milliseconds it took. Throws RemoteError. */
export async function reachPort(url: string, timeoutMs: number, signal: AbortSignal): Promise<number> {
  const { hostname, port, protocol } = new URL(url);
  const started = performance.now();
  const socket = connectTcp({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || (protocol === "https:" ? 443 : 80),
  });
  await settled(url, socket, "connect", timeoutMs, signal);
  socket.destroy();
  return Math.round(performance.now() - started);
}

/** The certificate of an https URL, verified as the settings say. Throws RemoteError `tls` with what to do. */
export async function seeCertificate(
  url: string,
  tls: TlsSettings,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<SeenCertificate> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const socket: TLSSocket = connectTls({
    ...tls,
    host,
    port: Number(port) || 443,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
  await settled(url, socket, "secureConnect", timeoutMs, signal);
  const { subject, issuer, valid_to } = socket.getPeerCertificate();
  const seen = {
    subject: String(subject?.CN ?? ""),
    issuer: String(issuer?.CN ?? issuer?.O ?? ""),
    validTo: Date.parse(valid_to),
    protocol: socket.getProtocol() ?? "",
  };
  socket.destroy();
  return seen;
}

function settled(url: string, socket: Socket, event: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: RemoteError) => {
      socket.destroy();
      reject(error);
    };
    const stop = () => fail(new RemoteError("aborted", "stopped before the connection was there"));
    // Kept for good: a peer may break off after the answer is known.
    socket.on("error", (cause) => fail(networkError({ url }, cause)));
    socket.setTimeout(timeoutMs, () => fail(networkError({ url }, Object.assign(new Error(), { code: "ETIMEDOUT" }))));
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    socket.once(event, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
  });
}
