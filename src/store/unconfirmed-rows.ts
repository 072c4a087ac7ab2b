import type { Table } from "./environment.ts";
import type { Mirror } from "./mirror.ts";

/** A finding that was sent and is to be seen again. It stays in `out`: written twice, it would be most of what a journal writes. */
export interface Sent {
  readonly id: string;
  /** Of the entry in `out`, and what it counts for. */
  readonly seq: number;
  readonly bytes: number;
}

/** One sending. */
export interface Sending {
  /** How often its findings were sent. */
  readonly attempts: number;
  /** Epoch milliseconds. */
  readonly sentAt: number;
}

interface Row extends Sending {
  readonly number: number;
  /** Few, and mostly seen again in their order: a Map for each row would be half of what they take. */
  readonly sent: Sent[];
}

/** Rows are in the order of their sending. */
interface SinkRows {
  next: number;
  bytes: number;
  readonly rows: Map<number, Row>;
  readonly byId: Map<string, Row>;
}

/** A row on disk. */
interface Stored extends Sending {
  readonly sent: readonly (readonly [id: string, seq: number, bytes: number])[];
}

/** A row is written anew when some of it was seen again, so that it must not be long. */
const MOST_IN_ROW = 128;

/**
 * The table `unconfirmed`: `[sink, n]` → findings that were sent together. One row for all of them, and which finding is in which row known in memory
 * only: a row and its indexes for each would be most of what a transaction touches. About 250 bytes of memory a finding.
 */
export class UnconfirmedRows implements Mirror {
  readonly #table: Table;
  readonly #decode: (bytes: Uint8Array, what: string) => Stored;
  readonly #sinks = new Map<string, SinkRows>();
  /** How many sinks await an entry of `out`. */
  readonly #kept = new Map<number, number>();
  #changed = new Map<Row, string>();
  #loaded = false;

  constructor(table: Table, decode: (bytes: Uint8Array, what: string) => object) {
    this.#table = table;
    this.#decode = decode as (bytes: Uint8Array, what: string) => Stored;
  }

  /** Whether some sink awaits the entry of `out`. */
  keeps(seq: number): boolean {
    this.#load();
    return this.#kept.has(seq);
  }

  /** Findings of a sink, and bytes of them. */
  counts(sink: string): { readonly count: number; readonly bytes: number } {
    const { byId, bytes } = this.#of(sink);
    return { count: byId.size, bytes };
  }

  /** Oldest sending first. */
  *list(sink: string): Generator<Sent & Sending> {
    for (const { sent, attempts, sentAt } of this.#of(sink).rows.values())
      for (const each of sent) yield { ...each, attempts, sentAt };
  }

  /** Within a transaction: findings that are not awaited yet. */
  add(sink: string, sent: readonly Sent[], sending: Sending): void {
    const rows = this.#of(sink);
    for (let first = 0; first < sent.length; first += MOST_IN_ROW)
      this.#addRow(sink, rows, sent.slice(first, first + MOST_IN_ROW), sending);
  }

  /** Within a transaction: takes a finding out; undefined when it is not awaited. */
  take(sink: string, id: string): (Sent & Sending) | undefined {
    const rows = this.#of(sink);
    const row = rows.byId.get(id);
    const at = row?.sent.findIndex((each) => each.id === id) ?? -1;
    const sent = row?.sent[at];
    if (row === undefined || sent === undefined) return undefined;
    row.sent.splice(at, 1);
    rows.byId.delete(id);
    rows.bytes -= sent.bytes;
    const left = (this.#kept.get(sent.seq) ?? 1) - 1;
    if (left === 0) this.#kept.delete(sent.seq);
    else this.#kept.set(sent.seq, left);
    this.#changed.set(row, sink);
    return { ...sent, attempts: row.attempts, sentAt: row.sentAt };
  }

  begin(): void {
    this.#load();
  }

  flush(): void {
    for (const [row, sink] of this.#changed) {
      const { number, attempts, sentAt, sent } = row;
      if (sent.length === 0) {
        this.#table.removeSync([sink, number]);
        this.#of(sink).rows.delete(number);
        continue;
      }
      const stored: Stored = {
        attempts,
        sentAt,
        sent: sent.map(({ id, seq, bytes }) => [id, seq, bytes]),
      };
      this.#table.putSync([sink, number], Buffer.from(JSON.stringify(stored), "utf8"));
    }
    this.#changed = new Map();
  }

  commit(): void {
    // What is held is so already.
  }

  forget(): void {
    this.#sinks.clear();
    this.#kept.clear();
    this.#changed = new Map();
    this.#loaded = false;
  }

  #addRow(sink: string, rows: SinkRows, sent: readonly Sent[], sending: Sending): void {
    const row: Row = { ...sending, number: rows.next++, sent: [] };
    this.#hold(rows, row, sent);
    this.#changed.set(row, sink);
  }

  #hold(rows: SinkRows, row: Row, sent: readonly Sent[]): void {
    for (const each of sent) {
      row.sent.push(each);
      rows.byId.set(each.id, row);
      rows.bytes += each.bytes;
      this.#kept.set(each.seq, (this.#kept.get(each.seq) ?? 0) + 1);
    }
    rows.rows.set(row.number, row);
  }

  #of(sink: string): SinkRows {
    this.#load();
    let rows = this.#sinks.get(sink);
    if (rows === undefined) {
      rows = { next: 1, bytes: 0, rows: new Map(), byId: new Map() };
      this.#sinks.set(sink, rows);
    }
    return rows;
  }

  #load(): void {
    if (this.#loaded) return;
    this.#loaded = true;
    try {
      this.#readAll();
    } catch (thrown) {
      // Half of it would be taken for the whole.
      this.forget();
      throw thrown;
    }
  }

  #readAll(): void {
    for (const { key, value } of this.#table.getRange()) {
      const [sink, number] = key as [string, number];
      const { attempts, sentAt, sent } = this.#decode(value, `unconfirmed ${String(key)}`);
      const rows = this.#of(sink);
      rows.next = number + 1;
      this.#hold(
        rows,
        { number, attempts, sentAt, sent: [] },
        sent.map(([id, seq, bytes]) => ({ id, seq, bytes })),
      );
    }
  }
}
