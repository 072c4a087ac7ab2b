import type { Fields } from "./decode.ts";
import type { DecodedLog } from "./log-decoders.ts";

/** What queue `8` carries for one file; members as agents send them. */
interface FimEvent {
  readonly type?: unknown;
  readonly data?: {
    readonly path?: unknown;
    readonly mode?: unknown;
    readonly type?: unknown;
    readonly attributes?: Readonly<Record<string, unknown>>;
    readonly old_attributes?: Readonly<Record<string, unknown>>;
    readonly changed_attributes?: readonly string[];
  };
}

const DECODERS: Readonly<Record<string, string>> = {
  added: "syscheck_new_entry",
  modified: "syscheck_integrity_changed",
  deleted: "syscheck_deleted",
};

/** Attribute to the stem of its name in the alert, in the order of the alert. */
const NAMES: readonly (readonly [string, string])[] = [
  ["size", "size"],
  ["perm", "perm"],
  ["uid", "uid"],
  ["gid", "gid"],
  ["hash_md5", "md5"],
  ["hash_sha1", "sha1"],
  ["hash_sha256", "sha256"],
  ["user_name", "uname"],
  ["group_name", "gname"],
  ["mtime", "mtime"],
  ["inode", "inode"],
];

/** A file integrity event of an agent: the `syscheck` object of its alert, and the log line that analysisd writes for it. */
export function decodeSyscheck(
  log: string,
): (DecodedLog & { readonly syscheck: object; readonly fullLog: string }) | undefined {
  let given: FimEvent;
  try {
    given = JSON.parse(log);
  } catch {
    return undefined;
  }
  const { data } = given;
  const kind = String(data?.type);
  if (given.type !== "event" || data?.attributes === undefined || !Object.hasOwn(DECODERS, kind)) return undefined;
  const syscheck: Record<string, unknown> = { path: String(data.path), mode: String(data.mode) };
  for (const [attribute, stem] of NAMES) {
    set(syscheck, `${stem}_before`, data.old_attributes?.[attribute], stem);
    set(syscheck, `${stem}_after`, data.attributes[attribute], stem);
  }
  if (data.changed_attributes !== undefined) syscheck["changed_attributes"] = data.changed_attributes;
  syscheck["event"] = kind;
  const fields: Fields = new Map([["file", String(data.path)]]);
  return {
    decoder: DECODERS[kind],
    category: "ossec",
    own: new Map(),
    fields,
    syscheck,
    fullLog: `File '${data.path}' ${kind}\nMode: ${data.mode}\n`,
  };
}

function set(syscheck: Record<string, unknown>, name: string, value: unknown, stem: string): void {
  if (value === undefined || value === "") return;
  if (stem === "mtime") syscheck[name] = new Date(Number(value) * 1000).toISOString().slice(0, 19);
  else syscheck[name] = stem === "inode" ? value : String(value);
}
