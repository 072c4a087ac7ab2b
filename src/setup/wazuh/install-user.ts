import { readFileSync } from "node:fs";
import { asError, TiplineError } from "../../lib/errors.ts";
import type { RunCommand } from "./install-command.ts";
import type { Account, AccountChange } from "./plan.ts";

export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Users and groups of this host. */
export interface Accounts {
  /** Where the service's user lives when nothing else is asked for; default /var/lib/tipline. */
  readonly home?: string;
  /** Whether files may be given to them; default: whether this is root. */
  readonly mayGive?: boolean;
  readonly group: (nameOrGid: string | number) => Promise<Group | undefined>;
  readonly user: (name: string) => Promise<User | undefined>;
  /** Undefined when accounts can be made here; else why not. */
  readonly unable: () => Promise<string | undefined>;
  readonly add: (account: Account) => Promise<void>;
  /** False when it is still there afterwards. */
  readonly remove: (account: Account) => Promise<boolean>;
}

export const SERVICE_USER = "tipline";
const MANAGER_GROUP = "wazuh";
export const SERVICE_HOME = "/var/lib/tipline";

/** Accounts of this host, by the programs that every distribution but the smallest has. */
export function systemAccounts(run: RunCommand): Accounts {
  const entry = async (database: "group" | "passwd", key: string) => {
    const { code, output } = await run(["getent", database, key]);
    if (code === 0) return output.split("\n")[0]?.split(":");
    if (code === 2) return undefined;
    return fileEntry(database, key);
  };
  const accounts: Accounts = {
    group: async (key) => {
      const [name = "", , gid = "", members = ""] = (await entry("group", String(key))) ?? [];
      if (name === "") return undefined;
      return { name, gid: Number(gid), members: members.split(",").filter((member) => member !== "") };
    },
    user: async (key) => {
      const [name = "", , uid = "", gid = ""] = (await entry("passwd", key)) ?? [];
      return name === "" ? undefined : { name, uid: Number(uid), gid: Number(gid) };
    },
    unable: async () => {
      if (process.geteuid?.() !== 0) return "only root may add users";
      for (const program of ["useradd", "groupadd", "usermod"]) {
        const { code, error } = await run([program, "--help"]);
        if (code === undefined) return `this host has no ${program} (${error ?? "it did not start"})`;
      }
      return undefined;
    },
    add: async (account) => {
      const { code, output, error } = await run(addCommand(account));
      if (code !== 0)
        throw new TiplineError(
          "TIP_INPUT_INVALID",
          `${addCommand(account).join(" ")} failed: ${(error ?? output).trim().slice(0, 300)}`,
        );
    },
    remove: async (account) => {
      if (await isThere(accounts, account)) await run(removeCommand(account));
      return !(await isThere(accounts, account));
    },
  };
  return accounts;
}

function addCommand(account: Account): readonly string[] {
  if (account.what === "group") return ["groupadd", "--system", account.name];
  if (account.what === "member") return ["usermod", "--append", "--groups", account.group, account.name];
  const { name, group, home } = account;
  const shell = ["--no-create-home", "--shell", "/usr/sbin/nologin", "--comment", "Tipline"];
  return ["useradd", "--system", "--gid", group, "--home-dir", home, ...shell, name];
}

function removeCommand(account: Account): readonly string[] {
  if (account.what === "group") return ["groupdel", account.name];
  if (account.what === "user") return ["userdel", account.name];
  return ["gpasswd", "--delete", account.name, account.group];
}

async function isThere(accounts: Accounts, account: Account): Promise<boolean> {
  if (account.what === "user") return (await accounts.user(account.name)) !== undefined;
  if (account.what === "group") return (await accounts.group(account.name)) !== undefined;
  return (await accounts.group(account.group))?.members.includes(account.name) === true;
}

/** Where there is no getent. */
function fileEntry(database: "group" | "passwd", key: string): readonly string[] | undefined {
  try {
    const entries = readFileSync(`/etc/${database}`, "utf8").split("\n");
    return entries.map((line) => line.split(":")).find(([name, , id]) => name === key || id === key);
  } catch (cause) {
    throw new TiplineError("TIP_INPUT_INVALID", `/etc/${database} cannot be read: ${asError(cause).message}`, {
      cause,
    });
  }
}

/** What makes the user that Tipline runs as, or why nothing does. `gid`: the manager's group. */
export async function planUser(
  accounts: Accounts,
  gid: number | undefined,
  home: string = SERVICE_HOME,
): Promise<{ readonly changes: readonly AccountChange[]; readonly notes: readonly string[] }> {
  const skipped = (why: string) => ({ changes: [], notes: [`user ${SERVICE_USER} was not set up: ${why}`] });
  if (gid === undefined) return skipped("nothing in the prefix shows which group is the manager's");
  const manager = await accounts.group(gid);
  const user = await accounts.user(SERVICE_USER);
  const group = await accounts.group(SERVICE_USER);
  const byHand = `whoever runs Tipline needs group ${gid}, the manager's`;
  if (!manager)
    return skipped(`no group of this host has the id ${gid}, as where the manager is in a container; ${byHand}`);
  // By name as well: the id of a container's wazuh may be anybody's here, such as docker's, who is as good as root.
  if (manager.name !== MANAGER_GROUP)
    return skipped(
      `group ${gid}, which owns the manager's files, is ${manager.name} here and not ${MANAGER_GROUP}; ${byHand}`,
    );
  if (user && (user.gid === gid || manager.members.includes(SERVICE_USER))) return { changes: [], notes: [] };
  const unable = await accounts.unable();
  if (unable !== undefined) return skipped(`${unable}; ${byHand} (${manager.name})`);
  const changes: AccountChange[] = [];
  const add = (account: Account, why: string) => changes.push({ kind: "account", account, why, keep: true });
  if (!user) {
    if (!group) add({ what: "group", name: SERVICE_USER }, "Tipline's own group");
    const account = { what: "user", name: SERVICE_USER, group: SERVICE_USER, home } as const;
    add(account, "Tipline runs as a user of its own");
  }
  const why = "reads logs/alerts and writes to the queue socket";
  add({ what: "member", name: SERVICE_USER, group: manager.name }, why);
  return { changes, notes: [] };
}
