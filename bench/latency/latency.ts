import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { packageRoot } from "../../src/lib/package-root.ts";

export interface LatencyOptions {
  /** Every how manyth alert matches. */
  readonly matchEvery: number;
  readonly seconds: number;
  /** Every finding comes back into alerts.json, in one burst a second, as from Wazuh: twice the lines where all match. */
  readonly echoes: boolean;
}

/** From the writing of an alert's line to the arrival of its finding's datagram, beside the floor. Milliseconds. */
export interface LatencyBench extends LatencyOptions {
  readonly rate: number;
  readonly findings: number;
  /** Findings that never arrived. */
  readonly missing: number;
  readonly line: Percentiles;
  readonly floor: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

const RATE = 2_000;
/** First, unmeasured: the code gets compiled and the sync is over. */
const WARM_UP_SECONDS = 5;

/** How long the line may take to start, and to catch up. */
const PATIENCE_MS = 60_000;

/** Runs the built `tipline run` against a writer, a floor and a receiver, each a process of its own. */
export async function benchLatency({ matchEvery, seconds, echoes }: LatencyOptions): Promise<LatencyBench> {
  const root = packageRoot();
  const dir = mkdtempSync(join(tmpdir(), "tip-"));
  const built = (name: string) => join(root, ".build/bench/latency", `${name}-process.js`);
  const children: ChildProcess[] = [];
  const start = (module: string, ...args: readonly string[]) => {
    const child = fork(module, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    children.push(child);
    return child;
  };
  try {
    const [alerts, queue, floor, out] = ["alerts.json", "queue", "floor", "out.json"].map((name) =>
      join(dir, name),
    ) as [string, string, string, string];
    const all = RATE * (WARM_UP_SECONDS + seconds);
    const port = await unusedPort();
    writeFileSync(alerts, "");
    mkdirSync(join(dir, "state"), { mode: 0o700 });
    writeFileSync(join(dir, "list.txt"), listed(all, matchEvery));
    writeFileSync(join(dir, "tipline.yaml"), JSON.stringify(config(dir, alerts, queue, port)));
    const receiver = start(built("receiver"), queue, floor, echoes ? alerts : "", out);
    await once(receiver, "message");
    const line = start(join(root, "dist/cli/main.js"), "run", "--config", join(dir, "tipline.yaml"));
    await ready(line, port);
    const times = join(dir, "times");
    const total = WARM_UP_SECONDS + seconds;
    const floors = start(built("floor"), join(dir, "floor.log"), floor, String(total));
    const writer = start(built("writer"), alerts, times, String(RATE), String(total), String(matchEvery));
    await Promise.all([once(writer, "exit"), once(floors, "exit")]);
    // What is on its way still arrives, and counts with its own time: a line that falls behind is slow, not lossy.
    const wanted = Math.ceil(all / matchEvery);
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end && (await received(receiver)) < wanted; )
      await sleep(200);
    receiver.send("end");
    await once(receiver, "exit");
    return account(out, times, { matchEvery, seconds, echoes });
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  }
}

function config(dir: string, alerts: string, queue: string, port: number) {
  return {
    state_dir: join(dir, "state"),
    log: { level: "error" },
    sources: { wazuh: { type: "wazuh-alerts", path: alerts, start: "beginning" } },
    feeds: { list: { type: "list-file", path: join(dir, "list.txt"), format: "lines" } },
    sinks: { wazuh: { type: "wazuh", socket: queue } },
    metrics: { listen: `127.0.0.1:${port}` },
  };
}

async function received(receiver: ChildProcess): Promise<number> {
  receiver.send("count");
  const [count] = (await once(receiver, "message")) as [number];
  return count;
}

/** The addresses that the writer's matching lines carry. */
function listed(count: number, every: number): string {
  let text = "";
  for (let n = 0; n < count; n += every) text += `45.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}\n`;
  return text;
}

/** Until the line is well: it has a generation and reads. */
async function ready(line: ChildProcess, port: number): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(100)) {
    if (line.exitCode !== null) throw new Error(`tipline run ended with ${line.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
    if (answer?.ok) return;
  }
  throw new Error("tipline run did not become healthy");
}

async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function account(out: string, timesFile: string, options: LatencyOptions): LatencyBench {
  const { matchEvery, seconds } = options;
  const noted = JSON.parse(readFileSync(out, "utf8")) as { arrived: [number, string][]; floors: number[] };
  const bytes = readFileSync(timesFile);
  const written = new BigInt64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const first = RATE * WARM_UP_SECONDS;
  const latencies = new Map<number, number>();
  for (const [n, at] of noted.arrived)
    if (n >= first && !latencies.has(n)) latencies.set(n, Number(BigInt(at) - (written[n] ?? 0n)) / 1e6);
  let wanted = 0;
  for (let n = 0; n < written.length; n += matchEvery) if (n >= first) wanted += 1;
  const share = WARM_UP_SECONDS / (WARM_UP_SECONDS + seconds);
  return {
    ...options,
    rate: RATE,
    findings: latencies.size,
    missing: wanted - latencies.size,
    line: percentiles([...latencies.values()]),
    floor: percentiles(noted.floors.slice(Math.floor(noted.floors.length * share))),
  };
}

function percentiles(values: number[]): Percentiles {
  values.sort((a, b) => a - b);
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}
