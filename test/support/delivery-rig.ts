import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sink } from "../../src/contract/sink.ts";
import type { Source } from "../../src/contract/source.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { type Log, silentLog } from "../../src/lib/log.ts";
import type { Finding } from "../../src/model/finding.ts";
import { noEvents } from "../../src/pipeline/events.ts";
import { ownFindingId } from "../../src/pipeline/handle.ts";
import { toAlert } from "../../src/pipeline/parse-alert.ts";
import { runPipeline } from "../../src/pipeline/pipeline.ts";
import wazuh from "../../src/sinks/wazuh.ts";
import wazuhAlerts from "../../src/sources/wazuh-alerts.ts";
import { openJournal, type StoredJournal } from "../../src/store/journal.ts";
import { fastClock } from "./fake-clocks.ts";
import { makeFinding } from "./finding.ts";
import { LossyEngine } from "./lossy-engine.ts";
import { numberedSource, passStage } from "./pipeline.ts";

export interface DeliveryOptions {
  /** Short enough for a UNIX socket's path below it. */
  readonly dir: string;
  readonly count: number;
  readonly rate: number;
  readonly capacity: number;
  readonly perSecond: number;
  /** How much faster than the wall its clock runs; default 20. */
  readonly speed?: number;
}

/** One call of the sink: what it took, and when on the line's clock. */
export interface SinkCall {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** What came of a run. */
export interface Delivered {
  readonly calls: readonly SinkCall[];
  /** Ids in the order of their first sending, of their second, and so on. */
  readonly sendings: readonly (readonly string[])[];
  /** Ids in the order of alerts.json. */
  readonly written: readonly string[];
  readonly arrived: ReadonlySet<string>;
  /** Sent more often than written. */
  readonly lost: ReadonlySet<string>;
  /** Rates that the sink fell back to or rose to. */
  readonly slowed: readonly number[];
  readonly account: Readonly<Record<string, number>>;
  numberOf(id: string): number;
  agentOf(id: string): string;
}

const AGENTS = 7;
const number = (id: string): number => Number(id.slice(1));
const agent = (n: number) => ({ id: `00${1 + (n % AGENTS)}`, name: `web-0${1 + (n % AGENTS)}`, ip: "10.0.0.5" });

/** The line from a journal full of findings to Wazuh and back: real journal, pipeline, sink, socket and follower; the engine loses things. */
export class DeliveryRig {
  readonly engine: LossyEngine;
  readonly #options: DeliveryOptions;
  readonly #clock: Clock;
  readonly #journal: StoredJournal;
  readonly #calls: SinkCall[] = [];
  readonly #sent = new Map<string, number>();
  readonly #sendings: string[][] = [];
  /** Rates that the sink fell back to or rose to, so far. */
  readonly slowed: number[] = [];

  private constructor(options: DeliveryOptions, clock: Clock, journal: StoredJournal) {
    this.#options = options;
    this.#clock = clock;
    this.#journal = journal;
    this.engine = new LossyEngine({
      prefix: join(options.dir, "ossec"),
      clock,
      capacity: options.capacity,
      perSecond: options.perSecond,
    });
  }

  static async open(options: DeliveryOptions): Promise<DeliveryRig> {
    const clock = fastClock(options.speed ?? 20);
    const journal = await openJournal({
      dir: join(options.dir, "journal"),
      readers: [
        { name: "storm", stream: "raw", required: true },
        { name: "wazuh", stream: "out", required: true },
      ],
      clock,
    });
    return new DeliveryRig(options, clock, journal);
  }

