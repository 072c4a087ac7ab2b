import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { TiplineError } from "../lib/errors.ts";
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

/** Where built feeds of `--feed` are kept; safe to delete. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tipline");
}

/** Warninglists that ship with Tipline: used where no directory is configured. */
export function builtInWarninglists(): string {
  return join(packageRoot(), "lists");
}
