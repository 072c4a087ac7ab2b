import { randomBytes } from "node:crypto";
import { TiplineError } from "../lib/errors.ts";
import { type Finding, isRedacted } from "../model/finding.ts";
import { openEnvironment } from "./environment.ts";
import { roomFor } from "./file-room.ts";
import { jsonOf } from "./finding-cache.ts";
import { forgetOldest, retire } from "./outbox-done.ts";
import {
  type Entry,
  encodeRow,
  entriesOf,
  findingsOf,
  messageOf,
  type OutboxMessage,
  type OutboxMeta,
  type OutboxTables,
  openMessages,
  openOutboxTables,
  outboxMeta,
  putMessage,
  putMeta,
  seenKey,
} from "./outbox-tables.ts";
import { Writer } from "./writer.ts";

/** How findings are gathered into messages. */
export interface Grouping {
  /** How long a group that had its notice is quiet, and how often there may be a digest. */
  readonly windowMs: number;
  /** Notices in a window, and notices that wait, at most. */
  readonly maxNotices: number;
  /** Findings that wait, in bytes; beyond it nothing more is taken. */
  readonly maxBytes: number;
}

/** A finding with the group that it belongs to: equal keys are one matter to the receiver. */
export interface Grouped {
  readonly finding: Finding;
  readonly key: string;
  /** The group, for people. */
  readonly label: string;
}

/** Findings that one notice takes before it is first tried; those after them are the digest's. */
const NOTICE_FINDINGS = 100;

/**
 * Findings on their way to a receiver, gathered into messages: a notice for a group of which there was none in this window, and
 * one digest a window for all others. A finding is in one message, however often it is added. Every change is on disk when its
 * promise resolves, whole or not at all.
 */
export class Outbox {
  readonly tables: OutboxTables;
  readonly #writer: Writer;
  readonly #grouping: Grouping;
  #closed = false;

  constructor(dir: string, grouping: Grouping) {
    this.tables = openOutboxTables(openEnvironment(dir));
    this.#grouping = grouping;
    this.#writer = new Writer(this.tables.environment, () => undefined);
    outboxMeta(this.tables);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get meta(): OutboxMeta {
    return outboxMeta(this.tables);
  }

  /** How many, from the first, are in the outbox now; fewer than all when it is full. */
  add(batch: readonly Grouped[], now: number): Promise<number> {
    return this.#write(
      () => {
        let meta = this.#turned(outboxMeta(this.tables), now);
        let taken = 0;
        for (const grouped of batch) {
          const { id } = grouped.finding;
          if (this.tables.seen.get(seenKey(id)) === undefined) {
            const bytes = jsonOf(grouped.finding);
            if (meta.findings > 0 && meta.bytes + bytes.length > this.#grouping.maxBytes) break;
            meta = this.#place(grouped, bytes, meta, now);
          }
          taken += 1;
        }
        putMeta(this.tables, meta);
        return taken;
      },
      batch.reduce((sum, { finding }) => sum + roomFor(jsonOf(finding).length), 0),
    );
  }

  /** Ends a window whose time is over: its digest may go out. */
  async turn(now: number): Promise<void> {
    const { window, gathering } = this.meta;
    if (!this.#isOver(window, now)) return;
    if (window === undefined && gathering === undefined) return;
    await this.#write(() => putMeta(this.tables, this.#turned(outboxMeta(this.tables), now)));
  }

  /** When the present window ends; undefined when none is open. */
  windowEnd(): number | undefined {
    const { window } = this.meta;
    return window === undefined ? undefined : window.start + this.#grouping.windowMs;
  }

  /** The message whose turn it is, due or not. */
  next(): OutboxMessage | undefined {
    return openMessages(this.tables)
      .filter(({ state }) => state === "waits")
      .sort((a, b) => a.nextAt - b.nextAt)[0];
  }

  message(id: string): OutboxMessage | undefined {
    return messageOf(this.tables, id);
  }

  entries(id: string, from?: number, end?: number): Entry[] {
    return entriesOf(this.tables, id, from, end);
  }

  /** Findings of the entries `from` to `end` (exclusive). */
  findings(id: string, from = 0, end = Number.MAX_SAFE_INTEGER): Finding[] {
    return findingsOf(this.tables, id, from, end);
  }

  /** Before its parts are made: from now on it takes no more findings. */
  fix(id: string): Promise<OutboxMessage | undefined> {
    return this.#change(id, (message) => ({ ...message, fixed: true }));
  }

  /** Before its first attempt: from now on it stays as it is. */
  freeze(id: string, made: Pick<OutboxMessage, "ends" | "summary">): Promise<OutboxMessage | undefined> {
    return this.#change(id, (message) => (message.ends === undefined ? { ...message, ...made, fixed: true } : message));
  }

  /** The receiver took the part that was next. */
  delivered(id: string, now: number): Promise<void> {
    return this.#write(() => {
      const message = messageOf(this.tables, id);
      if (message === undefined) return;
      const { lastError: _, ...rest } = message;
      const further = { ...rest, taken: message.taken + 1, attempts: 0, nextAt: now };
      const meta = { ...outboxMeta(this.tables), pausedUntil: 0, throttles: 0 };
      putMeta(this.tables, meta);
      if (further.taken < (message.ends?.length ?? 1)) putMessage(this.tables, further);
      else retire(this.tables, { ...further, state: "delivered", endedAt: now });
      forgetOldest(this.tables);
    });
  }

