import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RunCommand } from "../wazuh/install-command.ts";

/** Where packages put it, the vendor's own first. */
const PLACES = [
  "/opt/fluent-bit/bin/fluent-bit",
  "/usr/bin/fluent-bit",
  "/usr/local/bin/fluent-bit",
  "/opt/td-agent-bit/bin/td-agent-bit",
];

export const DEFAULT_PROGRAM = "/opt/fluent-bit/bin/fluent-bit";

export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly text: string;
}

/** A Fluent Bit of this machine. */
export interface Program {
  readonly path: string;
  /** Undefined: it does not say. */
  readonly version: Version | undefined;
}

/** The program named, else where packages put it; undefined when there is none. `root`: of the file system; default `/`. */
export async function findProgram(
  run: RunCommand,
  named: string | undefined,
  signal: AbortSignal,
  root = "/",
): Promise<Program | undefined> {
  const path = named ?? PLACES.map((place) => join(root, place)).find((place) => existsSync(place));
  if (path === undefined) return undefined;
  const { code, output } = await run([path, "--version"], { signal, timeoutMs: 20_000 });
  return { path, version: code === 0 ? versionOf(output) : undefined };
}

/** From `Fluent Bit v4.2.8`. */
export function versionOf(output: string): Version | undefined {
  const [, major, minor, patch] = /Fluent Bit v(\d{1,3})\.(\d{1,3})\.(\d{1,4})/.exec(output.slice(0, 10_000)) ?? [];
  if (major === undefined) return undefined;
  return { major: Number(major), minor: Number(minor), text: `${major}.${minor}.${patch}` };
}

/** What to know of a version with the generated configuration, which was tried with 3.2.10, 4.2.8 and 5.1.1. */
export function versionNotes(program: Program | undefined, format: "classic" | "yaml"): readonly string[] {
  if (program === undefined)
    return ["Fluent Bit is not installed here, as far as can be seen (--program PATH): what is written is not tried"];
  const { version, path } = program;
  if (version === undefined)
    return [`${path} does not say its version: the configuration was tried with 3.2, 4.2 and 5.1`];
  const { major, minor, text } = version;
  const number = major * 100 + minor;
  const notes: string[] = [];
  if (number < 302) {
    notes.push(`Fluent Bit ${text} is older than 3.2, the oldest that the configuration was tried with: update it`);
    if (format === "yaml") notes.push("before 3.2 YAML is incomplete: take --format classic");
  }
  if (number > 501)
    notes.push(`Fluent Bit ${text} is newer than 5.1, the newest that the configuration was tried with`);
  return notes;
}

/**
 * Why Fluent Bit does not take a configuration; undefined when it does. It says little: outputs that cannot start, and before 5.1
 * parsers files that are missing, pass.
 */
export async function dryRun(
  run: RunCommand,
  program: Program,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { code, output, error } = await run([program.path, "--dry-run", "-c", path], { signal, timeoutMs: 30_000 });
  if (code === 0) return undefined;
  return (error ?? output).trim().slice(-1000) || `exit ${code}`;
}
