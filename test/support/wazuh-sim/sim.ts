/**
 * A Wazuh 4 manager made for tests: a whole installation in a folder, whose analysisd is this process.
 *
 *   const sim = await createWazuhSim({ t, rules: { "tipline_rules.xml": text } });
 *   sim.prefix                       etc/ossec.conf, etc/rules, ruleset/rules, queue/sockets/*, logs/alerts/…, var/run, bin/, VERSION.json
 *   sim.paths.queueSocket            real sockets: queue (datagrams), analysis and logtest (length-prefixed JSON)
 *   await sim.waitForAlerts((all) => all.length >= 2)      parsed lines of alerts.json, by the files on disk
 *   sim.judge('{"integration":"misp",…}', { location: "misp" })    the verdict alone: no socket, no file, but counted
 *   sim.fires(message, { location })                       id of the rule that raises an alert, or undefined
 *   sim.inject("misp", '{"…"}')      into the inner queue, past the socket
 *   await sim.restart({ kill: true, downMs: 200 })         ECONNREFUSED while down, ENOTCONN for who was connected
 *   sim.stallInput() / resumeInput()                       the kernel's queue of ten fills: EAGAIN
 *   sim.innerQueue = 50; sim.stallEngine() / resumeEngine(); sim.eventsPerSecond = 2000      events dropped inside, counted
 *   sim.alertFiles.rotateSize() / compressDay(day)         what max_output_size and monitord do
 *   await sim.stop() / start()                             `start` gives false where the rules do not load
 *   sim.reload()                     what the hot reload does; also over the analysis socket and `bin/wazuh-control restart`
 *
 * With `start: false` nothing runs, and judge, fires, document, rules and reload still work.
 *
 * `bin/wazuh-analysisd -t` and `bin/wazuh-control {status,info,start,stop,restart,reload}` are real executables. What may be
 * read is decided by owner and mode for `sim.user`, also where the test runs as root. Facts come from what a real 4.14.7 did.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type InstallationPaths, pathsOf } from "../../../src/setup/wazuh/installation.ts";
import type { WazuhFiles } from "../wazuh-files.ts";
import { Daemon } from "./daemon.ts";
import { Engine, type Judged } from "./engine.ts";
import { layOut } from "./installation.ts";
import type { DaemonUser, LoadedRules } from "./rule-loader.ts";
import type { Counters } from "./state-file.ts";

export interface WazuhSimOptions {
  /** The prefix; default a fresh folder that `close()` removes. What is there already stays. */
  readonly dir?: string;
  /** Closes the sim when the test ends. */
  readonly t?: Pick<TestContext, "after">;
  /** Default 4.14.7. Below 4.13 no hot reload, below 4.12 no VERSION.json. */
  readonly version?: string;
  /** Name of the manager; default `wazuh`. */
  readonly manager?: string;
  /** Cluster and node name, where the alerts carry them. */
  readonly node?: { readonly cluster: string; readonly node: string };
  /** The daemon's user; default the test's own, or 64001:64001 where that is root. */
  readonly user?: DaemonUser;
  /** Content of etc/ossec.conf; default in the shape of the stock one. */
  readonly conf?: string;
  /** Files for etc/rules, beside local_rules.xml: name to content. A text alone is `tipline_rules.xml`. */
  readonly rules?: string | Readonly<Record<string, string>>;
  /** `log_alert_level` of the default ossec.conf; default 3. */
  readonly logLevel?: number;
  /** Archives too (`logall_json`), in the default ossec.conf. */
  readonly logallJson?: boolean;
  /** Real: 1,000. Default 40. */
  readonly flushMs?: number;
  /** Real: 5,000. Default 100. */
  readonly stateMs?: number;
  /** Epoch milliseconds; default the clock. Given, a day's end moves the files on; else a test would end otherwise at midnight. */
  readonly now?: () => number;
  /** False: laid out only; `start()` runs it. Default true. */
  readonly start?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: tests read deep into it
