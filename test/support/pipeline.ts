import type { SendResult, Sink } from "../../src/contract/sink.ts";
import type { Delivery, Source } from "../../src/contract/source.ts";
import type { Stage } from "../../src/contract/stage.ts";
import type { Finding } from "../../src/model/finding.ts";
import type { HandleRecord } from "../../src/pipeline/pump.ts";
import { makeFinding } from "./finding.ts";

/** Deliveries of numbered records, `perDelivery` each; goes on from its checkpoint. Waits for ever at the end unless finite. */
export function numberedSource(
  count: number,
  perDelivery: number,
  { finite = true } = {},
): Source & { commits: string[] } {
  const commits: string[] = [];
  return {
    commits,
    async *read(checkpoint, signal) {
      for (let at = Number(checkpoint ?? 0); at < count && !signal.aborted; at += perDelivery) {
        const end = Math.min(count, at + perDelivery);
        yield deliveryOf(at, end);
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (!finite) await aborted(signal);
    },
    committed({ range }) {
      commits.push(range);
    },
  };
}

export function deliveryOf(from: number, end: number): Delivery {
  const records = Array.from({ length: end - from }, (_, i) => ({
    bytes: Buffer.from(String(from + i)),
    origin: `numbers:${from + i}`,
  }));
  return { records, rejected: [], range: `${from}-${end}`, checkpoint: end };
}

/** A numbered record is the finding of that number; `echo ID` confirms; `dead` is a dead letter; `throw` throws. */
export const numberedRecord: HandleRecord = ({ bytes, origin }) => {
  const text = bytes.toString();
  const nothing = { findings: [], deadLetters: [], confirmed: [] };
  if (text === "throw") throw new Error("a fault");
  if (text.startsWith("echo ")) return { ...nothing, confirmed: [text.slice(5)] };
  if (text !== "dead") return { ...nothing, findings: [makeFinding(Number(text))] };
  return {
    ...nothing,
    deadLetters: [{ kind: "record", component: "numbers", time: 1, reason: "not a number", origin }],
  };
};

/** Hands findings on unchanged. */
export const passStage: Stage = {
  name: "storm",
  restore: () => undefined,
  process: (findings) => ({ out: findings, changed: new Map() }),
  tick: () => ({ out: [], changed: new Map() }),
};

/** A receiver that keeps what it takes and answers what `answer` says (default: sent). */
export class FakeSink implements Sink {
  readonly received: Finding[] = [];
  readonly batches: number[] = [];
  answer: (findings: readonly Finding[], call: number) => SendResult | Promise<SendResult> = () => ({ status: "sent" });
  closed = false;
  readonly batchSize?: number;
  readonly confirmation?: { readonly timeoutMs: number; readonly resends: number };

  constructor(options: Pick<Sink, "batchSize" | "confirmation"> = {}) {
    if (options.batchSize !== undefined) this.batchSize = options.batchSize;
    if (options.confirmation !== undefined) this.confirmation = options.confirmation;
  }

  async send(findings: readonly Finding[]): Promise<SendResult> {
    this.batches.push(findings.length);
    const result = await this.answer(findings, this.batches.length);
    if (result.status === "sent") this.received.push(...findings);
    if (result.status === "retry") this.received.push(...findings.slice(0, result.taken ?? 0));
    return result;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  get ids(): string[] {
    return this.received.map(({ id }) => id);
  }
}

export const idsOf = (from: number, end: number) =>
  Array.from({ length: end - from }, (_, i) => makeFinding(from + i).id);

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean, ms = 60_000): Promise<void> {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
