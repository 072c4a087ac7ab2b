import { Agent, type IncomingMessage, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { gzipSync } from "node:zlib";

export interface FluentBitOptions {
  readonly url: string;
  readonly token?: string;
  readonly gzip?: boolean;
  /** `log`: as tail without a parser gives it (`{"log":"…"}`); `raw`: `Raw`, with a JSON parser. Default: log. */
  readonly form?: "log" | "raw";
  /** `out_http` has two by default, and then chunks overtake each other. */
  readonly workers?: number;
  /** Bytes of a body before it is packed; one record makes a body however large it is. */
  readonly chunkBytes?: number;
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  /** `scheduler.base` and `scheduler.cap`, in milliseconds here. */
  readonly retryMs?: { readonly base: number; readonly cap: number };
  readonly timeoutMs?: number;
}

const CHUNK_BYTES = 2_490_000;

interface Chunk {
  readonly body: Buffer;
  readonly lines: number;
  attempts: number;
}

/**
 * Ships lines as Fluent Bit's `out_http` does with `Format json_lines` and `Retry_Limit no_limits`: 200–205 is taken; 3xx, 408, 429,
 * 5xx and everything that goes wrong on the network is tried again with the identical body, for ever; any other 4xx throws the
 * chunk away for good.
 */
export class FluentBitClient {
  readonly #options: FluentBitOptions;
  readonly #agent: Agent;
  readonly #queue: Chunk[] = [];
  readonly #waiting = new Set<NodeJS.Timeout>();
  /** Answers by status; 0: the connection failed. */
  readonly statuses = new Map<number, number>();
  delivered = 0;
  dropped = 0;
  retries = 0;
  #open = 0;
  #busy = 0;
  #stopped = false;

  constructor(options: FluentBitOptions) {
    this.#options = options;
    const keepAlive = { keepAlive: true, maxSockets: options.workers ?? 2 };
    this.#agent = options.tls === undefined ? new Agent(keepAlive) : new TlsAgent({ ...keepAlive, ...options.tls });
  }

  /** Lines that are neither delivered nor dropped. */
  get pending(): number {
    return this.#open;
  }

  feed(lines: readonly string[]): void {
    const { form = "log", chunkBytes = CHUNK_BYTES } = this.#options;
    let records: string[] = [];
    let bytes = 0;
    const cut = () => {
      if (records.length === 0) return;
      const plain = Buffer.from(records.join(""));
      this.#queue.push({ body: this.#options.gzip ? gzipSync(plain) : plain, lines: records.length, attempts: 0 });
      this.#open += records.length;
      records = [];
      bytes = 0;
    };
    for (const line of lines) {
      const record = form === "raw" ? `${line}\n` : `${escaped(JSON.stringify({ log: line }))}\n`;
      if (bytes + record.length > chunkBytes) cut();
      records.push(record);
      bytes += Buffer.byteLength(record);
    }
    cut();
    this.#work();
  }

  /** Waits until every line is delivered or dropped. */
  async drained(ms = 60_000): Promise<void> {
    const end = Date.now() + ms;
    while (this.#open > 0) {
      if (Date.now() > end)
        throw new Error(`waited in vain: ${this.#open} lines left, ${JSON.stringify([...this.statuses])}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#waiting) clearTimeout(timer);
    this.#agent.destroy();
  }

  #work(): void {
    const { workers = 2 } = this.#options;
    while (!this.#stopped && this.#busy < workers) {
      const chunk = this.#queue.shift();
      if (chunk === undefined) return;
      this.#busy += 1;
      void this.#send(chunk).then((status) => {
        this.#busy -= 1;
        this.#settle(chunk, status);
        this.#work();
      });
    }
  }

  #settle(chunk: Chunk, status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const taken = status >= 200 && status <= 205;
    const thrownAway = status >= 400 && status < 500 && status !== 408 && status !== 429;
    if (taken) this.delivered += chunk.lines;
    if (thrownAway) this.dropped += chunk.lines;
    if (taken || thrownAway) {
      this.#open -= chunk.lines;
      return;
    }
    this.retries += 1;
    chunk.attempts += 1;
    const { base, cap } = this.#options.retryMs ?? { base: 5, cap: 100 };
    const wait = base + Math.random() * (Math.min(cap, base * 2 ** chunk.attempts) - base);
    const timer = setTimeout(() => {
      this.#waiting.delete(timer);
      this.#queue.push(chunk);
      this.#work();
    }, wait);
    this.#waiting.add(timer);
  }

  #send(chunk: Chunk): Promise<number> {
    const { url, token, gzip, tls, timeoutMs = 60_000 } = this.#options;
    return new Promise((resolve) => {
      const headers = {
        "user-agent": "Fluent-Bit",
        "content-type": "application/x-ndjson",
        "content-length": chunk.body.length,
        ...(gzip ? { "content-encoding": "gzip" } : {}),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      };
      const options = { method: "POST", agent: this.#agent, headers, timeout: timeoutMs };
      const answered = (response: IncomingMessage) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0)).once("error", () => resolve(0));
      };
      const sent = tls === undefined ? request(url, options, answered) : tlsRequest(url, options, answered);
      sent.once("timeout", () => sent.destroy());
      sent.on("error", () => resolve(0));
      sent.end(chunk.body);
    });
  }
}

/** What is not ASCII goes out as `\uXXXX`. */
function escaped(json: string): string {
  return json.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