export type SimAlert = any;

export async function createWazuhSim(options: WazuhSimOptions = {}): Promise<WazuhSim> {
  const sim = new WazuhSim(options);
  options.t?.after(() => sim.close());
  await sim.open();
  if (options.start ?? true) await sim.start();
  return sim;
}

const ROOT_STANDS_FOR: DaemonUser = { uid: 64_001, gid: 64_001 };
const OTHER_DAEMONS = "modulesd monitord logcollector remoted syscheckd execd db authd integratord apid".split(" ");

export class WazuhSim {
  readonly prefix: string;
  readonly paths: InstallationPaths;
  readonly version: string;
  readonly user: DaemonUser;
  readonly #options: WazuhSimOptions;
  readonly #ownsFolder: boolean;
  readonly #madeAt = Date.now();
  #daemon: Daemon | undefined;
  #control: Server | undefined;
  #alone: Engine | undefined;
  #closed = false;

  constructor(options: WazuhSimOptions) {
    this.#options = options;
    this.#ownsFolder = options.dir === undefined;
    this.prefix = options.dir ?? mkdtempSync(join(tmpdir(), "tipline-sim-"));
    this.paths = pathsOf(this.prefix);
    this.version = options.version ?? "4.14.7";
    const uid = process.getuid?.() ?? 0;
    this.user = options.user ?? (uid === 0 ? ROOT_STANDS_FOR : { uid, gid: process.getgid?.() ?? 0 });
  }

