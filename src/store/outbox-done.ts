import type { Finding } from "../model/finding.ts";
import { openEnvironment } from "./environment.ts";
import {
  decodeRow,
  encodeRow,
  entriesOf,
  findingsOf,
  type OutboxMessage,
  type OutboxTables,
  openMessages,
  openOutboxTables,
  outboxMeta,
  putMeta,
  seenKey,
} from "./outbox-tables.ts";

/** Entries kept of messages that are done: what was in a digest can be looked up, and a finding read again is known. */
const KEPT_ENTRIES = 200_000;

/** Within a transaction: a message that does no more leaves its findings behind and keeps its entries. */
export function retire(tables: OutboxTables, message: OutboxMessage): void {
  for (const key of [
    ...tables.findings.getKeys({ start: [message.id, 0], end: [message.id, Number.MAX_SAFE_INTEGER] }),
  ])
    tables.findings.removeSync(key);
  tables.messages.removeSync(message.id);
  const meta = outboxMeta(tables);
  tables.done.putSync(meta.nextDone, encodeRow(message));
  putMeta(tables, {
    ...meta,
    findings: meta.findings - message.count,
    bytes: meta.bytes - message.bytes,
    kept: meta.kept + message.count,
    nextDone: meta.nextDone + 1,
  });
}

/** Within a transaction: forgets the oldest messages that are done, beyond the bound. */
export function forgetOldest(tables: OutboxTables, most = KEPT_ENTRIES): void {
  const meta = outboxMeta(tables);
  let { kept } = meta;
  if (kept <= most) return;
  for (const { key: number, value } of [...tables.done.getRange({ limit: 1000 })]) {
    if (kept <= most) break;
    const message = decodeRow<OutboxMessage>(tables, value, `message ${String(number)}`);
    for (const [n, { id }] of entriesOf(tables, message.id).entries()) {
      const key = seenKey(id);
      if (tables.seen.get(key)?.toString("utf8") === message.id) tables.seen.removeSync(key);
      tables.entries.removeSync([message.id, n]);
    }
    tables.done.removeSync(number);
    kept -= message.count;
  }
  putMeta(tables, { ...meta, kept });
}

const CHUNK = 200;

/** Hands over everything that an outbox nobody delivers any more still has, in lots with stable names; gives the count. */
export async function emptyOutbox(
  dir: string,
  take: (lot: string, findings: readonly Finding[]) => Promise<void>,
): Promise<number> {
  const environment = openEnvironment(dir);
  try {
    const tables = openOutboxTables(environment);
    let total = 0;
    for (const { id, count, ends = [], taken } of openMessages(tables)) {
      // What no part lists went with the first one.
      const from = ends[taken - 1] ?? 0;
      const end = taken === 0 ? count : (ends.at(-1) ?? count);
      for (let at = from; at < end; at += CHUNK) {
        const findings = findingsOf(tables, id, at, Math.min(at + CHUNK, end));
        await take(`${id}:${at}`, findings);
        total += findings.length;
      }
    }
    return total;
  } finally {
    await environment.close();
  }
}
