import type { TestContext } from "node:test";
import type { Context } from "../../src/contract/define.ts";
import type { Delivery, Source } from "../../src/contract/source.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { type HttpFrontOptions, ListeningFront } from "../../src/lib/http-front.ts";
import { silentLog } from "../../src/lib/log.ts";
import { get, type JsonValue, text } from "../../src/model/json.ts";

/** A source that is posted to, on a listener of the test's own. */
export interface PushRig<S extends Source = Source> {
  readonly source: S;
  readonly front: ListeningFront;
  readonly url: string;
  readonly answers: (readonly [route: string, status: number])[];
}

/** Makes the source with a front on a free port, and listens. */
export async function pushRig(
  t: Pick<TestContext, "after">,
  make: (context: Context) => Source | Promise<Source>,
  options: Partial<HttpFrontOptions> & { readonly clock?: Clock } = {},
): Promise<PushRig> {
  const answers: [string, number][] = [];
  const front = new ListeningFront({
    listen: "127.0.0.1:0",
    log: silentLog,
    onAnswer: (route, status) => answers.push([route, status]),
    ...options,
  });
  const { log = silentLog, clock = systemClock } = options;
  const source = await make({ name: "in", log, clock, cacheDir: "", http: front });
  const url = (await front.listen()) ?? "";
  t.after(() => front.close());
  return { source, front, url, answers };
}

/** What the pipeline does: takes deliveries, commits each, and knows those that were committed before. */
export class PushRun {
  readonly deliveries: Delivery[] = [];
  readonly repeated: Delivery[] = [];
  /** Ranges that are durable; hand it to the next run as after a restart. */
  readonly durable: Set<string>;
  /** Called before a commit; a test holds it up or stops there. */
  before: (delivery: Delivery) => Promise<void> | void = () => undefined;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor(source: Source, durable: Set<string> = new Set()) {
    this.durable = durable;
    this.#done = this.#run(source);
  }

  get lines(): string[] {
    return this.deliveries.flatMap(({ records }) => records.map(({ bytes }) => bytes.toString()));
  }

  get rejected() {
    return this.deliveries.flatMap(({ rejected }) => rejected);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #run(source: Source): Promise<void> {
    for await (const delivery of source.read(undefined, this.#abort.signal)) {
      await this.before(delivery);
      if (this.durable.has(delivery.range)) this.repeated.push(delivery);
      else this.deliveries.push(delivery);
      this.durable.add(delivery.range);
      await source.committed?.(delivery);
    }
  }
}

/** A source whose commits follow at once, and that gives only what comes after the checkpoint: as the journal would have it. */
export function journaled(source: Source): Source {
  return {
    lag: () => source.lag?.() ?? {},
    async *read(checkpoint: JsonValue | undefined, signal: AbortSignal) {
      const last = text(checkpoint, "range");
      let known = last !== undefined;
      for await (const delivery of source.read(get(checkpoint, "own"), signal)) {
        const { range } = delivery;
        if (!known) yield { ...delivery, checkpoint: { own: delivery.checkpoint, range } };
        if (range === last) known = false;
        await source.committed?.(delivery);
      }
    },
  };
}
