import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import { packageRoot } from "../../lib/package-root.ts";

export const UNIT = "fluent-bit-tipline.service";
/** The first words of our unit: what has others is not ours to replace. */
export const UNIT_MARK = "# Fluent Bit, a second one beside whatever runs already";

export interface UnitValues {
  readonly program: string;
  readonly config: string;
  readonly environmentFile: string;
  /** True when the service cannot do without what is in it. */
  readonly needsEnvironment: boolean;
  readonly group: string;
  readonly stateDir: string;
}

/** The unit for this machine. Throws TIP_USAGE_INVALID for a value that has no place in one. */
export function renderUnit(values: UnitValues): string {
  const { needsEnvironment, stateDir } = values;
  const state = /^\/var\/lib\/([A-Za-z0-9][\w.-]{0,100})$/.exec(stateDir)?.[1];
  if (state === undefined)
    throw usage("--state: with a unit, expected a folder directly below /var/lib, which systemd gives to the service");
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(values.group)) throw usage("--wazuh-group: expected the name of a group");
  const put = new Map([
    ["ExecStart", `${word(values.program)} -c ${word(values.config)}`],
    ["EnvironmentFile", `${needsEnvironment ? "" : "-"}${word(values.environmentFile)}`],
    ["SupplementaryGroups", values.group],
    ["StateDirectory", state],
  ]);
  const template = readFileSync(join(packageRoot(), "setup/fluent-bit", UNIT), "utf8");
  return template.replace(
    /^(ExecStart|EnvironmentFile|SupplementaryGroups|StateDirectory)=.*$/gm,
    (line, key: string) => (put.has(key) ? `${key}=${put.get(key)}` : line),
  );
}

/** A path that systemd takes as it stands: nothing to quote, to split or to expand. */
function word(path: string): string {
  if (/^\/[\w./+@-]{1,500}$/.test(path) && !path.split("/").includes("..")) return path;
  throw usage("expected absolute paths of letters, digits and . _ - + @ for the unit, found another");
}

function usage(message: string): TiplineError {
  return new TiplineError("TIP_USAGE_INVALID", message);
}
