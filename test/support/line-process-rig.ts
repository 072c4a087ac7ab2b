import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type CommandOptions, LineProcess, type Output, tipline } from "./line-process.ts";

/** A dead letter as `dead-letter list --json` prints it. */
export interface PrintedLetter {
  readonly id: string;
  readonly kind: "record" | "finding";
  readonly component: string;
  readonly reason: string;
  readonly origin?: string;
  readonly length?: number;
  readonly text?: string;
  readonly base64?: string;
  readonly finding?: { readonly id: string; readonly alert: { readonly raw: string } };
}

type Settings = Readonly<Record<string, unknown>>;

/** A folder with a configuration, and the lines that run on it; everything ends with the test, and the folder goes unless TIPLINE_KEEP is set. */
export class LineRig {
  readonly dir: string;
  readonly stateDir: string;
  readonly config: string;
  readonly #lines: LineProcess[] = [];
  #port = 0;

  private constructor(dir: string) {
    this.dir = dir;
    this.stateDir = join(dir, "state");
    this.config = join(dir, "tipline.yaml");
  }

  /** `configure` gives everything but `metrics`; `state_dir` and `log` have defaults. `onEnd` runs when no line runs any more. */
  static async create(
    t: TestContext,
    configure: (rig: LineRig) => Settings,
    onEnd?: () => void | Promise<void>,
  ): Promise<LineRig> {
    // Short enough for the path of a UNIX socket.
    const rig = new LineRig(mkdtempSync(join(tmpdir(), "tip-")));
    t.after(async () => {
      for (const line of rig.#lines) await line.kill("SIGKILL");
      await onEnd?.();
      if (process.env["TIPLINE_KEEP"] === undefined) rmSync(rig.dir, { recursive: true, force: true });
      else t.diagnostic(`kept: ${rig.dir}`);
    });
    rig.#port = await unusedPort();
    rig.configure(configure(rig));
    return rig;
  }

  /** Writes the configuration; JSON is YAML. */
  configure(settings: Settings): void {
    const full = {
      state_dir: this.stateDir,
      log: { level: "info" },
      // What a test counts at the manager's queue must not depend on how long it takes.
      canary: { enabled: false },
      trouble_events: { enabled: false },
      ...settings,
      metrics: { listen: `127.0.0.1:${this.#port}` },
    };
    writeFileSync(this.config, `${JSON.stringify(full, null, 2)}\n`);
  }

  path(...names: string[]): string {
    return join(this.dir, ...names);
  }

  /** Writes a file below the folder and gives its path. */
  write(name: string, content: string | Buffer): string {
    const path = this.path(name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  start(options: CommandOptions = {}): LineProcess {
    const line = new LineProcess(this.config, this.#port, options);
    this.#lines.push(line);
    return line;
  }

  /** A command on this configuration. */
  command(args: readonly string[], options: CommandOptions = {}): Promise<Output> {
    return tipline([...args, "--config", this.config], options);
  }

  async deadLetters(): Promise<readonly PrintedLetter[]> {
    const { code, stdout, stderr } = await this.command(["dead-letter", "list", "--json", "--limit", "100000"]);
    if (code !== 0) throw new Error(`dead-letter list: ${code}\n${stderr}`);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as PrintedLetter);
  }
}

/**
 * Below the range from which the kernel lends ports to clients, so that a restarted line finds its port free. Until this process ends
 * it is held on another address of the host: files of tests that run beside this one get others, also while no line listens.
 */
export async function unusedPort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const held = await listening(port, "127.0.0.2");
    const probe = held && (await listening(port, "127.0.0.1"));
    await new Promise((resolve) => (probe === undefined ? resolve(undefined) : probe.close(resolve)));
    if (probe !== undefined) return port;
    held?.close();
  }
}

/** Keeps no process alive; undefined: somebody else listens there. */
function listening(port: number, host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer().unref();
    server.once("error", () => resolve(undefined));
    server.listen(port, host, () => resolve(server));
  });
}
