import { type ChildProcess, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheHome } from "./temp.ts";

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Output extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
}

const TIMEOUT_MS = 120_000;
const KEPT_STDERR = 4 * 2 ** 20;

/** Arguments of Node that start the tool: as built when this file is, else from source with the loader that runs the tests. */
function toolArgs(): string[] {
  const self = fileURLToPath(import.meta.url);
  const extension = self.endsWith(".ts") ? "ts" : "js";
  const loader = extension === "ts" ? process.execArgv.filter((argument) => !argument.startsWith("--test")) : [];
  return [...loader, join(dirname(self), `../../src/cli/main.${extension}`)];
}

function spawnTool(args: readonly string[], { cwd, env }: CommandOptions): ChildProcess {
  return spawn(process.execPath, [...toolArgs(), ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    // The test runner's own variable would make the child report to it.
    env: {
      ...process.env,
      XDG_CACHE_HOME: cacheHome(),
      NODE_OPTIONS: "",
      NODE_TEST_CONTEXT: "",
      NO_COLOR: "1",
      ...env,
    },
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** One command of the tool, run to its end; killed when it takes longer than two minutes. */
export async function tipline(args: readonly string[], options: CommandOptions = {}): Promise<Output> {
  const child = spawnTool(args, options);
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A tool that ends without reading its input is no failure of the test.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input ?? "");
  const exit = await new Promise<Exit>((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
  clearTimeout(timer);
  return { ...exit, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

/** Values of `/metrics` by `name{label="value"}` as written there. */
export type MetricValues = ReadonlyMap<string, number>;

/** `tipline run` as a child process. */
export class LineProcess {
  readonly child: ChildProcess;
  readonly gone: Promise<Exit>;
  readonly #port: number;
  #stderr = "";
  #exit: Exit | undefined;

  /** `port`: the one the configuration names in metrics.listen. */
  constructor(config: string, port: number, options: CommandOptions = {}) {
    this.#port = port;
    this.child = spawnTool(["run", "--config", config], options);
    this.child.stdin?.end();
    this.child.stdout?.resume();
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-KEPT_STDERR);
    });
    this.gone = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** All that it logged, newest last. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Log entries as objects; lines that are no JSON (a crash) are given as `{ msg }`. */
  get logs(): readonly Readonly<Record<string, unknown>>[] {
    return this.#stderr
      .split("\n")
      .filter((line) => line !== "")
      .map(readLog);
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<Exit> {
    if (this.#exit === undefined) this.child.kill(signal);
    return this.gone;
  }

  /** Waits until it answers and there is a generation: then it reads. */
  async ready(): Promise<void> {
    await this.until("an answer with a generation", async () => {
      const health = await this.health();
      return health !== undefined && !health.body.includes("no generation");
    });
  }

  /** Waits until something holds; throws with the log's end when the process ends before or it takes too long. */
  async until(what: string, holds: () => boolean | Promise<boolean>, ms = TIMEOUT_MS): Promise<void> {
    const end = Date.now() + ms;
    while (!(await holds())) {
      if (this.#exit !== undefined)
        throw new Error(`ended (${JSON.stringify(this.#exit)}) before ${what}:\n${this.#tail()}`);
      if (Date.now() > end) throw new Error(`waited in vain for ${what}:\n${this.#tail()}\n${await this.#state()}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Undefined while it does not answer. */
  async health(): Promise<{ readonly status: number; readonly body: string } | undefined> {
    return this.#get("/healthz");
  }

  async metrics(): Promise<MetricValues> {
    const page = await this.#get("/metrics");
    return new Map(
      (page?.body ?? "").split("\n").flatMap((line) => {
        const cut = line.lastIndexOf(" ");
        return line.startsWith("#") || cut < 0 ? [] : [[line.slice(0, cut), Number(line.slice(cut + 1))] as const];
      }),
    );
  }

  /** True when all is read, every reader has taken what there is, and every echo was seen. */
  async isDrained(): Promise<boolean> {
    const metrics = [...(await this.metrics())];
    const sum = (name: string) =>
      metrics.filter(([key]) => key.startsWith(`${name}{`)).reduce((total, [, value]) => total + value, 0);
    const read = metrics.some(([key]) => key.startsWith("tipline_source_lag_bytes{"));
    return (
      read &&
      sum("tipline_source_lag_bytes") === 0 &&
      sum("tipline_backlog_findings") === 0 &&
      sum("tipline_unconfirmed_findings") === 0
    );
  }

  async #get(path: string): Promise<{ readonly status: number; readonly body: string } | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#port}${path}`, {
        headers: { connection: "close" },
        signal: AbortSignal.timeout(30_000),
      });
      return { status: response.status, body: await response.text() };
    } catch {
      return undefined;
    }
  }

  #tail(): string {
    return this.#stderr.slice(-6000);
  }

  async #state(): Promise<string> {
    const health = await this.health();
    const metrics = [...(await this.metrics())].filter(([name]) => name.startsWith("tipline_"));
    return `${health?.status} ${health?.body}${metrics.map(([name, value]) => `${name} ${value}`).join("\n")}`;
  }
}

function readLog(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : { msg: line };
  } catch {
    return { msg: line };
  }
}
