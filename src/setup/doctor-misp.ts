import type { Misp } from "../clients/misp.ts";
import { KEY_EXPIRY_WARNING_MS, type MispConnection } from "../clients/misp-connection.ts";
import { reachPort } from "../clients/reach.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { openToOthers } from "../lib/secret-schema.ts";
import { text } from "../model/json.ts";
import { type Check, fail, failedBy, ok, warn } from "./checks.ts";
import { CONNECT_MS, connectionChecks } from "./doctor-connection.ts";
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
  /** Command that puts another key in the place of this one, and into force. */
  readonly newKey?: string | undefined;
  /** Leaves out what makes the server count: its content and what the filters leave of it. */
  readonly brief?: boolean;
}

const MISP = { server: "MISP", secret: "the key" };
const DAY_MS = 86_400_000;
/** MISP and Tipline compare timestamps to the second; a minute apart is still harmless. */
const SKEW_WARN_MS = 60_000;
const SKEW_FAIL_MS = 15 * 60_000;

/**
 * Examines one MISP server as Tipline would use it, from the wire up, and says of each thing how it is and what to do. What
 * depends on something that failed is left out. Reads only; what it costs the server is in docs/MISP.md.
 */
export async function* doctorMisp(subject: DoctorMisp, signal: AbortSignal): AsyncGenerator<Check> {
  yield* keyFile(subject.connection);
  if (!(yield* connectionChecks(MISP, subject.connection, subject.now(), signal))) return;
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

/** The API answers and takes the key; false when it does not. */
async function* api({ misp, newKey }: DoctorMisp, signal: AbortSignal): AsyncGenerator<Check, boolean> {
  const started = performance.now();
  let version: string;
  try {
    version = text(await misp.get("/servers/getVersion", signal), "version")?.slice(0, 40) ?? "?";
  } catch (thrown) {
    const refused = thrown instanceof RemoteError && thrown.kind === "auth";
    yield failedBy("API and key", thrown, refused ? newKey : "");
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
