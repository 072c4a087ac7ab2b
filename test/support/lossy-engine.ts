import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../../src/lib/clock.ts";
import { DatagramReceiver } from "./datagram-receiver.ts";
import { WazuhFiles } from "./wazuh-files.ts";

export interface LossyOptions {
  readonly prefix: string;
  readonly clock: Clock;
  /** Entries of the queue inside; beyond it events are dropped. The real one has 16,384. */
  readonly capacity: number;
  /** Events it analyses a second of its clock. */
  readonly perSecond: number;
}

const FLUSH_MS = 1_000;
const STATE_MS = 5_000;
const TURN_MS = 3;

/**
 * Wazuh's analysis as a receiver that loses things: it takes every datagram, drops inside when its queue is full and only counts
 * that in its state file, analyses at a rate of its own, flushes alerts.json once a second, and can be stalled, stopped and killed.
 * What an event means is not its business (see wazuh-engine): it alerts on all that has its framing.
 */
export class LossyEngine {
  readonly socket: string;
  readonly alerts: string;
  readonly stateFile: string;
  /** Finding ids in the order in which they came to alerts.json. */
  readonly written: string[] = [];
  received = 0;
  dropped = 0;
  droppedEver = 0;
  capacity: number;
  perSecond: number;
  /** Drops every n-th event inside, however empty its queue is; 0: none. */
  dropEvery = 0;
  /** Told of every datagram, before it is queued. */
  onReceived: ((count: number) => void) | undefined;
  readonly #clock: Clock;
  readonly #files: WazuhFiles;
  #receiver: DatagramReceiver | undefined;
  #queue: Buffer[] = [];
  #ready: { id: string; line: string }[] = [];
  #turns: NodeJS.Timeout | undefined;
  #turnAt = 0;
  #flushedAt = 0;
  #stateAt = Number.NEGATIVE_INFINITY;
  #offset = 0;

  constructor({ prefix, clock, capacity, perSecond }: LossyOptions) {
    this.#clock = clock;
    this.capacity = capacity;
    this.perSecond = perSecond;
    this.socket = join(prefix, "queue/sockets/queue");
    this.stateFile = join(prefix, "var/run/wazuh-analysisd.state");
    mkdirSync(dirname(this.socket), { recursive: true });
    mkdirSync(dirname(this.stateFile), { recursive: true });
    this.#files = new WazuhFiles(join(prefix, "logs/alerts"));
    this.alerts = this.#files.path;
  }

  /** `receiveBuffer`: SO_RCVBUF of this life's socket. */
  start(receiveBuffer?: number): void {
    const options = receiveBuffer === undefined ? {} : { receiveBuffer };
    this.#receiver = new DatagramReceiver(this.socket, (datagram) => this.#take(datagram), options);
    this.#receiver.start();
    this.#turnAt = this.#clock.now();
    // Counters of a daemon that was restarted begin anew.
    this.dropped = 0;
    this.#turns = setInterval(() => this.#turn(), TURN_MS);
  }

  stall(): void {
    this.#receiver?.stall();
    clearInterval(this.#turns);
  }

  resume(): void {
    this.#receiver?.resume();
    this.#turnAt = this.#clock.now();
    this.#turns = setInterval(() => this.#turn(), TURN_MS);
  }

  /** Takes no more, analyses what it has and ends: nothing is lost. */
  async stop(): Promise<void> {
    await this.#receiver?.stop();
    this.#analyse(this.#queue.length);
    this.#end();
    this.#flush();
  }

  /** As kill -9: what the kernel held, what is queued inside and what was not flushed is lost. */
  async kill(): Promise<void> {
    await this.#receiver?.stop({ drain: false });
    this.#end();
    this.#queue = [];
    this.#ready = [];
  }

  close(): void {
    this.#files.close();
  }

  #end(): void {
    clearInterval(this.#turns);
    this.#receiver = undefined;
  }

  #take(datagram: Buffer): void {
    this.received += 1;
    this.onReceived?.(this.received);
    const unlucky = this.dropEvery > 0 && this.received % this.dropEvery === 0;
    if (this.#queue.length < this.capacity && !unlucky) this.#queue.push(datagram);
    else {
      this.dropped += 1;
      this.droppedEver += 1;
    }
  }

  #turn(): void {
    const now = this.#clock.now();
    const count = Math.floor(((now - this.#turnAt) * this.perSecond) / 1000);
    if (count > 0) {
      this.#analyse(count);
      this.#turnAt = now;
    }
    if (now - this.#flushedAt >= FLUSH_MS) this.#flush();
    if (now - this.#stateAt >= STATE_MS) this.#writeState(now);
  }

  #analyse(count: number): void {
    for (const datagram of this.#queue.splice(0, count)) this.#ready.push(this.#alert(datagram.toString("utf8")));
  }

  #alert(text: string): { id: string; line: string } {
    const [, agent = "", message = ""] = /^1:(.*?[^|]):(.*)$/s.exec(text) ?? [];
    const [, id = "", name = "", ip = ""] = /^\[([^\]]*)\] \(([^)]*)\) (.*)->misp$/.exec(agent) ?? [];
    const finding = /"finding_id":"([^"]+)"/.exec(message)?.[1] ?? "";
    const line = `{"timestamp":"2026-11-20T12:00:00.000+0000","rule":{"level":12,"description":"MISP: IoC found","id":"100622","groups":["misp","misp_alert"]},"agent":{"id":"${id}","name":"${name}","ip":"${ip}"},"manager":{"name":"wazuh"},"id":"1795297550.${this.#offset++}","decoder":{"name":"json"},"data":${message},"location":"misp"}`;
    return { id: finding, line };
  }

  #flush(): void {
    this.#flushedAt = this.#clock.now();
    if (this.#ready.length === 0) return;
    this.#files.appendTorn(`${this.#ready.map(({ line }) => line).join("\n")}\n`);
    for (const { id } of this.#ready) this.written.push(id);
    this.#ready = [];
  }

  #writeState(now: number): void {
    this.#stateAt = now;
    const usage = Math.min(1, this.#queue.length / this.capacity).toFixed(2);
    const head = "# State file for wazuh-analysisd\n# THIS FILE WILL BE DEPRECATED IN FUTURE VERSIONS\n\n";
    const counters = `events_dropped='${this.dropped}'\nevent_queue_usage='${usage}'\n`;
    writeFileSync(`${this.stateFile}.temp`, head + counters);
    renameSync(`${this.stateFile}.temp`, this.stateFile);
  }
}
