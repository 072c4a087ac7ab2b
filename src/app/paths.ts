import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { asError, systemCode, TiplineError } from "../lib/errors.ts";
import { packageRoot } from "../lib/package-root.ts";

/** The configuration file to use: the one named, `$TIPLINE_CONFIG`, `./tipline.yaml`, `/etc/tipline/tipline.yaml`. */
export function findConfig(named: string | undefined, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (named !== undefined) return named;
  const fromEnv = env["TIPLINE_CONFIG"];
  if (fromEnv) return fromEnv;
  return ["tipline.yaml", "/etc/tipline/tipline.yaml"].find((path) => existsSync(path));
}

/** `findConfig`, or a usage error that says where it looked. */
export function requireConfig(named: string | undefined): string {
  const path = findConfig(named);
  if (path !== undefined) return path;
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    "no configuration: expected --config FILE, $TIPLINE_CONFIG, ./tipline.yaml or /etc/tipline/tipline.yaml (`tipline config example` prints one)",
  );
}

/** Whether something of the state is there; what may not be looked at is not taken for missing. */
export function stateHas(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(cause) ?? "")) return false;
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `${path} cannot be looked at: ${asError(cause).message}: run as the user (or in the group) that Tipline runs as`,
      { cause },
    );
  }
}

/** Where built feeds of `--feed` are kept; safe to delete. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tipline");
}

/** Warninglists that ship with Tipline: used where no directory is configured. */
export function builtInWarninglists(): string {
  return join(packageRoot(), "lists");
}
