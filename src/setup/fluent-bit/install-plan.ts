import { existsSync } from "node:fs";
import { join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import type { Secret } from "../../lib/secret.ts";
import type { Plan } from "../wazuh/plan.ts";
import { Draft } from "../wazuh/plan-draft.ts";
import { hasVariable, withToken } from "./environment-file.ts";
import { type FluentBitOptions, generate } from "./generate.ts";
import { DEFAULT_PROGRAM, type Program, versionNotes } from "./program.ts";
import { type Format, MARK, render } from "./render.ts";
import { renderUnit, UNIT, UNIT_MARK } from "./unit.ts";

export interface InstallWanted {
  /** Folder of the configuration, absolute and there. */
  readonly dir: string;
  readonly format: Format;
  readonly options: FluentBitOptions;
  /** Written into the EnvironmentFile; undefined leaves that as it is. */
  readonly token: Secret | undefined;
  /** Folder of units; undefined: no unit. */
  readonly unitDir: string | undefined;
  /** Group that owns the alerts. */
  readonly group: string;
}

export interface InstallPlan extends Plan {
  readonly configFile: string;
  /** False while the token is still to be put in place. */
  readonly ready: boolean;
}

const EXTENSION: Readonly<Record<Format, string>> = { classic: "conf", yaml: "yaml" };

/** What `install fluent-bit` would do on this machine. It changes nothing. Throws TiplineError where it cannot be done. */
export function planInstall(wanted: InstallWanted, program: Program | undefined): InstallPlan {
  const { dir, format, options, token } = wanted;
  const draft = new Draft(dir);
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const configFile = join(draft.prefix, `tipline.${EXTENSION[format]}`);
  write(draft, configFile, render(generate(options), format), "reads Wazuh's alerts and sends them on", own);
  const other = join(draft.prefix, `tipline.${EXTENSION[format === "classic" ? "yaml" : "classic"]}`);
  if (draft.text(other)?.includes(MARK)) draft.remove(other, "the other format");
  const notes = [...versionNotes(program, format), ...tlsNotes(options)];
  const environmentFile = join(draft.prefix, "tipline.env");
  const name = options.tipline?.tokenEnv;
  const before = draft.text(environmentFile) ?? "";
  if (name !== undefined && token !== undefined)
    draft.write(environmentFile, withToken(before, name, token.reveal()), `the token, as ${name}; only root reads it`, {
      owner: { ...own, mode: 0o600 },
      secret: true,
    });
  const found = draft.found(environmentFile);
  if (found && (found.mode & 0o077) !== 0 && name !== undefined && token === undefined)
    notes.push(`${environmentFile} can be read by others than its owner: chmod 600 ${environmentFile}`);
  const ready = name === undefined || hasVariable(draft.text(environmentFile) ?? "", name);
  if (!ready)
    notes.push(
      `the token is not in place: give --token-file FILE, or put one line, ${name}=TOKEN, into ${environmentFile} (root's, mode 0600)`,
    );
  if (wanted.unitDir !== undefined) planUnit(draft, wanted, wanted.unitDir, { configFile, environmentFile, program });
  else
    notes.push(
      `no unit is written: start Fluent Bit with -c ${configFile} and the variables of ${environmentFile}, as a user in group ${wanted.group} that may write to ${options.stateDir}`,
    );
  return { changes: draft.changes(), reload: "none", notes, configFile, ready };
}

/** Where systemd has its administrator's units, if it is there. */
export function unitFolder(root = "/"): string | undefined {
  const folder = join(root, "etc/systemd/system");
  return existsSync(folder) ? folder : undefined;
}

interface UnitPaths {
  readonly configFile: string;
  readonly environmentFile: string;
  readonly program: Program | undefined;
}

function planUnit(draft: Draft, wanted: InstallWanted, unitDir: string, paths: UnitPaths): void {
  const { group, options } = wanted;
  const path = join(unitDir, UNIT);
  const before = draft.text(path);
  if (before !== undefined && !before.startsWith(UNIT_MARK)) throw foreign(path);
  const text = renderUnit({
    program: paths.program?.path ?? DEFAULT_PROGRAM,
    config: paths.configFile,
    environmentFile: paths.environmentFile,
    needsEnvironment: options.tipline?.tokenEnv !== undefined,
    group,
    stateDir: options.stateDir,
  });
  const owner = { mode: 0o644, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  draft.write(path, text, "the service: a user of its own, in the manager's group", { owner });
}

function write(draft: Draft, path: string, text: string, why: string, own: { uid: number; gid: number }): void {
  const before = draft.text(path);
  if (before !== undefined && !before.includes(MARK)) throw foreign(path);
  draft.write(path, Buffer.from(text).toString("latin1"), why, { owner: { mode: 0o644, ...own } });
}

function foreign(path: string): TiplineError {
  return new TiplineError(
    "TIP_INPUT_INVALID",
    `${path}: expected a file of \`tipline install fluent-bit\` or none, found another: move it away first`,
  );
}

function* tlsFiles({ tipline, graylog }: FluentBitOptions): Generator<string> {
  for (const tls of [tipline?.tls, graylog?.tls])
    for (const path of [tls?.caFile, tls?.certFile, tls?.keyFile]) if (path !== undefined) yield path;
}

function tlsNotes(options: FluentBitOptions): readonly string[] {
  const missing = [...new Set(tlsFiles(options))].filter((path) => !existsSync(path));
  const plain = options.graylog && !options.graylog.tls;
  return [
    ...missing.map((path) => `${path} is not there yet: without it no connection comes about`),
    ...(plain ? ["alerts go to Graylog in clear: leave --no-graylog-tls out where its input can do TLS"] : []),
  ];
}
