import { setImmediate as pause } from "node:timers/promises";
import type { ContextWriter } from "./contexts.ts";
import { findRow, orderOfPairs, words } from "./numbers.ts";
import { encodeGroup, readHead } from "./records.ts";
import { EVENT_ROW } from "./segment.ts";

/** Columns of the reports of a segment: hash of the indicator, reference, number of the type. */
export interface ReportColumns {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly ref: Uint32Array;
  readonly type: Uint8Array;
}

/** One entry per indicator. */
export interface Groups {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  /** Of the only report, or of the list of reports. */
  readonly ref: Uint32Array;
  readonly reports: number;
  /** Indicators by number of the type. */
  readonly byType: readonly number[];
}

/** Longest list: its record must stay readable. */
const MOST_LISTED = 1_000_000;
/** Entries between two turns of the event loop. */
const TURN = 100_000;

/**
 * Brings the reports of each indicator together. Reports of several get a list record; of a report that was added twice (same
 * indicator and attribute) only the later stays, and the count in its row of `events` goes down.
 */
export async function groupReports(
  columns: ReportColumns,
  contexts: ContextWriter,
  events: Uint32Array,
): Promise<Groups> {
  const order = orderOfPairs(columns.high, columns.low);
  await pause();
  const high = words();
  const low = words();
  const ref = words();
  const byType: number[] = [];
  let reports = 0;
  for (let from = 0, turn = 0; from < order.length; ) {
    const first = order[from] as number;
    const to = endOfGroup(columns, order, from);
    high.push(columns.high[first] as number);
    low.push(columns.low[first] as number);
    if (to - from === 1) {
      ref.push(columns.ref[first] as number);
      reports++;
    } else {
      const all = Uint32Array.from(order.subarray(from, to), (entry) => columns.ref[entry] as number);
      const refs = withoutDoubles(all, contexts, events);
      ref.push(refs.length === 1 ? (refs[0] as number) : contexts.append(encodeGroup(refs)));
      reports += refs.length;
    }
    const type = columns.type[first] as number;
    byType[type] = (byType[type] ?? 0) + 1;
    from = to;
    if (++turn % TURN === 0) await pause();
  }
  return { high: high.view(), low: low.view(), ref: ref.view(), reports, byType: Array.from(byType, (n) => n ?? 0) };
}

function endOfGroup({ high, low }: ReportColumns, order: Uint32Array, from: number): number {
  const first = order[from] as number;
  let to = from + 1;
  while (to < order.length) {
    const next = order[to] as number;
    if (high[next] !== high[first] || low[next] !== low[first]) break;
    to++;
  }
  return to;
}

function withoutDoubles(refs: Uint32Array, contexts: ContextWriter, events: Uint32Array): Uint32Array {
  const latest = new Map<string, number>();
  for (const ref of refs) {
    const { keys } = readHead(contexts.read(ref));
    const identity = keys.attribute.join();
    if (latest.has(identity)) {
      const row = findRow(events, EVENT_ROW, keys.event[0], keys.event[1]);
      events[row * EVENT_ROW + 3]!--;
    }
    latest.set(identity, ref);
  }
  return Uint32Array.from([...latest.values()].slice(-MOST_LISTED));
}
