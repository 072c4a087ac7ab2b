import { isAbsolute, relative } from "node:path";
import { unifiedDiff } from "../../lib/line-diff.ts";
import { type FileState, type Owner, type Place, sameState } from "./install-files.ts";

/** A file as it is and as it shall be; undefined: not there. */
export interface FileChange {
  readonly kind: "file";
  readonly place: Place;
  readonly found: FileState | undefined;
  readonly wanted: FileState | undefined;
  readonly why: string;
  readonly owner?: NamedOwner;
  /** Stays at `uninstall`, but for `--purge`. */
  readonly keep?: boolean;
  /** Its lines are shown to nobody. */
  readonly secret?: boolean;
}

/** Owners that are known only when their account is made, in place of the numbers. */
export interface NamedOwner {
  readonly user?: string;
  readonly group?: string;
}

/** A folder that is missing; or, `gone`, one of ours that goes when it is empty. */
export interface FolderChange {
  readonly kind: "folder";
  readonly gone?: boolean;
  readonly place: Place;
  readonly wanted: Owner;
  readonly why: string;
  readonly owner?: NamedOwner;
  readonly keep?: boolean;
}

/** A group, a user or a membership of this host that is missing; or, `gone`, one of ours that goes. */
export interface AccountChange {
  readonly kind: "account";
  readonly gone?: boolean;
  readonly account: Account;
  readonly why: string;
  readonly keep: true;
}

export type Account =
  | { readonly what: "group"; readonly name: string }
  | { readonly what: "user"; readonly name: string; readonly group: string; readonly home: string }
  | { readonly what: "member"; readonly name: string; readonly group: string };

export type Change = FileChange | FolderChange | AccountChange;

/** What the manager has to do for the changes to count. */
export type Reload = "none" | "ruleset" | "restart";

/** What is to be done, and what there is to say about it. Without changes there is nothing to do. */
export interface Plan {
  readonly changes: readonly Change[];
  readonly reload: Reload;
  /** Remarks for the user: what was skipped and why, what is left to do. */
  readonly notes: readonly string[];
}

/** One line on what a change does. */
export function describeChange(change: Change): string {
  if (change.kind === "account") return `${change.gone === true ? "remove  " : ""}${accountLine(change.account)}`;
  const { path } = change.place;
  if (change.kind === "folder" && change.gone === true) return `remove  ${path}/  if it is empty`;
  if (change.kind === "folder") return `make    ${path}/  ${ownerText(change.wanted, change.owner)}`;
  const { found, wanted } = change;
  if (!wanted) return `remove  ${path}`;
  if (!found) return `create  ${path}  ${ownerText(wanted, change.owner)}`;
  if (found.bytes.equals(wanted.bytes)) return `owner   ${path}  ${ownerText(found)} -> ${ownerText(wanted)}`;
  const same = sameState({ ...found, bytes: wanted.bytes }, wanted);
  return `change  ${path}${same ? "" : `  ${ownerText(found)} -> ${ownerText(wanted)}`}`;
}

function accountLine(account: Account): string {
  if (account.what === "group") return `group   ${account.name}`;
  if (account.what === "user") return `user    ${account.name}  (group ${account.group}, no password, no shell)`;
  return `member  ${account.name} of group ${account.group}`;
}

function ownerText({ mode, uid, gid }: Owner, named: NamedOwner = {}): string {
  return `${mode.toString(8).padStart(4, "0")} ${named.user ?? uid}:${named.group ?? gid}`;
}

/** The unified diff of a file's change, with its names; "" for a file that is not text or is secret, or whose bytes stay. */
export function changeDiff({ place, found, wanted, secret }: FileChange, prefix: string): string {
  if (secret === true) return "";
  const before = found?.bytes ?? Buffer.alloc(0);
  const after = wanted?.bytes ?? Buffer.alloc(0);
  if (before.equals(after) || before.includes(0) || after.includes(0)) return "";
  const below = relative(prefix, place.path);
  const name = below.startsWith("..") || isAbsolute(below) ? place.path : below;
  const from = found ? name : "/dev/null";
  const to = wanted ? name : "/dev/null";
  const text = (bytes: Buffer) => masked(bytes.toString("utf8"));
  return `--- ${from}\n+++ ${to}\n${unifiedDiff(text(before), text(after))}`;
}

/** Elements such as api_key, hook_url, secret_key, client_secret, api_token, ssl_agent_password. */
const SECRET =
  /(<[\w.-]{0,40}(?:key|secret|token|passw(?:or)?d|hook_url)[\w.-]{0,40}(?:\s[^<>]{0,200})?>)((?:\\<|[^<]){1,20000})/gi;

/** ossec.conf holds keys, and the lines around a change are shown with it. Lines stay lines. */
function masked(text: string): string {
  return text.replace(SECRET, (_, tag: string, value: string) => `${tag}${value.replace(/\S(?:.*\S)?/g, "***")}`);
}

/** What the manager goes through once the changes are made; "" for nothing. */
export function describeReload(reload: Reload): string {
  if (reload === "restart") return "then the manager is restarted, because ossec.conf is read at the start only";
  if (reload === "ruleset")
    return "then the manager reads its rules again; where it cannot (before 4.13) it is restarted";
  return "";
}
