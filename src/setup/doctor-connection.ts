import { tlsSettings } from "../clients/http-dispatcher.ts";
import { reachPort, resolveHost, seeCertificate } from "../clients/reach.ts";
import { type Check, failedBy, ok, warn } from "./checks.ts";

/** How a server is reached, as components are configured. */
export interface ConnectionSettings {
  readonly url: string;
  readonly verify: boolean;
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly cert_key_file?: string | undefined;
  readonly proxy?: unknown;
}

/** Whose connection it is, and what would be read on the way, for people. */
interface Peer {
  readonly server: string;
  readonly secret: string;
}

/** Longest wait for a connection. */
export const CONNECT_MS = 10_000;
const DAY_MS = 86_400_000;
const CERTIFICATE_WARNING_MS = 30 * DAY_MS;

/** DNS, TCP and TLS; false when there is no use in asking further. */
export async function* connectionChecks(
  { server, secret }: Peer,
  settings: ConnectionSettings,
  now: number,
  signal: AbortSignal,
): AsyncGenerator<Check, boolean> {
  const { url } = settings;
  if (settings.proxy !== undefined) {
    yield ok("connection", "through the proxy: name, port and certificate are not looked at by themselves");
    return true;
  }
  try {
    const addresses = await resolveHost(url);
    const ms = await reachPort(url, CONNECT_MS, signal);
    yield ok("connection", `${addresses.slice(0, 4).join(", ")}, connected in ${ms} ms`);
  } catch (thrown) {
    yield failedBy("connection", thrown);
    return false;
  }
  if (url.startsWith("http:")) {
    const remedy = `serve ${server} over https and give that URL`;
    yield warn("certificate", `plain http: ${secret} can be read on the way`, remedy);
    return true;
  }
  try {
    yield await certificate(settings, now, signal);
    return true;
  } catch (thrown) {
    yield failedBy("certificate", thrown);
    return false;
  }
}

async function certificate(settings: ConnectionSettings, now: number, signal: AbortSignal): Promise<Check> {
  const tls = tlsSettings({
    caFile: settings.ca_file,
    certFile: settings.cert_file,
    certKeyFile: settings.cert_key_file,
    insecure: !settings.verify,
  });
  const seen = await seeCertificate(settings.url, tls, CONNECT_MS, signal);
  const days = Math.floor((seen.validTo - now) / DAY_MS);
  const found = `${seen.subject}, issued by ${seen.issuer}, ${seen.protocol}, valid for ${days} more days`;
  if (!settings.verify)
    return warn("certificate", `not verified (verify: false): ${found}`, "give the authority's certificate as ca_file");
  if (seen.validTo - now < CERTIFICATE_WARNING_MS) return warn("certificate", found, "renew it before it expires");
  return ok("certificate", found);
}
