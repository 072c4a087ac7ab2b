import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "../../src/lib/secret.ts";
import type { FluentBitWorld, InstallRequest } from "../../src/setup/fluent-bit/install.ts";
import { type CommandResult, runCommand } from "../../src/setup/wazuh/install-command.ts";
import type { Plan } from "../../src/setup/wazuh/plan.ts";
import { BOTH } from "./fluent-bit-config.ts";
import { memoryAccounts } from "./install-rig.ts";

export interface FluentBitRig {
  readonly request: InstallRequest;
  readonly world: FluentBitWorld;
  readonly dir: string;
  readonly units: string;
  readonly said: string[];
  readonly plans: Plan[];
  /** What systemctl was asked. */
  readonly systemctl: string[];
  /** Its answer. */
  answer: CommandResult;
}

export const TOKEN = "a-Token-of-ours-1234567890";

/** A machine with folders of its own; the fluent-bit on it is a script that says a version and an exit code for --dry-run. */
export function fluentBitRig(
  root: string,
  options: { version?: string; accepts?: boolean; live?: boolean; before?: (step: string) => void } = {},
): FluentBitRig {
  const dir = join(root, "etc/fluent-bit");
  const units = join(root, "etc/systemd/system");
  for (const folder of [dir, units]) mkdirSync(folder, { recursive: true });
  if (options.live) mkdirSync(join(root, "run/systemd/system"), { recursive: true });
  const program = join(root, "fluent-bit");
  if (options.version !== undefined) {
    const code = options.accepts === false ? 1 : 0;
    writeFileSync(
      program,
      `#!/bin/sh\ncase $1 in\n--version) echo "Fluent Bit v${options.version}" ;;\n--dry-run) cat "$3" > "${root}/seen"; echo "[config] something"; exit ${code} ;;\nesac\n`,
    );
    chmodSync(program, 0o755);
  }
  const said: string[] = [];
  const plans: Plan[] = [];
  const systemctl: string[] = [];
  let clock = Date.UTC(2026, 10, 22);
  const rig: FluentBitRig = {
    dir,
    units,
    said,
    plans,
    systemctl,
    answer: { code: 0, output: "" },
    request: {
      dir,
      format: "classic",
      options: BOTH,
      token: new Secret(TOKEN),
      unitDir: units,
      group: "wazuh",
      program: options.version === undefined ? undefined : program,
      start: false,
      dryRun: false,
    },
    world: {
      run: async (argv, how) => {
        if (argv[0] !== "systemctl") return runCommand(argv, how);
        systemctl.push(argv.slice(1).join(" "));
        return rig.answer;
      },
      accounts: memoryAccounts(),
      signal: new AbortController().signal,
      say: (line) => said.push(line),
      agree: async (plan) => {
        plans.push(plan);
        return true;
      },
      now: () => {
        clock += 1000;
        return clock;
      },
      root,
      ...(options.before && { before: options.before }),
    },
  };
  return rig;
}