  /** Until all was sent and nothing awaits its echo. */
  async run(): Promise<Delivered> {
    const { count } = this.#options;
    const [clock, log] = [this.#clock, this.#log()];
    const context = { name: "wazuh", log, clock, cacheDir: "" };
    const sink = this.#observed(await wazuh.create(this.#config(), context));
    const echoes: Source = await wazuhAlerts.create(
      wazuhAlerts.config.parse({ path: this.engine.alerts, start: "beginning" }),
      { ...context, name: "alerts", log: silentLog },
    );
    const stop = new AbortController();
    const running = runPipeline(
      {
        sources: [
          { name: "numbers", source: numberedSource(count, 1000, { finite: false }) },
          { name: "alerts", source: echoes },
        ],
        handle: (source) => (record) => {
          const nothing = { findings: [], deadLetters: [], confirmed: [] };
          if (source === "numbers") return { ...nothing, findings: [findingOf(Number(record.bytes.toString()))] };
          const id = ownFindingId(toAlert(record.bytes, source, 0), (given) => /^f\d{8}$/.test(given));
          return { ...nothing, confirmed: id === undefined ? [] : [id] };
        },
        stage: passStage,
        sinks: [{ name: "wazuh", sink }],
        journal: this.#journal,
        clock,
        log,
        events: noEvents,
      },
      stop.signal,
    );
    while (!this.#done()) await Promise.race([sleep(20), running]);
    stop.abort();
    await running;
    return this.#result();
  }

  async close(): Promise<void> {
    await this.engine.kill();
    this.engine.close();
    await this.#journal.close();
  }

  #config() {
    return wazuh.config.parse({
      socket: this.engine.socket,
      rate: this.#options.rate,
      confirm_timeout: "40s",
      // A busy machine may need more rounds than an operator would want.
      confirm_resends: 100,
    });
  }

  #done(): boolean {
    if (this.#dead() > 0) return true;
    // What was sent is awaited only when its sending is written down, which may be later.
    const { entries = 1, unconfirmed = 1 } = this.#journal.backlog().get("wazuh") ?? {};
    return this.#sent.size === this.#options.count && entries === 0 && unconfirmed === 0;
  }

  #dead(): number {
    return this.#journal.deadLetters.list({ limit: 1 }).length;
  }

  /** The sink, with an account of what it took and when. */
  #observed(sink: Sink): Sink {
    return {
      ...sink,
      send: async (findings, signal) => {
        const from = this.#clock.now();
        const result = await sink.send(findings, signal);
        const count = result.status === "sent" ? findings.length : result.status === "retry" ? (result.taken ?? 0) : 0;
        this.#calls.push({ from, to: this.#clock.now(), count });
        for (const { id } of findings.slice(0, count)) this.#count(id);
        return result;
      },
    };
  }

  #count(id: string): void {
    const times = (this.#sent.get(id) ?? 0) + 1;
    this.#sent.set(id, times);
    this.#sendings[times - 1] ??= [];
    this.#sendings[times - 1]?.push(id);
  }

  #log(): Log {
    const keep: Log["warn"] = (_message, fields) => {
      if (typeof fields?.["rate"] === "number") this.slowed.push(fields["rate"]);
    };
    const log: Log = { ...silentLog, info: keep, warn: keep, child: () => log };
    return log;
  }

  #result(): Delivered {
    const { written } = this.engine;
    const times = new Map<string, number>();
    for (const id of written) times.set(id, (times.get(id) ?? 0) + 1);
    const lost = new Set([...this.#sent].filter(([id, sent]) => sent > (times.get(id) ?? 0)).map(([id]) => id));
    const account = {
      sent: this.#calls.reduce((sum, call) => sum + call.count, 0),
      written: written.length,
      lost: lost.size,
      droppedInside: this.engine.droppedEver,
      rounds: this.#sendings.length,
      leastRate: Math.min(this.#options.rate, ...this.slowed),
      unconfirmed: this.#journal.unconfirmed("wazuh", 10).length,
      deadLetters: this.#dead(),
    };
    const numberOf = number;
    return {
      calls: this.#calls,
      sendings: this.#sendings,
      written,
      arrived: new Set(times.keys()),
      lost,
      slowed: this.slowed,
      account,
      numberOf,
      agentOf: (id) => agent(number(id)).id,
    };
  }
}

function findingOf(n: number): Finding {
  const plain = makeFinding(n);
  return { ...plain, alert: { ...plain.alert, agent: agent(n) } };
}

/** In every window, counted on the clock that the pacer has: no more than rate × time and one burst. */
export function assertPace(calls: readonly SinkCall[], rate: number): void {
  const burst = rate / 20;
  let sent = 0;
  let allowance = Number.NEGATIVE_INFINITY;
  for (const { from, to, count } of calls) {
    allowance = Math.max(allowance, (from * rate) / 1000 - sent);
    sent += count;
    const over = sent + allowance - (to * rate) / 1000;
    assert.ok(over <= burst + 1e-3, `${over} more than the rate allows`);
  }
}
