import type { WazuhManager } from "./line-process-wazuh.ts";

export interface WriterOptions {
  readonly wazuh: WazuhManager;
  readonly random: () => number;
  /** The next line, by its number from 0; undefined: no more lines. */
  readonly line: (n: number) => string | undefined;
}

const TICK_MS = 20;

/**
 * Writes a live log the way a busy manager does: bursts, lines in two halves, rotation by size and at midnight, an ended day
 * compressed a moment later, stragglers in the old file.
 */
export class LiveWriter {
  rotations = 0;
  compressions = 0;
  torn = 0;
  late = 0;
  readonly #options: WriterOptions;
  #next = 0;
  #rest: string | undefined;
  /** Days that ended and are not compressed yet, with the ticks that are left. */
  readonly #ended: { readonly day: string; ticks: number }[] = [];
  #done: Promise<void> | undefined;
  #stopped = false;
  #failure: unknown;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Lines begun so far. */
  get written(): number {
    return this.#next;
  }

  start(): void {
    this.#done = this.#run().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** Ends the last line, compresses what is due, and stops. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    if (this.#failure !== undefined) throw this.#failure;
    this.#finishLine();
    for (const { day } of this.#ended.splice(0)) this.#compress(day);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#tick();
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  #tick(): void {
    const { random } = this.#options;
    this.#finishLine();
    const burst = random() < 0.02 ? 150 : Math.floor(random() * 6);
    for (let count = 0; count < burst; count += 1) if (!this.#appendNext()) return;
    for (const ended of this.#ended) ended.ticks -= 1;
    while (this.#ended[0] !== undefined && this.#ended[0].ticks <= 0) this.#compress(this.#ended.shift()!.day);
    const draw = random();
    if (draw < 0.03) this.#tear();
    else if (draw < 0.06) this.#rotate();
  }

  #appendNext(): boolean {
    const line = this.#options.line(this.#next);
    if (line === undefined) return false;
    this.#next += 1;
    this.#options.wazuh.files.appendLine(line);
    return true;
  }

  #tear(): void {
    const line = this.#options.line(this.#next);
    if (line === undefined) return;
    this.#next += 1;
    this.torn += 1;
    const { wazuh, random } = this.#options;
    wazuh.flush();
    const cut = 1 + Math.floor(random() * (line.length - 1));
    wazuh.files.appendTorn(line.slice(0, cut));
    wazuh.midLine = true;
    this.#rest = `${line.slice(cut)}\n`;
  }

  #finishLine(): void {
    if (this.#rest === undefined) return;
    const { wazuh } = this.#options;
    wazuh.files.appendTorn(this.#rest);
    this.#rest = undefined;
    wazuh.midLine = false;
    wazuh.flush();
  }

  #rotate(): void {
    const { wazuh, random } = this.#options;
    const { files } = wazuh;
    wazuh.flush();
    const { day } = files;
    this.rotations += 1;
    if (random() < 0.5) files.rotateSize();
    else {
      files.rotateMidnight(random() < 0.2 ? 3 : 1);
      this.#ended.push({ day, ticks: 10 + Math.floor(random() * 60) });
    }
    if (random() < 0.3) this.#straggle();
  }

  #straggle(): void {
    const line = this.#options.line(this.#next);
    if (line === undefined) return;
    this.#next += 1;
    this.late += 1;
    this.#options.wazuh.files.appendLate(line);
  }

  #compress(day: string): void {
    this.compressions += 1;
    this.#options.wazuh.files.compressDay(day);
  }
}
