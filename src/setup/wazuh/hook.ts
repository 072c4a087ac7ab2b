import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import { packageRoot } from "../../lib/package-root.ts";
import type { Installation } from "./installation.ts";

/** The hook's own name, and the community integration's, under which it can take that one's place without an edit. */
export const HOOK_NAMES = ["custom-tipline", "custom-misp.py"] as const;

/** Beside the sockets: kept by Wazuh's upgrades, on its queue volume in a container, open to nobody but its group. */
export const SPOOL = "queue/tipline";

/** A file or folder to make. Owner and group are names of the manager's host; modes are exact, whatever the umask. */
export interface HookFile {
  readonly path: string;
  readonly owner: "root";
  readonly group: "wazuh";
  readonly mode: number;
}

export interface Hook {
  readonly script: string;
  readonly targets: readonly HookFile[];
  /** Folder that the manager's user writes to and Tipline's, a member of its group, reads and removes from. */
  readonly spool: HookFile;
}

export interface HookOptions {
  /** Names under `integrations/`; each must begin with `custom-`, or integratord refuses it. Default: `custom-tipline`. */
  readonly names?: readonly string[];
  /** Spool folder as the manager sees it; default `queue/tipline` below the prefix. */
  readonly spool?: string;
  /**
   * The manager's own prefix, where it differs from the installation's: a container's volumes mounted elsewhere. Default: the
   * installation's.
   */
  readonly managerPrefix?: string;
}

/** What installing the hook means: the script, where it goes, and its spool. Reads nothing but Tipline's own asset. */
export function hookFor({ prefix, paths }: Pick<Installation, "prefix" | "paths">, options: HookOptions = {}): Hook {
  const { names = [HOOK_NAMES[0]], managerPrefix = prefix } = options;
  const spool = options.spool ?? join(managerPrefix, SPOOL);
  return {
    script: renderHook({ spool, log: join(managerPrefix, "logs/integrations.log") }),
    targets: names.map((name) => ({
      path: join(paths.integrations, checkedName(name)),
      owner: "root",
      group: "wazuh",
      mode: 0o750,
    })),
    // Set-group-id: what the hook makes belongs to the manager's group, whoever ran it.
    spool: { path: options.spool ?? join(prefix, SPOOL), owner: "root", group: "wazuh", mode: 0o2770 },
  };
}

/** The hook with its two paths. Throws TIP_INPUT_INVALID for a path that is not absolute or has no place between quotes. */
export function renderHook({ spool, log }: { readonly spool: string; readonly log: string }): string {
  const asset = readFileSync(join(packageRoot(), "setup/wazuh/integrations/custom-tipline"), "utf8");
  return assign(assign(asset, "spool", spool), "log", log);
}

function assign(script: string, name: string, path: string): string {
  if (!path.startsWith("/") || /['\x00-\x1f\x7f]/.test(path))
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `expected the hook's ${name} as an absolute path without quotes and control characters, found ${JSON.stringify(path.slice(0, 200))}`,
    );
  const line = new RegExp(`^${name}='[^'\\n]*'$`, "m");
  if (!line.test(script)) throw new TiplineError("TIP_INTERNAL", `expected a line ${name}='…' in the hook, found none`);
  return script.replace(line, () => `${name}='${path}'`);
}

/** integratord runs a script of one's own under such a name only. */
export const isHookName = (name: string): boolean => /^custom-[A-Za-z0-9._-]{1,64}$/.test(name);

/** Whether a script is the hook, of this version or another, under whatever name. */
export const isHookScript = (script: string): boolean => script.includes("Tipline's hook");

function checkedName(name: string): string {
  if (isHookName(name)) return name;
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    `expected the name of an integration to be custom- and letters, digits, dots, - or _, found ${JSON.stringify(name.slice(0, 100))}`,
  );
}
