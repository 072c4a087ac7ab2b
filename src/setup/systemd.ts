import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { asError, TiplineError } from "../lib/errors.ts";
import { unifiedDiff } from "../lib/line-diff.ts";
import { packageRoot } from "../lib/package-root.ts";
import { type Check, fail, ok, warn } from "./checks.ts";
import { type UnitNeeds, unitNeeds } from "./systemd-config.ts";
import { renderUnit } from "./systemd-unit.ts";
import { type FileState, type Place, readState, removeFile, writeState } from "./wazuh/install-files.ts";

/** How a program of the system ended; `code` undefined: it is not there. */
export interface Ran {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export type Run = (program: string, args: readonly string[]) => Promise<Ran>;

export interface SystemdOptions {
  readonly config: string;
  readonly prefix: string;
  readonly user: string;
  readonly wazuhGroup: string;
  readonly credentialsDir: string;
  /** Where units of the administrator live: /etc/systemd/system. */
  readonly unitDir: string;
  readonly node: string;
  readonly run: Run;
  /** Folder of Tipline's package; default: this one's. */
  readonly package?: string;
  /** Root of the file system that is looked at; default `/`. */
  readonly root?: string;
}

export interface SystemdPlan {
  readonly place: Place;
  readonly before: FileState | undefined;
  readonly after: string;
  /** As of `diff -u`; empty when the unit is as it should be. */
  readonly diff: string;
  /** What the unit depends on; nothing is written while one of them fails. */
  readonly checks: readonly Check[];
  /** Whether systemd runs this host: else the unit is written and nothing is told. */
  readonly live: boolean;
}

export const UNIT = "tipline.service";
/** The first words of our file: what has others at this name is not ours to replace or remove. */
const MARK = "# Tipline beside a Wazuh manager.";
/** ProtectHome= and PrivateTmp= of the unit hide what is below these. */
const HIDDEN = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/** Says what would be written and what is missing; changes nothing. */
export async function planSystemd(options: SystemdOptions): Promise<SystemdPlan> {
  const { config, root = "/" } = options;
  const folder = options.package ?? packageRoot();
  const [checks, needs] = [[] as Check[], readNeeds(config)];
  const after = renderUnit(readFileSync(join(folder, "setup/systemd", UNIT), "utf8"), {
    ...options,
    package: folder,
    cli: join(folder, "dist/cli/main.js"),
    credentials: needs.credentials,
    writable: needs.writable,
  });
  const place = unitPlace(options.unitDir);
  const before = readState(place);
  const had = before?.bytes.toString("utf8") ?? "";
  checks.push(...(await look(options, folder, needs)));
  if (before && !had.startsWith(MARK))
    checks.push(fail("unit", `${place.path} is not Tipline's`, "move it away, or keep it and do not install"));
  return { place, before, after, diff: unifiedDiff(had, after), checks, live: isLive(root) };
}

/** Writes the unit, has it verified, and tells systemd; on a failure the file is as it was. Gives what was done, for people. */
export async function applySystemd(plan: SystemdPlan, run: Run, start: boolean): Promise<readonly string[]> {
  const { place, before, after, diff, live } = plan;
  const done: string[] = [];
  if (diff !== "") {
    writeState(place, {
      bytes: Buffer.from(after),
      mode: 0o644,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
    });
    try {
      await verify(place.path, run);
      if (live) await must(run, "systemctl", ["daemon-reload"]);
    } catch (error) {
      restore(place, before);
      if (live) await run("systemctl", ["daemon-reload"]);
      throw error;
    }
    done.push(`${before ? "replaced" : "wrote"} ${place.path}`);
    if (live) done.push("reloaded systemd");
  }
  if (start && live) {
    await must(run, "systemctl", ["enable", UNIT]);
    // Restart, not start: what runs may be of the unit before.
    await must(run, "systemctl", ["restart", UNIT]);
    done.push(`enabled and started ${UNIT}`);
  }
  return done;
}

/** Stops, disables and removes our unit; state, configuration and keys stay. Gives what was done. */
export async function removeSystemd(unitDir: string, run: Run, root = "/"): Promise<readonly string[]> {
  const place = unitPlace(unitDir);
  const state = readState(place);
  if (state === undefined) return [];
  if (!state.bytes.toString("utf8").startsWith(MARK))
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `${place.path}: expected Tipline's own unit, found another: it is left alone`,
    );
  const live = isLive(root);
  if (live) await must(run, "systemctl", ["disable", "--now", UNIT]);
  removeFile(place);
  if (live) await must(run, "systemctl", ["daemon-reload"]);
  return [...(live ? [`stopped and disabled ${UNIT}`] : []), `removed ${place.path}`];
}

function unitPlace(unitDir: string): Place {
  try {
    const anchor = realpathSync(unitDir);
    return { anchor, path: join(anchor, UNIT) };
  } catch (cause) {
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `expected the folder of systemd's units at ${unitDir}, found none: is this a host with systemd? (--unit-dir DIR)`,
      { cause },
    );
  }
}

