import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { OutboxBacklog, OutboxHouse } from "../contract/outbox.ts";
import type { Sink } from "../contract/sink.ts";
import type { Clock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Finding } from "../model/finding.ts";
import { get, text } from "../model/json.ts";
import type { ControlHandler } from "../store/control.ts";
import type { StoredJournal } from "../store/journal.ts";
import { emptyOutbox } from "../store/outbox-done.ts";
import { outboxRoot } from "./components.ts";
import type { Metrics } from "./metrics.ts";

export interface OutboxParts {
  readonly stateDir: string;
  readonly sinks: readonly { readonly name: string; readonly sink: Sink }[];
  readonly journal: StoredJournal;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** The outboxes of a line's sinks. */
export interface Outboxes {
  backlogs(): ReadonlyMap<string, OutboxBacklog>;
  readonly control: Readonly<Record<string, ControlHandler>>;
  /** Begins to deliver. */
  begin(): void;
  /** Lets what is due go out, and ends. */
  close(): Promise<void>;
}

/** What an outbox of a sink that is no longer configured still has becomes dead letters, since nobody would ever deliver it. */
export async function openOutboxes(parts: OutboxParts): Promise<Outboxes> {
  const { sinks, log } = parts;
  const having = new Map(sinks.flatMap(({ name, sink }) => (sink.outbox === undefined ? [] : [[name, sink] as const])));
  await retire(parts, new Set(having.keys()));
  const stop = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  return {
    backlogs: () =>
      new Map([...having].flatMap(([name, { outbox }]) => (outbox === undefined ? [] : [[name, outbox.backlog()]]))),
    control: {
      async enable(args) {
        const name = text(get(args, "sink")) ?? "";
        const outbox = having.get(name)?.outbox;
        if (outbox === undefined) throw new TiplineError("TIP_INPUT_INVALID", `no sink ${name} with an outbox`);
        return { enabled: await outbox.enable() };
      },
    },
    begin() {
      running = Promise.all(
        [...having].map(async ([name, { outbox }]) => {
          try {
            await outbox?.run(houseFor(name, parts), stop.signal);
          } catch (thrown) {
            log.error("outbox ended", { sink: name, error: asError(thrown) });
          }
        }),
      );
    },
    async close() {
      for (const sink of having.values()) await sink.close?.();
      stop.abort();
      await running;
    },
  };
}

function houseFor(
  name: string,
  { journal, metrics, clock }: Pick<OutboxParts, "journal" | "metrics" | "clock">,
): OutboxHouse {
  return {
    async bury(lot, findings, reason) {
      await buryOnce(journal, name, lot, findings, reason, clock.now());
      metrics.deadLetters.inc({ component: name }, findings.length);
    },
    attempted: (outcome) => metrics.outboxAttempts.inc({ sink: name, outcome }),
  };
}

/** The journal knows each lot by its range, so that one that is buried again after a crash is not there twice. */
async function buryOnce(
  journal: StoredJournal,
  sink: string,
  lot: string,
  findings: readonly Finding[],
  reason: string,
  time: number,
): Promise<void> {
  await journal.commit({
    source: `outbox ${sink}`,
    range: lot,
    checkpoint: lot,
    findings: [],
    deadLetters: findings.map((finding) => ({ kind: "finding", component: sink, time, reason, finding })),
    confirmed: [],
  });
}

async function retire({ stateDir, journal, clock, log }: OutboxParts, having: ReadonlySet<string>): Promise<void> {
  const root = outboxRoot(stateDir);
  if (!existsSync(root)) return;
  const left = readdirSync(root, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !having.has(entry.name),
  );
  for (const { name } of left) {
    const reason = "the sink is no longer configured";
    const count = await emptyOutbox(join(root, name), (lot, findings) =>
      buryOnce(journal, name, lot, findings, reason, clock.now()),
    );
    rmSync(join(root, name), { recursive: true });
    if (count > 0)
      log.warn("sink is no longer configured; what its outbox had is in the dead letter", { sink: name, count });
  }
}
