import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { folderOwner } from "./install-files.ts";
import { type Accounts, planUser, SERVICE_USER } from "./install-user.ts";
import { DEFAULT_PREFIX, type Installation } from "./installation.ts";
import type { Change } from "./plan.ts";
import type { Draft } from "./plan-draft.ts";

export const DEFAULT_CONFIG = "/etc/tipline/tipline.yaml";
/** In the starting configuration. */
export const KEY_FILE = "/etc/tipline/misp.key";

export interface HostWanted {
  readonly user: boolean;
  /** Where the starting configuration goes when there is none. */
  readonly configFile: string;
  /** Put into it; default a place holder. */
  readonly mispUrl: string | undefined;
  readonly stateDir: string;
  readonly hook: boolean;
  /** The alerts of our own findings pass the filters of the hook's <integration>. */
  readonly echoes: boolean;
}

/** The service's user, its state folder and a configuration to start from: what this host needs beside the manager. */
export async function planHost(
  draft: Draft,
  installation: Installation,
  accounts: Accounts,
  wanted: HostWanted,
): Promise<{ readonly changes: readonly Change[]; readonly notes: readonly string[] }> {
  const { user } = installation;
  const planned = wanted.user ? await planUser(accounts, user?.gid, wanted.stateDir) : { changes: [], notes: [] };
  const there = (await accounts.user(SERVICE_USER)) !== undefined || planned.changes.length > 0;
  const changes: Change[] = [...planned.changes];
  const notes: string[] = [...planned.notes];
  const mayGive = accounts.mayGive ?? process.geteuid?.() === 0;
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  if (wanted.user && there && mayGive) {
    const place = draft.place(wanted.stateDir);
    const named = { user: SERVICE_USER, group: SERVICE_USER };
    if (folderOwner(place) === undefined)
      changes.push({
        kind: "folder",
        place,
        wanted: { mode: 0o700, ...own },
        owner: named,
        why: "Tipline's state",
        keep: true,
      });
  }
  changes.push(...planConfig(draft, installation, wanted, there, notes));
  return { changes, notes };
}

function planConfig(
  draft: Draft,
  installation: Installation,
  wanted: HostWanted,
  there: boolean,
  notes: string[],
): readonly Change[] {
  const { configFile } = wanted;
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  if (configFile === DEFAULT_CONFIG && own.uid !== 0) {
    notes.push(`no ${configFile} was written: only root may; --config-file FILE writes it elsewhere`);
    return [];
  }
  const folder = draft.place(join(configFile, ".."));
  const is = folderOwner(folder) === undefined ? undefined : draft.text(configFile);
  if (is !== undefined) {
    if (wanted.hook && !/^[^#\n]{0,200}\btype:\s*["']?wazuh-hook\b/m.test(is))
      notes.push(hookNote(installation, wanted));
    return [];
  }
  if (configFile === DEFAULT_CONFIG && !writable(folder.anchor)) {
    notes.push(
      `no ${configFile} was written: ${folder.anchor} cannot be written to; --config-file FILE writes it elsewhere`,
    );
    return [];
  }
  const text = startingConfig(installation, wanted);
  // Readable by the service: it may come to hold a secret, so by nobody else.
  const named = there && own.uid === 0 ? { group: SERVICE_USER } : undefined;
  draft.write(configFile, Buffer.from(text, "utf8").toString("latin1"), "a configuration to start from", {
    owner: { mode: 0o640, ...own },
    keep: true,
    ...(named && { named }),
  });
  notes.push(
    wanted.mispUrl === undefined
      ? `edit ${configFile}: it needs the address of your MISP and a file with a read-only key`
      : `${configFile} wants a file with a read-only key of your MISP`,
  );
  if (folderOwner(folder) !== undefined) return [];
  return [
    { kind: "folder", place: folder, wanted: { mode: 0o755, ...own }, why: "Tipline's configuration", keep: true },
  ];
}

/** A configuration of the user's is not edited; without this source the spool would only fill. */
function hookNote({ prefix }: Installation, { configFile, echoes }: HostWanted): string {
  const source = `wazuh: {type: wazuh-hook, path: ${yaml(join(prefix, "queue/tipline"))}, echoes: ${echoes}}`;
  const sink = echoes ? "" : `, and the sink of type wazuh needs "confirm: false"`;
  return `${configFile} is there already and stays as it is, so that nobody drains the hook's spool: under "sources:" it needs "${source}" in the place of a source of type wazuh-alerts${sink}; then restart Tipline`;
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The smallest configuration for this manager. */
export function startingConfig(
  { prefix, paths }: Installation,
  { mispUrl, hook, echoes }: Pick<HostWanted, "mispUrl" | "hook" | "echoes">,
): string {
  const url = mispUrl === undefined ? "https://misp.example.org # yours" : yaml(serverOf(mispUrl));
  const elsewhere = prefix !== DEFAULT_PREFIX;
  const lines = [
    "# Tipline beside this Wazuh manager. Every option: tipline config example --full",
    "# After a change: tipline config check, then restart Tipline.",
    "feeds:",
    "  misp:",
    "    type: misp-server",
    `    url: ${url}`,
    `    key_file: ${KEY_FILE} # a read-only key is enough; for Tipline's user alone to read (0400)`,
  ];
  if (hook)
    lines.push(
      "",
      "# Alerts come from integratord through the hook. Without the hook: type: wazuh-alerts",
      "sources:",
      "  wazuh:",
      "    type: wazuh-hook",
      `    path: ${yaml(join(prefix, "queue/tipline"))}`,
      `    echoes: ${echoes} # whether the <integration> of the hook lets the alerts of our own findings pass`,
    );
  else if (elsewhere)
    lines.push("", "sources:", "  wazuh:", "    type: wazuh-alerts", `    path: ${yaml(paths.alertsJson)}`);
  const unread = hook && !echoes;
  if (elsewhere || unread) lines.push("", "sinks:", "  wazuh:", "    type: wazuh");
  if (elsewhere) lines.push(`    socket: ${yaml(paths.queueSocket)}`);
  if (unread)
    lines.push("    confirm: false # the filters of the hook's <integration> keep the alerts of our findings back");
  return `${lines.join("\n")}\n`;
}

/** Old integrations name the endpoint that they ask. */
function serverOf(url: string): string {
  return url.replace(/\/(?:attributes|events)(?:\/[\w/:.-]{0,200})?$/, "").replace(/\/{1,8}$/, "");
}

/** A plain word as it is, anything else quoted: YAML takes JSON's strings. */
function yaml(text: string): string {
  return /^(?:https?:\/)?\/[\w./:-]+$/.test(text) ? text : JSON.stringify(text);
}
