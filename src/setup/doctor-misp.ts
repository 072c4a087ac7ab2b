import { type TlsSettings, tlsSettings } from "../clients/http-dispatcher.ts";
import type { Misp } from "../clients/misp.ts";
import { KEY_EXPIRY_WARNING_MS, type MispConnection } from "../clients/misp-connection.ts";
import { reachPort, resolveHost, seeCertificate } from "../clients/reach.ts";
import { openToOthers } from "../lib/secret-schema.ts";
import { text } from "../model/json.ts";
import { type Check, fail, failedBy, ok, warn } from "./checks.ts";
import { type ContentRules, contentChecks } from "./doctor-misp-content.ts";
import { mispRights } from "./doctor-misp-rights.ts";

/** What is examined. */
export interface DoctorMisp extends ContentRules {
  readonly connection: MispConnection;
  readonly misp: Misp;
  /** Sightings are to be written to this server. */
  readonly sightings: boolean;
  /** Address of its ZeroMQ publisher, if it is configured. */
  readonly zmq?: string | undefined;
  readonly now: () => number;
  /** Leaves out what makes the server count: its content and what the filters leave of it. */
  readonly brief?: boolean;
}

const CONNECT_MS = 10_000;
const DAY_MS = 86_400_000;
const CERTIFICATE_WARNING_MS = 30 * DAY_MS;
/** MISP and Tipline compare timestamps to the second; a minute apart is still harmless. */
const SKEW_WARN_MS = 60_000;
const SKEW_FAIL_MS = 15 * 60_000;

/**
 * Examines one MISP server as Tipline would use it, from the wire up, and says of each thing how it is and what to do. What
 * depends on something that failed is left out. Reads only; what it costs the server is in docs/MISP.md.
 */
export async function* doctorMisp(subject: DoctorMisp, signal: AbortSignal): AsyncGenerator<Check> {
  yield* keyFile(subject.connection);
  if (!(yield* connection(subject.connection, subject.now(), signal))) return;
  if (!(yield* api(subject, signal))) return;
  yield* keyAndClock(subject);
  yield* mispRights(subject, signal);
  if (!subject.brief) yield* contentChecks(subject, signal);
  if (subject.zmq !== undefined) yield await zeroMq(subject.zmq, signal);
}

function* keyFile({ key_file }: MispConnection): Generator<Check> {
  if (key_file === undefined) return;
  yield openToOthers(key_file)
    ? warn("key file", `${key_file} can be read by other users`, `chmod 600 ${key_file}`)
    : ok("key file", `${key_file} is for its owner alone`);
}

/** DNS, TCP and TLS; false when there is no use in asking further. */
async function* connection(settings: MispConnection, now: number, signal: AbortSignal): AsyncGenerator<Check, boolean> {
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
    yield warn("certificate", "plain http: the key can be read on the way", "serve MISP over https and give that URL");
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

async function certificate(settings: MispConnection, now: number, signal: AbortSignal): Promise<Check> {
  const tls: TlsSettings = tlsSettings({
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

/** The API answers and takes the key; false when it does not. */
async function* api({ misp }: DoctorMisp, signal: AbortSignal): AsyncGenerator<Check, boolean> {
  const started = performance.now();
  let version: string;
  try {
    version = text(await misp.get("/servers/getVersion", signal), "version")?.slice(0, 40) ?? "?";
  } catch (thrown) {
    yield failedBy("API and key", thrown);
    return false;
  }
  yield ok(
    "API and key",
    `answers in ${Math.round(performance.now() - started)} ms and takes the key from this address`,
  );
  yield versionCheck(version);
  return true;
}

function versionCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const found = `MISP ${version}`;
  if (major === 2 && minor === 5) return ok("version", found);
  if (major === 2 && minor === 4)
    return warn("version", found, "Tipline is tested with 2.5: it should work, but update MISP when you can");
  if (major > 2 || (major === 2 && minor > 5))
    return warn("version", found, "newer than what Tipline was tested with (2.5): look into what a sync says");
  return fail("version", found, "expected MISP 2.5 (2.4 should work): check that the URL is that of a MISP server");
}

function* keyAndClock({ misp, now }: DoctorMisp): Generator<Check> {
  const { keyExpiresAt, clockSkewMs } = misp.status();
  if (keyExpiresAt === undefined) yield ok("key expiry", "the key does not expire");
  else {
    const left = keyExpiresAt - now();
    const found = `${new Date(keyExpiresAt).toISOString().slice(0, 10)}, in ${Math.floor(left / DAY_MS)} days`;
    yield left < KEY_EXPIRY_WARNING_MS
      ? warn("key expiry", found, "make a new key in MISP (your profile, Auth keys) and put it into key_file")
      : ok("key expiry", found);
  }
  if (clockSkewMs === undefined) return;
  const seconds = Math.round(Math.abs(clockSkewMs) / 1000);
  const found = seconds < 2 ? "the same to the second" : `MISP is ${seconds} s ${clockSkewMs > 0 ? "ahead" : "behind"}`;
  if (Math.abs(clockSkewMs) > SKEW_FAIL_MS) yield fail("clock", found, "set both clocks by NTP: changes may be missed");
  else if (Math.abs(clockSkewMs) > SKEW_WARN_MS) yield warn("clock", found, "set both clocks by NTP");
  else yield ok("clock", found);
}

/** It is unauthenticated and one-way: that somebody listens is all that can be known without waiting for a message. */
async function zeroMq(address: string, signal: AbortSignal): Promise<Check> {
  try {
    const ms = await reachPort(address.replace(/^tcp:/, "http:"), CONNECT_MS, signal);
    return ok("ZeroMQ", `${address} connected in ${ms} ms`);
  } catch (thrown) {
    const failed = failedBy(
      "ZeroMQ",
      thrown,
      "enable it in MISP (Plugin.ZeroMQ_enable) and let this host reach its port",
    );
    return { ...failed, status: "warn", found: failed.found.replace(/^http:/, "tcp:") };
  }
}
