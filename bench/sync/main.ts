import { type ChildProcess, fork, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../src/lib/package-root.ts";
import { ADMIN_KEY } from "../../test/support/misp-sim/defaults.ts";

/**
 * A first sync of many attributes from the simulator against `curl` for the same requests (with the recorded delays) and against
 * fetch and JSON.parse (without). All in turns in one run; the smallest of each counts.
 */
const ROUNDS = 3;
const count = Number(process.argv[2] ?? 200_000);
const dir = mkdtempSync(join(tmpdir(), "tipline-bench-sync-"));
const root = packageRoot();
const misp = fork(join(root, ".build/bench/sync/misp-process.js"), [String(count)]);
try {
  const port = await new Promise<number>((resolve) => misp.once("message", (message) => resolve(Number(message))));
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(join(dir, "key"), ADMIN_KEY, { mode: 0o600 });
  await sync(url, 0);
  const requests = (await (await fetch(`${url}/bench/requests`)).json()) as readonly Request[];
  writeFileSync(join(dir, "requests.json"), JSON.stringify(requests));
  writeFileSync(join(dir, "curl.conf"), curlConfig(url, requests));
  const delayed = await compare(url, "on", ["curl", ["-s", "-K", join(dir, "curl.conf")]]);
  const parser = join(root, ".build/bench/sync/parse-process.js");
  const bare = await compare(url, "off", ["node", [parser, join(dir, "requests.json"), url, ADMIN_KEY]]);
  const text = render(requests.length, delayed, bare);
  process.stdout.write(text);
  writeFileSync(join(root, "bench", "RESULTS-SYNC.md"), text);
} finally {
  misp.kill();
  rmSync(dir, { recursive: true, force: true });
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

interface Run {
  readonly ms: number;
  /** Highest anonymous memory seen, in MiB. */
  readonly anonymous: number;
}

interface Comparison {
  readonly sync: Run;
  readonly other: Run;
}

async function compare(url: string, delay: "on" | "off", [command, args]: [string, string[]]): Promise<Comparison> {
  await fetch(`${url}/bench/delay/${delay}`);
  const syncs: Run[] = [];
  const others: Run[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    process.stderr.write(`delays ${delay}, round ${round} of ${ROUNDS} …\n`);
    others.push(await measure(spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] })));
    syncs.push(await sync(url, round));
  }
  return { sync: best(syncs), other: best(others) };
}

function best(runs: readonly Run[]): Run {
  return {
    ms: Math.min(...runs.map(({ ms }) => ms)),
    anonymous: Math.max(...runs.map(({ anonymous }) => anonymous)),
  };
}

async function sync(url: string, round: number): Promise<Run> {
  const state = join(dir, `state-${round}`);
  rmSync(state, { recursive: true, force: true });
  const config = join(dir, "tipline.yaml");
  writeFileSync(
    config,
    `state_dir: ${state}\nfeeds:\n  misp: { type: misp-server, url: "${url}", key_file: ${join(dir, "key")}, warninglists: false }\n`,
  );
  const child = spawn("node", [join(root, "dist/cli/main.js"), "sync", "--config", config, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.on("data", (piece: Buffer) => {
    out += piece;
  });
  const run = await measure(child);
  const reports = (JSON.parse(out) as { feeds: { reports_after: number }[] }).feeds[0]?.reports_after;
  if (reports !== count) throw new Error(`expected ${count} reports, found ${reports}`);
  return run;
}

async function measure(child: ChildProcess): Promise<Run> {
  const started = process.hrtime.bigint();
  let anonymous = 0;
  const sampling = setInterval(() => {
    anonymous = Math.max(anonymous, anonymousOf(child.pid));
  }, 20);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearInterval(sampling);
  if (code !== 0) throw new Error(`a measured command ended with ${code}`);
  return { ms: Number(process.hrtime.bigint() - started) / 1e6, anonymous: anonymous / 1024 };
}

/** KiB of anonymous memory of a process; 0 when it is gone. */
function anonymousOf(pid: number | undefined): number {
  try {
    return Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function curlConfig(url: string, requests: readonly Request[]): string {
  const one = ({ method, path, body }: Request, at: number) => {
    const lines = [
      `url = "${url}${path}"`,
      `request = "${method}"`,
      `header = "Authorization: ${ADMIN_KEY}"`,
      'header = "Accept: application/json"',
      'header = "Content-Type: application/json"',
      'output = "/dev/null"',
    ];
    if (body === "") return lines.join("\n");
    writeFileSync(join(dir, `body-${at}`), body);
    return [...lines, `data-binary = "@${join(dir, `body-${at}`)}"`].join("\n");
  };
  return requests.map(one).join("\nnext\n");
}

function render(requests: number, delayed: Comparison, bare: Comparison): string {
  const row = (name: string, value: string, target: string, held: boolean) =>
    `| ${name} | ${value} | ${target} | ${held ? "held" : "**missed**"} |`;
  const ratio = ({ sync: ours, other }: Comparison) => ours.ms / other.ms;
  const memory = Math.max(delayed.sync.anonymous, bare.sync.anonymous);
  return `${[
    "# Benchmark results: first sync",
    "Made by `npm run bench:sync`: `tipline sync` as a process, start-up and index included, against the simulator in `test/`, in turns in one run.",
    "",
    `${new Date().toISOString().slice(0, 10)} · ${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores · Node ${process.version} · ${count.toLocaleString("en")} attributes, ${requests} requests`,
    "",
    "| figure | measured | target | |",
    "|---|---|---|---|",
    row(
      "with the recorded delays ÷ curl for the same requests, time",
      `${ratio(delayed).toFixed(2)} ×`,
      "≤ 1.3 ×",
      ratio(delayed) <= 1.3,
    ),
    row(
      "without delays ÷ fetch + JSON.parse of the same requests, time",
      `${ratio(bare).toFixed(2)} ×`,
      "≤ 3 ×",
      ratio(bare) <= 3,
    ),
    row("highest anonymous memory", `${Math.round(memory)} MiB`, "≤ 150 MB", memory * 1.048576 <= 150),
    `| for scale: ours with delays, curl; ours without, fetch + JSON.parse | ${[delayed.sync, delayed.other, bare.sync, bare.other].map(({ ms }) => `${(ms / 1000).toFixed(1)} s`).join(", ")} | | |`,
  ].join("\n")}\n`;
}
