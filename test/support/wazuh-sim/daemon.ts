import { appendFileSync, chmodSync, chownSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatagramReceiver } from "../datagram-receiver.ts";
import { Engine, type EngineSettings } from "./engine.ts";
import { EventLog } from "./event-log.ts";
import { loadLines, logLine } from "./log-line.ts";
import { answerAnalysis, Logtest } from "./requests.ts";
import { type Counters, writeStateFile } from "./state-file.ts";
import { StreamSocket } from "./stream-socket.ts";

export interface DaemonSettings extends EngineSettings {
  readonly version: string;
  readonly flushMs: number;
  readonly stateMs: number;
  readonly logallJson: boolean;
  readonly now: () => number;
  /** Epoch milliseconds of the day that the files are of. */
  readonly filesAt: () => number;
}

const PER_TURN = 500;

/** analysisd of a fake installation: sockets, inner queue, files. One object a run; a restart makes a new one. */
export class Daemon {
  readonly engine: Engine;
  readonly counters: Counters = { eventsReceived: 0, eventsDropped: 0, eventsProcessed: 0, alertsWritten: 0 };
  /** Entries of the inner queue; beyond, events are dropped. */
  innerQueue = 16_384;
  /** False: nothing leaves the inner queue. */
  processing = true;
  /** Events a second that leave the inner queue; undefined: as many as there are. */
  eventsPerSecond: number | undefined;
  readonly #settings: DaemonSettings;
  readonly #receiver: DatagramReceiver;
  readonly #streams: readonly StreamSocket[];
  readonly #alerts: EventLog;
  readonly #archives: EventLog | undefined;
  readonly #queue: Buffer[] = [];
  #head = 0;
  #budget = 0;
  #budgetAt = 0;
  #timers: NodeJS.Timeout[] = [];
  #turn: NodeJS.Immediate | undefined;
  #saidFull = false;

  constructor(settings: DaemonSettings) {
    const { prefix, user } = settings;
    this.#settings = settings;
    this.engine = new Engine(settings);
    const socket = (name: string) => join(prefix, "queue/sockets", name);
    const hotReload = Number(settings.version.split(".")[1]) >= 13;
    const logtest = new Logtest(this.engine);
    this.#receiver = new DatagramReceiver(socket("queue"), (datagram) => this.receive(datagram));
    this.#streams = [
      new StreamSocket(socket("analysis"), user, (question) =>
        answerAnalysis(
          question,
          this.engine,
          hotReload,
          ({ ok, messages }) => {
            const done = ["Reloading ruleset", "Ruleset reloaded successfully"];
            this.log(loadLines(messages));
            if (ok) for (const text of done) this.log(logLine("wazuh-analysisd", "INFO", text));
          },
          () => this.counters,
        ),
      ),
      new StreamSocket(socket("logtest"), user, (question) => logtest.answer(question)),
    ];
    this.#alerts = new EventLog(prefix, "alerts", user, settings.filesAt());
    this.#archives = settings.logallJson ? new EventLog(prefix, "archives", user, settings.filesAt()) : undefined;
  }

  /** The files that alerts go to, to rotate or damage. */
  get alerts(): EventLog {
    return this.#alerts;
  }

  get backlog(): number {
    return this.#queue.length - this.#head;
  }

  /** False: the rules cannot be loaded and the daemon ends at once, as the real one does. */
  async start(): Promise<boolean> {
    const { rules } = this.engine;
    this.log(loadLines(rules.messages));
    if (!rules.ok) return false;
    this.#receiver.start();
    chmodSync(this.#receiver.path, 0o660);
    if (process.getuid?.() === 0) chownSync(this.#receiver.path, this.#settings.user.uid, this.#settings.user.gid);
    for (const stream of this.#streams) await stream.start();
    writeFileSync(this.#pidFile, `${process.pid}\n`);
    this.log(logLine("wazuh-analysisd", "INFO", `Total rules enabled: '${rules.tree.size}'`));
    this.log(logLine("wazuh-analysisd", "INFO", `Started (pid: ${process.pid}).`));
    this.flush();
    this.#timers = [
      setInterval(() => this.flush(), this.#settings.flushMs),
      setInterval(() => this.writeState(), this.#settings.stateMs),
    ];
    for (const timer of this.#timers) timer.unref();
    this.writeState();
    return true;
  }

  stallInput(): void {
    this.#receiver.stall();
  }

  resumeInput(): void {
    this.#receiver.resume();
  }

  /** `kill`: what is queued and not flushed is lost; the files of the sockets stay in either case, refusing. */
  async stop({ kill = false, removeSockets = false } = {}): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#receiver.stop({ drain: !kill, remove: removeSockets });
    if (kill) this.#alerts.lose();
    else {
      while (this.backlog > 0) this.#processNext();
      this.flush();
      this.writeState();
    }
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    for (const stream of this.#streams) await stream.stop({ remove: removeSockets });
    rmSync(this.#pidFile, { force: true });
    this.#alerts.close();
    this.#archives?.close();
  }

  flush(): void {
    const at = this.#settings.filesAt();
    this.#alerts.flush(at);
    this.#archives?.flush(at);
  }

  writeState(): void {
    const usage = this.backlog / this.innerQueue;
    writeStateFile(join(this.#settings.prefix, "var/run/wazuh-analysisd.state"), this.counters, usage, this.innerQueue);
  }

  log(lines: string): void {
    if (lines !== "") appendFileSync(join(this.#settings.prefix, "logs/ossec.log"), lines);
  }

  get #pidFile(): string {
    return join(this.#settings.prefix, `var/run/wazuh-analysisd-${process.pid}.pid`);
  }

  /** One event at the door of the inner queue. */
  receive(datagram: Buffer): void {
    this.counters.eventsReceived += 1;
    if (this.backlog >= this.innerQueue) {
      this.counters.eventsDropped += 1;
      if (!this.#saidFull) this.log(logLine("wazuh-analysisd", "WARNING", "Input queue is full."));
      this.#saidFull = true;
      return;
    }
    this.#queue.push(datagram);
    this.#schedule();
  }

  #schedule(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      for (let left = this.#allowance(); left > 0 && this.backlog > 0; left -= 1) this.#processNext();
      if (this.backlog > 0 && this.processing && this.eventsPerSecond === undefined) this.#schedule();
      else if (this.backlog > 0) setTimeout(() => this.#schedule(), 5).unref();
    });
  }

  #allowance(): number {
    if (!this.processing) return 0;
    if (this.eventsPerSecond === undefined) return PER_TURN;
    const now = performance.now();
    if (this.#budgetAt === 0) this.#budgetAt = now;
    this.#budget = Math.min(
      this.eventsPerSecond,
      this.#budget + ((now - this.#budgetAt) * this.eventsPerSecond) / 1000,
    );
    this.#budgetAt = now;
    const whole = Math.min(PER_TURN, Math.floor(this.#budget));
    this.#budget -= Math.min(whole, this.backlog);
    return whole;
  }

  #processNext(): void {
    const datagram = this.#queue[this.#head]!;
    this.#head += 1;
    if (this.#head > 4096) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    const time = this.#settings.now();
    const judged = this.engine.judge(datagram, time);
    this.counters.eventsProcessed += 1;
    if (judged === undefined) return;
    this.#archives?.append(this.engine.document(judged, time, this.#archives.offset));
    if (!judged.verdict?.written || !this.engine.rules.jsonOut) return;
    this.counters.alertsWritten += 1;
    this.#alerts.append(this.engine.document(judged, time, this.#alerts.offset));
  }
}
