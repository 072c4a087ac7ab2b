import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Config, loadConfig } from "../config/load.ts";
import { asError, systemCode } from "../lib/errors.ts";
import { isJsonObject, type JsonValue } from "../model/json.ts";
import { type Check, fail, ok, unseen } from "../setup/checks.ts";
import {
  type Access,
  accessOf,
  type Identity,
  namedIdentity,
  ownIdentity,
  shellWord,
} from "../setup/doctor-host-access.ts";
import type { Hop } from "../setup/doctor-line-walk.ts";

/** Where systemd puts a service's credentials while it runs, and where `install systemd` has them lie. */
const CREDENTIALS = ["/run/credentials/tipline.service", "/etc/tipline/credentials"];

const SERVICE_USER = "tipline";

/** A configuration, or what is wrong with it. */
export type ConfigReading =
  | { readonly status: "read"; readonly config: Config; readonly path: string }
  | { readonly status: "invalid"; readonly path: string; readonly error: Error };

/**
 * Reads the configuration as the service does: the folder of its credentials is known to the service alone, and whoever examines
 * it gets the place where it is.
 */
export async function readConfiguration(path: string, env: NodeJS.ProcessEnv = process.env): Promise<ConfigReading> {
  try {
    const folder = CREDENTIALS.find((place) => existsSync(place)) ?? CREDENTIALS[0];
    const config = await loadConfig(path, { CREDENTIALS_DIRECTORY: folder, ...env });
    return { status: "read", config, path };
  } catch (thrown) {
    return { status: "invalid", path, error: asError(thrown) };
  }
}

/** The configuration itself, and the files with secrets and certificates that it names. */
export function configHops(reading: ConfigReading, who: Identity | undefined): readonly Hop[] {
  return [
    { name: "configuration", needs: [], look: () => [configuration(reading, who)] },
    { name: "secrets", needs: ["configuration"], look: () => secrets(reading, who) },
  ];
}

function configuration(reading: ConfigReading, who: Identity | undefined): Check {
  const name = "configuration";
  const { path } = reading;
  const service = who ?? ownIdentity();
  const refused = reading.status === "invalid" && systemCode(reading.error.cause) === "EACCES";
  // Somebody who is not the service may be kept out on purpose.
  if (refused && service.self && namedIdentity(SERVICE_USER)?.uid !== service.uid)
    return unseen(name, `${path} may not be read by ${ownIdentity().name}`, "sudo tipline doctor");
  const access = accessOf(path, service, "read");
  if (access.status === "no")
    return fail(name, `${service.name} may not ${access.need} ${access.at} (${access.mode})`, ownedBy(service, access));
  if (reading.status === "invalid")
    return fail(
      name,
      reading.error.message,
      `correct ${reading.path}, then ${`tipline config check ${shellWord(reading.path)}`}`,
    );
  const { sources, feeds, sinks } = reading.config;
  const names = (list: readonly { readonly name: string }[]) => list.map((each) => each.name).join(", ");
  return ok(name, `${reading.path}: sources ${names(sources)}; feeds ${names(feeds)}; sinks ${names(sinks)}`);
}

function secrets(reading: ConfigReading, who: Identity | undefined): readonly Check[] {
  const name = "secrets";
  if (reading.status === "invalid") return [];
  const { sources, feeds, sinks } = reading.config;
  const parts = { sources, feeds, sinks };
  const files = Object.entries(parts).flatMap(([kind, list]) =>
    list.flatMap((entry) => namedFiles(entry.settings as JsonValue, `${kind}.${entry.name}`)),
  );
  const seen = new Set<string>();
  const fresh = files.filter(({ path }) => !seen.has(path) && seen.add(path));
  const checks = fresh.map(({ key, path }) => secretFile(key, path, who)).filter((check) => check !== undefined);
  return checks.length > 0
    ? checks
    : [ok(name, fresh.length === 0 ? "no file is named" : `${fresh.length} files, there and readable`)];
}

const MOST_DEPTH = 6;

/** Every string under a key that ends in `_file`. */
function namedFiles(settings: JsonValue, at: string, depth = 0): readonly { key: string; path: string }[] {
  if (!isJsonObject(settings) || depth > MOST_DEPTH) return [];
  return Object.entries(settings).flatMap(([key, value]) =>
    typeof value === "string" && key.endsWith("_file")
      ? [{ key: `${at}.${key}`, path: value }]
      : namedFiles(value, `${at}.${key}`, depth + 1),
  );
}

function secretFile(key: string, path: string, who: Identity | undefined): Check | undefined {
  const name = "secrets";
  const access = accessOf(path, who ?? ownIdentity(), "read");
  if (access.status === "absent")
    return fail(name, `${key}: ${path} is not there`, `${putSecret(path, who)} (and type it, then Ctrl-D)`);
  // What systemd hands over is root's, and reaches the service by other ways than modes.
  if (access.status === "yes" || CREDENTIALS.some((place) => path.startsWith(join(place, "/")))) return undefined;
  if (access.status === "unseen")
    return unseen(name, `${key}: ${path} cannot be looked at by ${ownIdentity().name}`, "sudo tipline doctor");
  const user = who ?? ownIdentity();
  return fail(name, `${key}: ${user.name} may not ${access.need} ${access.at} (${access.mode})`, ownedBy(user, access));
}

/** What may hold secrets is given to its user rather than opened to everybody. */
function ownedBy({ name }: Identity, { at, remedy }: Extract<Access, { status: "no" }>): string {
  return remedy.startsWith("chmod o+r") ? `chown ${name} ${shellWord(at)}` : remedy;
}

/** Takes it from the keyboard, so that it is in no history. */
function putSecret(path: string, who: Identity | undefined): string {
  return `install -m 600 ${owner(who)}/dev/stdin ${shellWord(path)}`;
}

/** Puts another secret into a file and into force; undefined where systemd hands it over. */
export function replaceSecret(path: string | undefined, who: Identity, restart: string): string | undefined {
  if (path === undefined || CREDENTIALS.some((place) => path.startsWith(join(place, "/")))) return undefined;
  return `${putSecret(path, who)} && ${restart} (and type it, then Ctrl-D)`;
}

function owner(who: Identity | undefined): string {
  return who === undefined || who.self ? "" : `-o ${who.name} `;
}
