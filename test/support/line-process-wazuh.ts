import { DatagramReceiver } from "./datagram-receiver.ts";
import { engineAlert } from "./wazuh-engine.ts";
import { WazuhFiles, type WazuhFilesOptions } from "./wazuh-files.ts";

/** A manager: its log tree, its queue socket, and an analysis that writes what it gets into alerts.json. */
export class WazuhManager {
  readonly files: WazuhFiles;
  readonly receiver: DatagramReceiver;
  readonly socketPath: string;
  /** Every datagram that was read, in order. */
  readonly received: Buffer[] = [];
  /** Datagrams that raised an alert. */
  raised = 0;
  /** True: what is read is lost inside, as when analysisd's own queue is full. */
  loses = false;
  /** True: a line of the log is only half written, and nothing else can be. */
  midLine = false;
  readonly #flushMs: number;
  #pending: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** `flushMs`: how long an alert stays in the daemon's buffer; 0: it is written before the sender's call returns to its loop. */
  constructor(folder: string, options: WazuhFilesOptions & { readonly flushMs?: number } = {}) {
    this.#flushMs = options.flushMs ?? 0;
    this.files = new WazuhFiles(`${folder}/logs`, options);
    this.socketPath = `${folder}/queue`;
    this.receiver = new DatagramReceiver(this.socketPath, (datagram) => this.#take(datagram));
  }

  /** Writes what the daemon has buffered. */
  flush(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.midLine) return;
    for (const line of this.#pending.splice(0)) this.files.appendLine(line);
  }

  async close(): Promise<void> {
    await this.receiver.stop();
    this.flush();
    this.files.close();
  }

  #take(datagram: Buffer): void {
    this.received.push(datagram);
    if (this.loses) return;
    const alert = engineAlert(datagram, { time: Date.now(), offset: this.raised });
    if (alert === undefined) return;
    this.raised += 1;
    this.#pending.push(JSON.stringify(alert));
    if (this.#flushMs === 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#flushMs);
  }
}
