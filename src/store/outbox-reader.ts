import { openEnvironment } from "./environment.ts";
import { Outbox } from "./outbox.ts";
import {
  decodeRow,
  entriesOf,
  type OutboxMessage,
  openMessages,
  openOutboxTables,
  outboxMeta,
} from "./outbox-tables.ts";

/** An outbox as it is on disk, beside a running Tipline or without one. */
export interface OutboxReader {
  /** Newest first: what gathers or waits, then what is done. */
  list(limit: number): readonly OutboxMessage[];
  /** A message by its id or that of one of its parts, with the ids of its findings in order. */
  show(id: string): { readonly message: OutboxMessage; readonly ids: readonly string[] } | undefined;
  disabled(): { readonly since: number; readonly reason: string } | undefined;
  close(): Promise<void>;
}

export function readOutbox(dir: string): OutboxReader {
  const environment = openEnvironment(dir, { readOnly: true });
  const tables = openOutboxTables(environment);
  const done = function* (): Generator<OutboxMessage> {
    for (const { value } of tables.done.getRange({ reverse: true }))
      yield decodeRow<OutboxMessage>(tables, value, "a message that is done");
  };
  return {
    list(limit) {
      const found = openMessages(tables).reverse().slice(0, limit);
      for (const message of done()) {
        if (found.length >= limit) break;
        found.push(message);
      }
      return found;
    },
    show(asked) {
      const id = asked.replace(/_\d{1,5}$/, "");
      const open = openMessages(tables).find((message) => message.id === id);
      const message = open ?? [...done()].find((one) => one.id === id);
      return message === undefined ? undefined : { message, ids: entriesOf(tables, id).map((entry) => entry.id) };
    },
    disabled: () => outboxMeta(tables).disabled,
    close: () => environment.close(),
  };
}

/** For the holder of the state lock while no line runs. */
export async function enableOutbox(dir: string, now: number): Promise<boolean> {
  const outbox = new Outbox(dir, { windowMs: 1, maxNotices: 0, maxBytes: 0 });
  try {
    return await outbox.enable(now);
  } finally {
    await outbox.close();
  }
}
