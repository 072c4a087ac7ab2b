import type { Finding } from "../model/finding.ts";
import { corrupt, type Environment, type Table } from "./environment.ts";

/**
 * Tables of an outbox's environment. Everything is kept in them and nothing beside them in memory, so that a transaction that
 * fails takes its whole effect back.
 *
 * `meta`: OutboxMeta under `state` · `messages`: what waits or gathers, by id · `done`: the last ones that do no more, by number ·
 * `findings`: `[message, n]` → finding, until the message is done · `entries`: `[message, n]` → Entry · `seen`: finding id → message id ·
 * `keys`: key of a group → id of its notice, within a window
 */
export interface OutboxTables {
  readonly environment: Environment;
  readonly meta: Table;
  readonly messages: Table;
  readonly done: Table;
  readonly findings: Table;
  readonly entries: Table;
  readonly seen: Table;
  readonly keys: Table;
}

export function openOutboxTables(environment: Environment): OutboxTables {
  return {
    environment,
    meta: environment.table("meta"),
    messages: environment.table("messages"),
    done: environment.table("done"),
    findings: environment.table("findings"),
    entries: environment.table("entries"),
    seen: environment.table("seen"),
    keys: environment.table("keys"),
  };
}

/** What a digest says of a finding, and what history keeps of it. */
export interface Entry {
  readonly id: string;
  /** Key of its group. */
  readonly key: string;
  /** The group, for people. */
  readonly label: string;
  readonly score: number;
  /** Alert time, epoch milliseconds. */
  readonly time: number;
}

/** The counts of a digest, made when it is first tried. */
export interface DigestSummary {
  readonly groups: number;
  /** Most findings first. */
  readonly top: readonly { readonly label: string; readonly count: number; readonly score: number }[];
  /** Alert times, epoch milliseconds. */
  readonly from: number;
  readonly to: number;
}

/** One message to a receiver. Once it was tried it does not change, so that a repeated one is the same. */
export interface OutboxMessage {
  readonly id: string;
  /** `notice`: the findings of one group · `digest`: all that there was no notice for. */
  readonly kind: "notice" | "digest";
  readonly state: "gathers" | "waits" | "delivered" | "given_up";
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly count: number;
  readonly bytes: number;
  /** Failed attempts since something of it was last taken. */
  readonly attempts: number;
  /** Not before; epoch milliseconds. */
  readonly nextAt: number;
  /** It takes no more findings: its parts are being made, or were. */
  readonly fixed?: true;
  /** Where its parts end, as numbers of entries; set when it is first tried. Entries after the last are named nowhere but here. */
  readonly ends?: readonly number[];
  /** Parts that were taken. */
  readonly taken: number;
  readonly summary?: DigestSummary;
  readonly lastError?: string;
  readonly endedAt?: number;
}

export interface OutboxMeta {
  readonly format: 1;
  /** The present window, if one is open. */
  readonly window?: { readonly start: number; readonly notices: number };
  /** The digest that gathers. */
  readonly gathering?: string;
  readonly disabled?: { readonly since: number; readonly reason: string; readonly receiver: string };
  /** Nothing is sent before; epoch milliseconds. */
  readonly pausedUntil: number;
  /** Times in a row that the receiver asked for patience. */
  readonly throttles: number;
  /** Findings and their bytes in messages that are not done. */
  readonly findings: number;
  readonly bytes: number;
  /** Entries of messages that are done. */
  readonly kept: number;
  readonly nextDone: number;
  /** Findings given up, and when last. */
  readonly givenUp?: { readonly findings: number; readonly at: number };
}

const EMPTY: OutboxMeta = { format: 1, pausedUntil: 0, throttles: 0, findings: 0, bytes: 0, kept: 0, nextDone: 1 };

export function outboxMeta(tables: OutboxTables): OutboxMeta {
  const bytes = tables.meta.get("state");
  if (bytes === undefined) return EMPTY;
  const meta = decodeRow<OutboxMeta>(tables, bytes, "state");
  if (meta.format !== 1)
    throw corrupt(tables.environment.dir, `outbox format ${String(meta.format)}; this Tipline writes 1`);
  return meta;
}

export function putMeta(tables: OutboxTables, meta: OutboxMeta): void {
  tables.meta.putSync("state", encodeRow(meta));
}

export function messageOf(tables: OutboxTables, id: string): OutboxMessage | undefined {
  const bytes = tables.messages.get(id);
  return bytes === undefined ? undefined : decodeRow<OutboxMessage>(tables, bytes, `message ${id}`);
}

export function putMessage(tables: OutboxTables, message: OutboxMessage): void {
  tables.messages.putSync(message.id, encodeRow(message));
}

/** Messages that wait or gather, oldest first. */
export function openMessages(tables: OutboxTables): OutboxMessage[] {
  const messages = [...tables.messages.getRange()].map(({ key, value }) =>
    decodeRow<OutboxMessage>(tables, value, `message ${String(key)}`),
  );
  return messages.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

/** Entries `from` to `end` (exclusive) of a message, in order. */
export function entriesOf(tables: OutboxTables, id: string, from = 0, end = Number.MAX_SAFE_INTEGER): Entry[] {
  return [...tables.entries.getRange({ start: [id, from], end: [id, end] })].map(({ value }) =>
    decodeRow<Entry>(tables, value, `an entry of ${id}`),
  );
}

/** Findings of the entries `from` to `end` (exclusive), while their message is not done. */
export function findingsOf(tables: OutboxTables, id: string, from: number, end: number): Finding[] {
  return [...tables.findings.getRange({ start: [id, from], end: [id, end] })].map(({ value }) =>
    decodeRow<Finding>(tables, value, `a finding of ${id}`),
  );
}

export function encodeRow(value: object | string): Buffer {
  return Buffer.from(JSON.stringify(value), "utf8");
}

/** A stored value, trusted for its type (Tipline wrote it) but not for being whole. */
export function decodeRow<T>(tables: OutboxTables, bytes: Uint8Array, what: string): T {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")) as T;
  } catch (cause) {
    throw corrupt(tables.environment.dir, `${what} cannot be read`, cause);
  }
}

/** Key of `seen`. Ids are short; of one that is longer than a key may be, the head is as good as the whole. */
export function seenKey(id: string): string {
  return id.length <= 200 ? id : id.slice(0, 200);
}
