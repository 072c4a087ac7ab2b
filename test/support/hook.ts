import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { renderHook } from "../../src/setup/wazuh/hook.ts";
import { tempDir } from "./temp.ts";

export interface HookRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The hook with a spool and a log of its own, run as integratord runs it. */
export class HookRig {
  readonly folder: string;
  readonly spool: string;
  readonly log: string;
  readonly script: string;
  /** Programs that come before the system's own. */
  readonly programs: string;
  #number = 0;

  constructor(t: TestContext, { spool = true } = {}) {
    this.folder = tempDir(t);
    this.spool = join(this.folder, "spool");
    this.log = join(this.folder, "integrations.log");
    this.script = join(this.folder, "custom-tipline");
    this.programs = join(this.folder, "programs");
    mkdirSync(this.programs);
    if (spool) mkdirSync(this.spool);
    writeFileSync(this.script, renderHook(this));
    chmodSync(this.script, 0o750);
  }

  /** An alert's file as integratord writes it; gives its path. */
  alert(text: string): string {
    this.#number += 1;
    const sign = this.#number % 2 === 0 ? "-" : "";
    const path = join(this.folder, `custom-tipline-1795297550-${sign}${this.#number * 104_729}.alert`);
    writeFileSync(path, text);
    return path;
  }

  /** A program of this name that does `body` (shell) instead of the system's. */
  replaceProgram(name: string, body: string): void {
    const path = join(this.programs, name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
  }

  run(alert: string, shell?: readonly string[]): HookRun {
    const [command = "", ...before] = [...(shell ?? []), this.script];
    const { status, stdout, stderr } = spawnSync(command, [...before, ...this.args(alert)], {
      env: this.env,
      cwd: this.folder,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  }

  /** The same without waiting. */
  start(alert: string): Promise<number | null> {
    const child = spawn(this.script, this.args(alert), { env: this.env, cwd: this.folder, stdio: "ignore" });
    return new Promise((resolve, reject) => child.on("error", reject).on("exit", resolve));
  }

  args(alert: string): string[] {
    return [alert, "", "", "", "", "10", "3", "> /dev/null 2>&1"];
  }

  get env(): NodeJS.ProcessEnv {
    return { PATH: `${this.programs}:${process.env["PATH"]}` };
  }

  /** Names in the spool that a reader would take. */
  names(): string[] {
    return readdirSync(this.spool).filter((name) => !name.startsWith("."));
  }

  contents(): string[] {
    return this.names().map((name) => readFileSync(join(this.spool, name), "utf8"));
  }

  logged(): string[] {
    try {
      return readFileSync(this.log, "utf8").trimEnd().split("\n");
    } catch {
      return [];
    }
  }
}