  /** An attempt failed. `pauseUntil`: the receiver asked for patience with everything. */
  failed(id: string, failure: { readonly nextAt: number; readonly error: string; readonly pauseUntil?: number }) {
    return this.#change(id, (message) => {
      const { nextAt, error, pauseUntil } = failure;
      const meta = outboxMeta(this.tables);
      if (pauseUntil !== undefined)
        putMeta(this.tables, {
          ...meta,
          pausedUntil: Math.max(meta.pausedUntil, pauseUntil),
          throttles: meta.throttles + 1,
        });
      return { ...message, attempts: message.attempts + 1, nextAt, lastError: error };
    });
  }

  /** Takes what is left of a message out, when it is in the dead letter: its findings may be added again. */
  givenUp(id: string, { from, end }: { readonly from: number; readonly end: number }, now: number): Promise<void> {
    return this.#write(() => {
      const message = messageOf(this.tables, id);
      if (message === undefined) return;
      const lost = entriesOf(this.tables, id, from, end);
      for (const entry of lost) this.tables.seen.removeSync(seenKey(entry.id));
      retire(this.tables, { ...message, state: "given_up", endedAt: now });
      const meta = outboxMeta(this.tables);
      putMeta(this.tables, {
        ...meta,
        givenUp: { findings: (meta.givenUp?.findings ?? 0) + lost.length, at: now },
      });
      forgetOldest(this.tables);
    });
  }

  disable(reason: string, receiver: string, now: number): Promise<void> {
    return this.#write(() =>
      putMeta(this.tables, { ...outboxMeta(this.tables), disabled: { since: now, reason, receiver } }),
    );
  }

  /** Whatever waits is due at once, also where the receiver was not disabled; then it gives false. */
  enable(now: number): Promise<boolean> {
    return this.#write(() => {
      const { disabled, ...meta } = outboxMeta(this.tables);
      putMeta(this.tables, { ...meta, pausedUntil: 0, throttles: 0 });
      for (const message of openMessages(this.tables)) {
        const attempts = disabled === undefined ? message.attempts : 0;
        putMessage(this.tables, { ...message, attempts, nextAt: Math.min(message.nextAt, now) });
      }
      return disabled !== undefined;
    });
  }

  /** After a clock that was set back, nothing must wait for the time it had. */
  notAfter(latest: number): Promise<void> {
    return this.#write(() => {
      const meta = outboxMeta(this.tables);
      if (meta.pausedUntil > latest) putMeta(this.tables, { ...meta, pausedUntil: latest });
      for (const message of openMessages(this.tables))
        if (message.nextAt > latest) putMessage(this.tables, { ...message, nextAt: latest });
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#writer.flush();
    this.#closed = true;
    await this.tables.environment.close();
  }

  #write<T>(change: () => T, bytes = 0): Promise<T> {
    if (this.#closed) return Promise.reject(new TiplineError("TIP_INTERNAL", "the outbox is closed"));
    return this.#writer.write(change, { bytes });
  }

  #change(id: string, change: (message: OutboxMessage) => OutboxMessage): Promise<OutboxMessage | undefined> {
    return this.#write(() => {
      const message = messageOf(this.tables, id);
      if (message === undefined) return undefined;
      const changed = change(message);
      putMessage(this.tables, changed);
      return changed;
    });
  }

  #isOver(window: OutboxMeta["window"], now: number): boolean {
    // Before its own start: the clock was set back.
    return window === undefined || now >= window.start + this.#grouping.windowMs || now < window.start;
  }

  /** Within a transaction: the state after a window that is over. */
  #turned(meta: OutboxMeta, now: number): OutboxMeta {
    if (meta.window === undefined || !this.#isOver(meta.window, now)) return meta;
    const { window: _, gathering, ...rest } = meta;
    const waiting = new Set(openMessages(this.tables).map(({ id }) => id));
    for (const { key, value } of [...this.tables.keys.getRange()])
      if (!waiting.has(value.toString("utf8"))) this.tables.keys.removeSync(key);
    if (gathering === undefined) return rest;
    const digest = messageOf(this.tables, gathering);
    if (digest === undefined) return rest;
    // One digest at a time: while the last one waits, this one takes the next window's findings as well.
    if (openMessages(this.tables).some(({ kind, state }) => kind === "digest" && state === "waits"))
      return { ...rest, gathering, window: { start: now, notices: 0 } };
    putMessage(this.tables, { ...digest, state: "waits", nextAt: now });
    return rest;
  }

  /** Within a transaction: puts a finding where it belongs. */
  #place({ finding, key, label }: Grouped, bytes: Buffer, before: OutboxMeta, now: number): OutboxMeta {
    const window = before.window ?? { start: now, notices: 0 };
    let meta: OutboxMeta = { ...before, window };
    let target = this.#noticeFor(key);
    if (target === "another") target = undefined;
    else if (target === undefined && this.#mayNotify(window)) {
      target = this.#newMessage("notice", now);
      this.tables.keys.putSync(key, Buffer.from(target.id, "utf8"));
      meta = { ...meta, window: { ...window, notices: window.notices + 1 } };
    }
    if (target === undefined) {
      const open = meta.gathering === undefined ? undefined : messageOf(this.tables, meta.gathering);
      target = open ?? this.#newMessage("digest", now);
      meta = { ...meta, gathering: target.id };
    }
    const score = isRedacted(finding) ? 0 : finding.score;
    const entry: Entry = { id: finding.id, key, label, score, time: finding.alert.time };
    this.tables.findings.putSync([target.id, target.count], bytes);
    this.tables.entries.putSync([target.id, target.count], encodeRow(entry));
    this.tables.seen.putSync(seenKey(finding.id), Buffer.from(target.id, "utf8"));
    putMessage(this.tables, { ...target, count: target.count + 1, bytes: target.bytes + bytes.length });
    return { ...meta, findings: meta.findings + 1, bytes: meta.bytes + bytes.length };
  }

  /** The notice that takes a finding of the group; `another`: there was one in this window (or it waits), and it takes no more. */
  #noticeFor(key: string): OutboxMessage | "another" | undefined {
    const id = this.tables.keys.get(key)?.toString("utf8");
    if (id === undefined) return undefined;
    const message = messageOf(this.tables, id);
    return message !== undefined && message.fixed === undefined && message.count < NOTICE_FINDINGS
      ? message
      : "another";
  }

  #mayNotify({ notices }: { readonly notices: number }): boolean {
    const { maxNotices } = this.#grouping;
    if (notices >= maxNotices) return false;
    return openMessages(this.tables).filter(({ kind }) => kind === "notice").length < maxNotices;
  }

  #newMessage(kind: OutboxMessage["kind"], now: number): OutboxMessage {
    return {
      id: `${kind.slice(0, 1)}${now.toString(36)}${randomBytes(5).toString("hex")}`,
      kind,
      state: kind === "notice" ? "waits" : "gathers",
      createdAt: now,
      count: 0,
      bytes: 0,
      attempts: 0,
      nextAt: now,
      taken: 0,
    };
  }
}
