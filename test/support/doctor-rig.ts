import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type DoctorOptions, doctorChain } from "../../src/app/doctor.ts";
import { runLine } from "../../src/app/start.ts";
import { loadConfig } from "../../src/config/load.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Identity } from "../../src/setup/doctor-host-access.ts";
import type { HopCheck } from "../../src/setup/doctor-line-walk.ts";
import { renderRules } from "../../src/setup/wazuh/rules.ts";
import { callControl } from "../../src/store/control.ts";
import { tlsFixture } from "./http-server.ts";
import { READONLY_KEY } from "./misp-sim/defaults.ts";
import { type ServeOptions, serveMispSim } from "./misp-sim/http.ts";
import { createMispSim, type MispSim } from "./misp-sim/sim.ts";
import { createWazuhSim, type WazuhSim, type WazuhSimOptions } from "./wazuh-sim/sim.ts";

const NEVER = new AbortController().signal;
/** The indicator that the rig's MISP has. */
export const LISTED = "45.5.200.7";

export interface RigOptions {
  readonly wazuh?: WazuhSimOptions;
  readonly misp?: ServeOptions;
  /** Merged into the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** False: `run` is not started. */
  readonly run?: boolean;
}

/** A healthy test installation: MISP, a Wazuh manager with our rules, a configuration, and a line that runs on it. */
export class DoctorRig {
  readonly dir: string;
  readonly stateDir: string;
  readonly configPath: string;
  readonly keyFile: string;
  readonly sim: WazuhSim;
  readonly misp: MispSim;
  readonly mispUrl: string;
  /** True: MISP answers nobody. */
  mispDown = false;
  #stop: AbortController | undefined;
  #running: Promise<void> | undefined;

  private constructor(dir: string, sim: WazuhSim, misp: MispSim, url: string) {
    this.dir = dir;
    this.stateDir = join(dir, "state");
    this.configPath = join(dir, "tipline.yaml");
    this.keyFile = join(dir, "misp.key");
    this.sim = sim;
    this.misp = misp;
    this.mispUrl = url;
  }

  static async create(t: TestContext, options: RigOptions = {}): Promise<DoctorRig> {
    const dir = mkdtempSync(join(tmpdir(), "tip-dr-"));
    const misp = createMispSim();
    const event = misp.edit.addEvent({ info: "listed", tags: ["tlp:green"] });
    misp.edit.addAttribute(event, { type: "ip-dst", value: LISTED, toIds: true });
    misp.edit.publish(event);
    let rig: DoctorRig | undefined;
    const interfere: ServeOptions["interfere"] = (_, response) => {
      if (rig?.mispDown) response.destroy();
      return rig?.mispDown === true;
    };
    const url = await serveMispSim(t, misp, { tls: true, interfere, ...options.misp });
    // Last of what may fail: nothing would end it, nor then the test.
    const sim = await createWazuhSim({ rules: renderRules(), ...options.wazuh });
    rig = new DoctorRig(dir, sim, misp, url);
    const made = rig;
    t.after(async () => {
      await made.stopRun();
      await sim.close();
      rmSync(dir, { recursive: true, force: true });
    });
    writeFileSync(rig.keyFile, `${READONLY_KEY}\n`, { mode: 0o600 });
    mkdirSync(rig.stateDir, { mode: 0o700 });
    rig.configure(options.config ?? {});
    if (options.run ?? true) await rig.startRun();
    return rig;
  }

  /** The configuration as the healthy installation has it. */
  settings(): Record<string, unknown> {
    return {
      state_dir: this.stateDir,
      feeds: {
        main: {
          type: "misp-server",
          url: this.mispUrl,
          key_file: this.keyFile,
          ca_file: tlsFixture("ca.pem"),
          interval: "1s",
          timeout_seconds: 5,
        },
      },
      sources: { wazuh: { type: "wazuh-alerts", path: this.sim.paths.alertsJson } },
      sinks: { wazuh: { type: "wazuh", socket: this.sim.paths.queueSocket } },
      metrics: { listen: "off" },
    };
  }

  /** Writes the configuration; JSON is YAML. */
  configure(changes: Readonly<Record<string, unknown>>): void {
    writeFileSync(this.configPath, `${JSON.stringify({ ...this.settings(), ...changes }, null, 2)}\n`);
  }

  async startRun(): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    const config = await loadConfig(this.configPath);
    const running = runLine(config, { log: silentLog }, stop.signal);
    this.#running = running.catch(() => undefined);
    const ended = running.then(
      () => new Error("the line ended"),
      (error: unknown) => error,
    );
    const failed = await Promise.race([ended, this.#ready()]);
    if (failed !== undefined) throw failed;
  }

  /** Starts the line anew on a changed configuration. */
  async runOn(changes: Readonly<Record<string, unknown>>): Promise<void> {
    await this.stopRun();
    this.configure(changes);
    await this.startRun();
  }

  async stopRun(): Promise<void> {
    this.#stop?.abort();
    await this.#running;
    this.#stop = undefined;
  }

  async #ready(): Promise<undefined> {
    const end = Date.now() + 60_000;
    for (;;) {
      const status = (await callControl(this.stateDir, "status", {}).catch(() => undefined)) as
        | { ready?: boolean }
        | undefined;
      if (status?.ready === true) return undefined;
      if (Date.now() > end) throw new Error("the line has no generation");
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Tipline's user: the test's own, in the manager's group, with no rights of root. */
  get who(): Identity {
    const uid = process.getuid?.() ?? 0;
    const gids = new Set([process.getgid?.() ?? 0, this.sim.user.gid]);
    return { uid, gids, name: "tipline", privileged: false, self: true };
  }

  /** The key that the rig's configuration uses. */
  get key(): string {
    return READONLY_KEY;
  }

  /** Makes a rule of ours fire, so that analysisd's rules are seen to be in force; a line that runs takes no notice. */
  async prove(): Promise<void> {
    const before = this.sim.alerts().length;
    this.sim.inject("tipline-canary", '{"tipline_canary":{"id":"proof","domain":"proof.invalid","sent":"now"}}');
    await this.sim.waitForAlerts((alerts) => alerts.length > before);
  }

  async doctor(options: Partial<DoctorOptions> = {}): Promise<readonly HopCheck[]> {
    const checks: HopCheck[] = [];
    const isDaemon = (pid: number) => pid === process.pid;
    const all = { config: this.configPath, who: this.who, settleMs: 1500, isDaemon, ...options };
    for await (const check of doctorChain(all, NEVER)) checks.push(check);
    return checks;
  }
}

/** What a user gets to see: no `ok`, nothing that is skipped. */
export function told(checks: readonly HopCheck[]): readonly HopCheck[] {
  return checks.filter(({ status }) => status !== "ok" && status !== "skip");
}
