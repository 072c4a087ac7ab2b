import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { ReloadResult } from "../../src/clients/wazuh-analysis.ts";
import type { RunRequest, RunWorld } from "../../src/setup/wazuh/install.ts";
import type { CommandResult, RunCommand } from "../../src/setup/wazuh/install-command.ts";
import { type Accounts, SERVICE_HOME } from "../../src/setup/wazuh/install-user.ts";
import type { Account, Plan } from "../../src/setup/wazuh/plan.ts";

/** A prefix with just what `install wazuh` looks at, owned by whoever runs the test; nothing in it is a program. */
export function layPrefix(
  prefix: string,
  conf: string | Buffer,
  options: { version?: string; rules?: Readonly<Record<string, string>> } = {},
): void {
  for (const folder of [
    "etc/rules",
    "etc/decoders",
    "etc/shared/default",
    "ruleset/rules",
    "integrations",
    "queue/sockets",
    "bin",
  ])
    mkdirSync(join(prefix, folder), { recursive: true });
  const file = (path: string, content: string | Buffer, mode = 0o660) => {
    writeFileSync(join(prefix, path), content);
    chmodSync(join(prefix, path), mode);
  };
  file("etc/ossec.conf", conf);
  file(
    "etc/rules/local_rules.xml",
    '<group name="local,">\n  <rule id="100001" level="5">\n    <decoded_as>json</decoded_as>\n    <description>own</description>\n  </rule>\n</group>\n',
  );
  for (const [name, content] of Object.entries(options.rules ?? {})) file(`etc/rules/${name}`, content);
  file("etc/shared/default/agent.conf", "<agent_config>\n</agent_config>\n", 0o640);
  file("bin/wazuh-analysisd", "", 0o750);
  file("bin/wazuh-control", "", 0o750);
  file("VERSION.json", `{"version": "${options.version ?? "4.14.7"}"}\n`, 0o440);
}

export interface Rig {
  readonly request: RunRequest;
  readonly world: RunWorld;
  /** What was said, started and asked of the manager. */
  readonly said: string[];
  readonly ran: string[];
  readonly plans: Plan[];
  /** What `wazuh-analysisd -t` prints and returns; `undefined` code: not started. */
  analysisd: (call: number) => CommandResult;
  restart: CommandResult;
  running: boolean;
  reload: () => ReloadResult;
  readonly accounts: MemoryAccounts;
  readonly interrupt: () => void;
}

export const OK: CommandResult = { code: 0, output: "" };

/** `install` and `uninstall` on a prefix with everything outside of files played. */
export function installRig(prefix: string, options: { before?: (step: string) => void; reload?: boolean } = {}): Rig {
  const said: string[] = [];
  const ran: string[] = [];
  const plans: Plan[] = [];
  const abort = new AbortController();
  const accounts = memoryAccounts(`${prefix}.home`);
  let tests = 0;
  let clock = Date.UTC(2026, 10, 22);
  const run: RunCommand = async (argv) => {
    const text = argv.join(" ").replaceAll(`${realpathSync(prefix)}/`, "");
    ran.push(text);
    if (text.endsWith("wazuh-analysisd -t")) return rig.analysisd(tests++);
    if (text.endsWith("wazuh-control status"))
      return { code: 0, output: rig.running ? "wazuh-analysisd is running...\n" : "wazuh-analysisd not running...\n" };
    if (text.endsWith("wazuh-control restart")) return rig.restart;
    return OK;
  };
  const rig: Rig = {
    request: { prefix, reload: options.reload ?? true, dryRun: false },
    world: {
      run,
      accounts,
      hotReload: async () => {
        ran.push("hot reload");
        return rig.reload();
      },
      signal: abort.signal,
      say: (line) => said.push(line),
      agree: async (plan) => {
        plans.push(plan);
        return true;
      },
      now: () => {
        clock += 1000;
        return clock;
      },
      ...(options.before && { before: options.before }),
    },
    said,
    ran,
    plans,
    analysisd: () => OK,
    restart: OK,
    running: true,
    reload: () => ({ status: "reloaded", warnings: [] }),
    accounts,
    interrupt: () => abort.abort(),
  };
  return rig;
}

export interface MemoryAccounts extends Accounts {
  readonly made: Account[];
  why: string | undefined;
  /** Name that the manager's group has on this host; undefined: none has its id. */
  managerGroup: string | undefined;
}

/** Accounts that nobody has to be root for. `tipline` gets the test's own ids, so that files can be given to it. */
export function memoryAccounts(home = SERVICE_HOME): MemoryAccounts {
  const made: Account[] = [];
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  const has = (account: Account) => made.some((other) => other.what === account.what && other.name === account.name);
  const accounts: MemoryAccounts = {
    home,
    mayGive: true,
    made,
    why: undefined,
    managerGroup: "wazuh",
    group: async (key) => {
      const members = made.flatMap((one) => (one.what === "member" ? [one.name] : []));
      if (key === gid || key === accounts.managerGroup)
        return accounts.managerGroup === undefined ? undefined : { name: accounts.managerGroup, gid, members };
      return has({ what: "group", name: String(key) }) ? { name: String(key), gid, members: [] } : undefined;
    },
    // Another group than the manager's, which it is not a member of unless it was made one.
    user: async (name) =>
      made.some((one) => one.what === "user" && one.name === name) ? { name, uid, gid: gid + 1 } : undefined,
    unable: async () => accounts.why,
    add: async (account) => {
      made.push(account);
    },
    remove: async (account) => {
      const at = made.findIndex((other) => other.what === account.what && other.name === account.name);
      if (at >= 0) made.splice(at, 1);
      return true;
    },
  };
  return accounts;
}

/** Every file and folder below, with a hash of its content (the folder's own path does not count), mode and owner. */
export function snapshot(folder: string, leaveOut: readonly string[] = []): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  const walk = (path: string) => {
    const full = join(folder, path);
    const { mode, uid, gid } = lstatSync(full);
    const stat = lstatSync(full);
    const owner = `${mode.toString(8)} ${uid}:${gid}`;
    if (stat.isSymbolicLink()) entries.set(path, `${owner} -> ${readlinkSync(full)}`);
    else if (stat.isDirectory()) {
      entries.set(path, owner);
      for (const name of readdirSync(full).sort()) {
        const below = path === "" ? name : `${path}/${name}`;
        if (!leaveOut.includes(below)) walk(below);
      }
    } else {
      const text = readFileSync(full, "latin1").replaceAll(folder, "");
      entries.set(path, `${owner} ${createHash("sha256").update(text, "latin1").digest("hex").slice(0, 16)}`);
    }
  };
  walk("");
  return entries;
}
