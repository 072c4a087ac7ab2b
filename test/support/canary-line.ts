import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { runLine } from "../../src/app/start.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { Log, LogFields } from "../../src/lib/log.ts";
import { callControl } from "../../src/store/control.ts";
import { fastClock } from "./fake-clocks.ts";
import type { WazuhSim } from "./wazuh-sim/sim.ts";

export interface LineOptions {
  /** Changes to the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** How many times faster than real the line's clock runs; default 10. */
  readonly speed?: number;
}

export const LISTED = {
  ip: "45.83.64.1",
  domain: "evil-domain.com",
  sha256: "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
};

/** A line in this process, beside a sim: reads its alerts, writes into its queue, and into a file. */
export class CanaryLine {
  readonly dir: string;
  readonly config: string;
  readonly stateDir: string;
  readonly findings: string;
  readonly logs: string[] = [];
  readonly clock: Clock;
  #url = "";
  #stop = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  private constructor(sim: WazuhSim, { config = {}, speed = 10 }: LineOptions) {
    this.dir = mkdtempSync(join(tmpdir(), "tip-"));
    this.stateDir = join(this.dir, "state");
    this.findings = join(this.dir, "findings.ndjson");
    this.config = join(this.dir, "tipline.yaml");
    this.clock = fastClock(speed);
    mkdirSync(this.stateDir);
    writeFileSync(join(this.dir, "list.txt"), `${Object.values(LISTED).join("\n")}\n`);
    const settings = {
      state_dir: this.stateDir,
      sources: { wazuh: { type: "wazuh-alerts", path: sim.paths.alertsJson } },
      feeds: { list: { type: "list-file", path: join(this.dir, "list.txt") } },
      sinks: {
        wazuh: { type: "wazuh", socket: sim.paths.queueSocket },
        file: { type: "ndjson", path: this.findings, fsync: false },
      },
      canary: { interval: "30s", timeout: "20s" },
      trouble_events: { enabled: false },
      metrics: { listen: "127.0.0.1:0" },
      ...config,
    };
    writeFileSync(this.config, JSON.stringify(settings));
  }

  static async start(t: TestContext, sim: WazuhSim, options: LineOptions = {}): Promise<CanaryLine> {
    const line = new CanaryLine(sim, options);
    t.after(async () => {
      await line.stop();
      rmSync(line.dir, { recursive: true, force: true });
    });
    await line.run();
    return line;
  }

  /** Starts it (again). */
  async run(): Promise<void> {
    this.#stop = new AbortController();
    const config = await loadConfig(this.config);
    await new Promise<void>((resolve, reject) => {
      this.#ended = runLine(
        config,
        {
          log: this.#log(),
          clock: this.clock,
          onReady: (url) => {
            this.#url = url ?? "";
          },
          onRunning: () => resolve(),
        },
        this.#stop.signal,
      ).catch((error: unknown) => reject(error));
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  /** Reasons why it is not healthy. */
  async troubles(): Promise<string> {
    const response = await fetch(`${this.#url}/healthz`, { headers: { connection: "close" } });
    const body = await response.text();
    return response.status === 200 ? "" : body;
  }

  /** A metric by its name with labels as written. */
  async metric(name: string): Promise<number | undefined> {
    const body = await (await fetch(`${this.#url}/metrics`, { headers: { connection: "close" } })).text();
    const line = body.split("\n").find((one) => one.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  ask(name: string, args: Parameters<typeof callControl>[2] = {}) {
    return callControl(this.stateDir, name, args);
  }

  /** Lines that the file sink wrote. */
  written(): string[] {
    try {
      return readFileSync(this.findings, "utf8")
        .split("\n")
        .filter((line) => line !== "");
    } catch {
      return [];
    }
  }

  async until(what: string, holds: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
    const end = performance.now() + ms;
    while (!(await holds())) {
      if (performance.now() > end)
        throw new Error(`waited in vain for ${what}; ${await this.troubles()}\n${this.logs.slice(-20).join("\n")}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #log(): Log {
    const at = (level: string) => (message: string, fields?: LogFields) =>
      void this.logs.push(`${level} ${message} ${JSON.stringify(fields ?? {}, errorsAsText)}`);
    const log: Log = {
      debug: () => undefined,
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      child: () => log,
    };
    return log;
  }
}

function errorsAsText(_: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}