function restore(place: Place, before: FileState | undefined): void {
  if (before) writeState(place, before);
  else removeFile(place);
}

/** As sd_booted(3) tells it. */
const isLive = (root: string): boolean => existsSync(join(root, "run/systemd/system"));

async function verify(path: string, run: Run): Promise<void> {
  const { code, stderr } = await run("systemd-analyze", ["verify", "--man=no", path]);
  // Also where a directive is newer than this systemd: it says so and goes on.
  if (code === undefined || code === 0) return;
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    `systemd does not accept the unit, it was taken back: ${stderr.trim().slice(0, 1000)}`,
  );
}

async function must(run: Run, program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(program, args);
  if (code === 0) return;
  const why = code === undefined ? "it is not there" : stderr.trim().slice(0, 500) || `exit code ${code}`;
  throw new TiplineError(
    "TIP_INPUT_INVALID",
    `${program} ${args.join(" ")}: ${why} (run as root; see journalctl -u tipline)`,
  );
}

function readNeeds(config: string): UnitNeeds {
  try {
    return unitNeeds(readFileSync(config, "utf8"), config);
  } catch (cause) {
    if (cause instanceof TiplineError) throw cause;
    const why = asError(cause).message;
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `cannot read ${config}: ${why}; write one with \`tipline config example\``,
      { cause },
    );
  }
}

async function look(options: SystemdOptions, folder: string, needs: UnitNeeds): Promise<Check[]> {
  const { user, wazuhGroup, node, credentialsDir, config } = options;
  const checks: Check[] = [];
  for (const [name, path] of [
    ["node", node],
    ["package", folder],
    ["config", config],
  ] as const) {
    const hidden = HIDDEN.find((root) => path === root || path.startsWith(`${root}/`));
    if (hidden === undefined) checks.push(ok(name, path));
    else checks.push(fail(name, `${path}: the service cannot see ${hidden}`, placeAdvice(name)));
  }
  for (const path of needs.relative)
    checks.push(fail("paths", `${path} in the configuration is relative`, "give it as an absolute path"));
  for (const path of needs.writable)
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
      checks.push(fail("paths", `there is no folder ${path}`, `install -d -o ${user} -g ${user} -m 0700 ${path}`));
  for (const name of needs.credentials) checks.push(credential(join(credentialsDir, name), name));
  const known = await group(options, "group", wazuhGroup);
  const service = await options.run("getent", ["passwd", user]);
  if (service.code === 2)
    checks.push(
      fail(
        "user",
        `there is no user ${user}`,
        `useradd --system --user-group --no-create-home --home-dir /var/lib/tipline --shell /usr/sbin/nologin ${user}`,
      ),
    );
  else if (service.code === 0)
    checks.push(ok("user", user), ...[config, ...needs.files].map((path) => readable(path, service.stdout)));
  if (known) checks.push(known);
  return checks;
}

async function group({ run }: SystemdOptions, name: string, wanted: string): Promise<Check | undefined> {
  const { code } = await run("getent", ["group", wanted]);
  if (code === 0) return ok(name, wanted);
  if (code !== 2) return undefined;
  return fail(
    name,
    `there is no group ${wanted}`,
    "install the Wazuh manager first, or name its group: --wazuh-group NAME",
  );
}

function placeAdvice(name: "node" | "package" | "config"): string {
  if (name === "config") return "put it at /etc/tipline/tipline.yaml: --config /etc/tipline/tipline.yaml";
  if (name === "node") return "install Node.js for all users (a package, or /opt), and run this command with it";
  return 'install Tipline for all users: npm install --global "./$(npm pack --silent)" in its folder, or a copy in /opt/tipline';
}

function credential(path: string, name: string): Check {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile())
    return fail("credential", `${name}: there is no file ${path}`, `install -D -m 0600 KEYFILE ${path}`);
  if ((stat.mode & 0o077) !== 0)
    return warn(
      "credential",
      `${path}: others than its owner may use it (mode ${(stat.mode & 0o777).toString(8)})`,
      `chmod 600 ${path}`,
    );
  return ok("credential", path);
}

/** Whether the service's user may read a file; `passwd`: a line of getent. Access lists are not looked at. */
function readable(path: string, passwd: string): Check {
  const [user = ""] = passwd.split(":");
  const [, , uid, gid] = passwd.split(":").map(Number);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile())
    return fail("readable", `there is no file ${path}`, "put it there, or name another in the configuration");
  const may = stat.uid === uid ? 0o400 : stat.gid === gid ? 0o040 : 0o004;
  if ((stat.mode & may) !== 0) return ok("readable", path);
  return fail("readable", `${user} may not read ${path}`, `chgrp ${user} ${path} && chmod 640 ${path}`);
}
