import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { OutboxAttempt, OutboxHouse } from "../../src/contract/outbox.ts";
import type { Sink } from "../../src/contract/sink.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { type Log, silentLog } from "../../src/lib/log.ts";
import webhook from "../../src/sinks/webhook.ts";
import { SECRET } from "./webhook-receiver.ts";

/** A house that keeps what is buried, by lot. */
export class TestHouse implements OutboxHouse {
  readonly lots = new Map<string, { ids: string[]; reason: string }>();
  readonly outcomes: OutboxAttempt[] = [];
  async bury(lot: string, findings: readonly { readonly id: string }[], reason: string): Promise<void> {
    this.lots.set(lot, { ids: findings.map(({ id }) => id), reason });
  }
  attempted(outcome: OutboxAttempt): void {
    this.outcomes.push(outcome);
  }
  get dead(): string[] {
    return [...this.lots.values()].flatMap(({ ids }) => ids);
  }
}

export interface SinkRig {
  readonly sink: Sink;
  readonly house: TestHouse;
  /** The folder that survives. */
  readonly keepDir: string;
}

/** A webhook sink whose outbox delivers to `url`. */
export async function openWebhook(
  t: TestContext,
  dir: string,
  settings: Readonly<Record<string, unknown>>,
  { clock = systemClock, log = silentLog, run = true }: { clock?: Clock; log?: Log; run?: boolean } = {},
): Promise<SinkRig> {
  const keepDir = join(dir, "outbox");
  const preset = settings["preset"] ?? "standard";
  const sink = await webhook.create(
    webhook.config.parse({
      allow_private: true,
      spacing: "0s",
      ...(preset === "standard" ? { secrets: [SECRET] } : {}),
      ...settings,
    }),
    { name: "chat", log, clock, cacheDir: join(dir, "cache"), keepDir } as Parameters<typeof webhook.create>[1],
  );
  const house = new TestHouse();
  if (run) void sink.outbox?.run(house, new AbortController().signal);
  t.after(() => sink.close?.());
  return { sink, house, keepDir };
}

/** Waits until something holds, at most a minute. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await pause(5);
  }
}
