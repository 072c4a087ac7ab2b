import { TiplineError } from "../lib/errors.ts";

/** What of the unit depends on the host. Paths are absolute. */
export interface UnitValues {
  /** The Node.js binary and Tipline's own entry. */
  readonly node: string;
  readonly cli: string;
  readonly config: string;
  /** Folder of Tipline's package, for the documentation that the unit names. */
  readonly package: string;
  /** The manager's prefix. */
  readonly prefix: string;
  readonly user: string;
  /** The manager's group, which owns the queue socket and alerts.json. */
  readonly wazuhGroup: string;
  /** Folder that holds the files behind `credentials`; root's alone. */
  readonly credentialsDir: string;
  /** Names that the configuration asks for as `${CREDENTIALS_DIRECTORY}/NAME`. */
  readonly credentials: readonly string[];
  /** Folders that the line writes to beside /var/lib/tipline, /var/log/tipline and the hook's spool. */
  readonly writable: readonly string[];
}

const PREFIX = "/var/ossec";
const CREDENTIALS = "/etc/tipline/credentials";
const USER = /^[a-z_][a-z0-9_-]{0,30}$/;
const CREDENTIAL = /^[A-Za-z0-9._-]{1,200}$/;
const PATH_LISTS = new Set(["InaccessiblePaths", "ReadWritePaths"]);

/**
 * The unit of `setup/systemd/tipline.service` for one host: every directive stays, only what depends on the host is put in its
 * place. Throws TIP_INPUT_INVALID for a value that has no place in a unit file.
 */
export function renderUnit(template: string, values: UnitValues): string {
  const name = (kind: string, text: string) => checked(kind, text, USER);
  const fixed = new Map([
    ["Documentation", `file:${unitPath(`${values.package}/docs/wazuh.md`)}`],
    ["ExecStart", [argument(values.node), argument(values.cli), "run --config", argument(values.config)].join(" ")],
    ["User", name("user", values.user)],
    ["Group", name("user", values.user)],
    ["SupplementaryGroups", name("group", values.wazuhGroup)],
  ]);
  const used = new Set<string>();
  const lines = template.split("\n").flatMap((line) => {
    const [, key = "", value = ""] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    const put = fixed.get(key);
    used.add(key);
    if (put !== undefined) return [`${key}=${put}`];
    if (!PATH_LISTS.has(key)) return [line];
    const relocated = `${key}=${value
      .split(" ")
      .map((path) => relocate(path, values))
      .join(" ")}`;
    return key === "ReadWritePaths" ? [relocated, ...additions(values)] : [relocated];
  });
  for (const key of [...fixed.keys(), ...PATH_LISTS])
    if (!used.has(key)) throw new TiplineError("TIP_INTERNAL", `expected ${key}= in the unit's template, found none`);
  return lines.join("\n");
}

function additions({ credentials, credentialsDir, writable }: UnitValues): string[] {
  const load = credentials.map((name) => {
    const id = checked("credential", name, CREDENTIAL);
    // Not a quoted place: systemd takes the rest of the line as the path.
    const path = checked("credentials folder", credentialsDir, /^\/[^\s"'\\%]{1,500}$/);
    return `LoadCredential=${id}:${path}/${id}`;
  });
  return [...writable.map((path) => `ReadWritePaths=${unitPath(path)}`), ...load];
}

/** `-/var/ossec/etc` below the real prefix; a path that does not exist is passed over (`-`). */
function relocate(entry: string, { prefix, credentialsDir }: UnitValues): string {
  const [, optional = "", path = ""] = /^(-?)(.*)$/.exec(entry) ?? [];
  const below = (root: string) => path === root || path.startsWith(`${root}/`);
  if (below(PREFIX)) return unitPath(prefix + path.slice(PREFIX.length), optional);
  if (path === CREDENTIALS) return unitPath(credentialsDir, optional);
  return entry;
}

/** A path in a list of paths: `%` doubled, quoted where it has a character that ends a word. */
function unitPath(path: string, optional = ""): string {
  return quoted(optional + absolute(path).replaceAll("%", "%%"));
}

/** A path as a word of a command line: `$` doubled as well. */
function argument(path: string): string {
  return quoted(absolute(path).replaceAll("%", "%%").replaceAll("$", "$$$$"));
}

function quoted(text: string): string {
  return /[\s"'\\;#]/.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : text;
}

function absolute(path: string): string {
  return checked("path", path, /^\/[^\x00-\x1f\x7f]{0,1000}$/);
}

function checked(kind: string, text: string, shape: RegExp): string {
  if (shape.test(text) && !text.includes("/../")) return text;
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    `expected a ${kind} that a systemd unit can hold (${shape.source}), found ${JSON.stringify(text.slice(0, 200))}`,
  );
}