  /** Lays out the folder and listens for `bin/wazuh-control`. */
  async open(): Promise<void> {
    const { rules, conf, logLevel, logallJson } = this.#options;
    const files = typeof rules === "string" ? { "tipline_rules.xml": rules } : rules;
    layOut(this.prefix, { version: this.version, user: this.user, rules: files, conf, logLevel, logallJson });
    this.#startOthers();
    const path = join(this.prefix, "var/run/sim.sock");
    rmSync(path, { force: true });
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      socket.once("data", (bytes) => {
        void this.#command(String(bytes).trim()).then((answer) => socket.end(`${answer}\n`));
      });
    });
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
    server.unref();
    this.#control = server;
  }

  get running(): boolean {
    return this.#daemon !== undefined;
  }

  /** False: the rules do not load, nothing runs. */
  async start(): Promise<boolean> {
    if (this.#daemon !== undefined) return true;
    const { manager = "wazuh", node, flushMs = 40, stateMs = 100, now } = this.#options;
    const daemon = new Daemon({
      prefix: this.prefix,
      user: this.user,
      manager,
      node,
      version: this.version,
      flushMs,
      stateMs,
      now: now ?? Date.now,
      filesAt: now ?? (() => this.#madeAt),
      logallJson: /<logall_json>\s*yes/.test(readFileSync(this.paths.ossecConf, "utf8")),
    });
    if (!(await daemon.start())) {
      await daemon.stop();
      return false;
    }
    this.#daemon = daemon;
    return true;
  }

  /** An orderly stop handles what was accepted; `kill` loses it. The sockets' files stay (`removeSockets` takes them away). */
  async stop(how: { readonly kill?: boolean; readonly removeSockets?: boolean } = {}): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    await daemon?.stop(how);
  }

  async restart({ kill = false, downMs = 0 } = {}): Promise<boolean> {
    await this.stop({ kill });
    if (downMs > 0) await new Promise((resolve) => setTimeout(resolve, downMs));
    return this.start();
  }

  /** Stops, and removes the folder unless it was given. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.stop();
    await new Promise((resolve) => (this.#control === undefined ? resolve(undefined) : this.#control.close(resolve)));
    if (this.#ownsFolder) rmSync(this.prefix, { recursive: true, force: true });
  }

  /** The event's way through the rules; frequency rules count it, nothing is written. */
  judge(message: string, { location = "misp", queue = "1" } = {}): Judged | undefined {
    return this.judgeDatagram(Buffer.from(`${queue}:${location}:${message}`));
  }

  judgeDatagram(datagram: Buffer): Judged | undefined {
    return this.#engine().judge(datagram, (this.#options.now ?? Date.now)());
  }

  /** The id of the rule that raises an alert; undefined: Wazuh stays silent. */
  fires(message: string, frame: { readonly location?: string; readonly queue?: string } = {}): string | undefined {
    const verdict = this.judge(message, frame)?.verdict;
    return verdict?.written ? String(verdict.rule.id) : undefined;
  }

  /** The alert that a judged event would become, whatever its level. */
  document(judged: Judged): SimAlert {
    return JSON.parse(JSON.stringify(this.#engine().document(judged, (this.#options.now ?? Date.now)(), 0)));
  }

  /** As if the socket had given it. `location` is given as it goes on the wire (escaped). */
  inject(location: string, message: string, queue = "1"): void {
    this.#running().receive(Buffer.from(`${queue}:${location}:${message}`));
  }

  /** Rules and messages of the last load or reload that took effect. */
  get rules(): LoadedRules {
    return this.#engine().rules;
  }

  reload(): LoadedRules {
    return this.#engine().reload();
  }

  get counters(): Readonly<Counters> {
    return this.#running().counters;
  }

  /** Events that were received and wait inside. */
  get backlog(): number {
    return this.#running().backlog;
  }

  /** The files behind alerts.json: rotation by size, compression of an ended day, damage. */
  get alertFiles(): WazuhFiles {
    return this.#running().alerts.files;
  }

  set innerQueue(entries: number) {
    this.#running().innerQueue = entries;
  }

  set eventsPerSecond(rate: number | undefined) {
    this.#running().eventsPerSecond = rate;
  }

  stallInput(): void {
    this.#running().stallInput();
  }

  resumeInput(): void {
    this.#running().resumeInput();
  }

  stallEngine(): void {
    this.#running().processing = false;
  }

  resumeEngine(): void {
    this.#running().processing = true;
  }

  /** Writes out what the next second would. */
  flush(): void {
    this.#running().flush();
    this.#running().writeState();
  }

  /** The whole lines of alerts.json, or of the file given. */
  alerts(path: string = this.paths.alertsJson): SimAlert[] {
    const text = readFileSync(path, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    return whole
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  /** Polls alerts.json; throws after `timeoutMs` (default 60 s) with what was there. */
  async waitForAlerts(enough: (alerts: SimAlert[]) => boolean, timeoutMs = 60_000): Promise<SimAlert[]> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const alerts = this.alerts();
      if (enough(alerts)) return alerts;
      if (performance.now() > end) throw new Error(`alerts.json has ${alerts.length} alerts, not those waited for`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #startOthers(): void {
    for (const name of OTHER_DAEMONS)
      writeFileSync(join(this.prefix, `var/run/wazuh-${name}-${process.pid}.pid`), `${process.pid}\n`);
  }

  async #command(command: string): Promise<string> {
    if (command === "start" || command === "restart") this.#startOthers();
    if (command === "stop") await this.stop();
    else if (command === "start") return (await this.start()) ? "ok" : "wazuh-analysisd did not start";
    else if (command === "reload") this.reload();
    else return (await this.restart()) ? "ok" : "wazuh-analysisd did not start";
    return "ok";
  }

  /** The daemon's, or one without daemon: rules can be tried where nothing runs. */
  #engine(): Engine {
    if (this.#daemon !== undefined) return this.#daemon.engine;
    this.#alone ??= new Engine({ prefix: this.prefix, user: this.user, manager: this.#options.manager ?? "wazuh" });
    return this.#alone;
  }

  #running(): Daemon {
    if (this.#daemon === undefined) throw new Error("the sim's daemon does not run");
    return this.#daemon;
  }
}
