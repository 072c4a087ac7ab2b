import { type ElementGroup, ListSlicer, parseGroup, type SliceOptions } from "../lib/json-slicer.ts";
import { OrderedRoom, type Place } from "../lib/ordered-room.ts";
import type { EventContext } from "../model/indicator.ts";
import { type JsonValue, text } from "../model/json.ts";
import { type AttributeOptions, type Collected, newCollection, readAttribute } from "./misp-attribute.ts";
import { createReportFilter, type FilterRules } from "./report-filter.ts";

/** What is wanted of an answer's rows. Plain data: it may go to another thread. */
export interface WantedRows {
  /** By MISP's event id; rows of other events are dropped. */
  readonly events: ReadonlyMap<string, EventContext>;
  /** Name of the configured feed. */
  readonly feed: string;
  readonly toIdsOnly: boolean;
  readonly filters: FilterRules;
  /** Epoch milliseconds; what ages are counted from. */
  readonly now: number;
}

/** A few dozen rows, read. */
export interface RowBatch extends Collected {
  /** UUIDs of the events that rows came of, in the order of their first row. */
  readonly events: readonly string[];
}

/** One answer. Its bytes are kept as they came until it is read: parsed they would take many times as much memory. */
export interface AnswerRows {
  /** Takes the next bytes of the answer. A promise: there is no room for more until then. */
  take(chunk: Buffer): Promise<void> | undefined;
  /** The answer has ended: how many rows it has. Rejects with RemoteError when it is not what was expected. */
  end(): Promise<number>;
  /** Reads the rows, once. Rejects with RemoteError for what is not JSON. */
  read(wanted: WantedRows): AsyncIterable<RowBatch>;
  /** Nobody will read it. */
  drop(): void;
}

/** Where answers are read: in this thread or in one of their own. */
export interface RowReader {
  /** A place for answers that are read after those of all earlier places; to be left when they have been read. */
  join(): Place;
  open(slices: SliceOptions, place: Place): AnswerRows;
  close(): Promise<void>;
}

/** An answer in this thread. */
export class Answer {
  readonly #slicer: ListSlicer;
  readonly #name: string;
  #groups: ElementGroup[] = [];

  constructor(slices: SliceOptions) {
    this.#slicer = new ListSlicer(slices);
    this.#name = slices.name;
  }

  /** True: the chunk is held on to until the batch has been read that rows of it are in; each such chunk makes one batch. */
  take(chunk: Buffer): boolean {
    const group = this.#slicer.feed(chunk);
    if (group !== undefined) this.#groups.push(group);
    return group !== undefined;
  }

  end(): number {
    this.#slicer.end();
    return this.#groups.reduce((sum, { count }) => sum + count, 0);
  }

  *read(wanted: WantedRows): Generator<RowBatch> {
    const filter = createReportFilter(wanted.filters, () => wanted.now);
    const options = { feed: wanted.feed, toIdsOnly: wanted.toIdsOnly, filter };
    const groups = this.#groups;
    this.#groups = [];
    for (const group of groups)
      yield readRows(parseGroup(group, this.#name) as readonly JsonValue[], wanted.events, options);
  }
}

/** Reads in this thread: for answers of some thousand rows. */
export function rowReader(): RowReader {
  // Nothing is counted: so few rows are no matter.
  const room = new OrderedRoom(0);
  return {
    join: () => room.join(),
    open(slices) {
      const answer = new Answer(slices);
      return {
        take(chunk) {
          answer.take(chunk);
          return undefined;
        },
        end: async () => answer.end(),
        async *read(wanted) {
          yield* answer.read(wanted);
        },
        drop: () => undefined,
      };
    },
    close: async () => undefined,
  };
}

function readRows(rows: readonly JsonValue[], contexts: WantedRows["events"], options: AttributeOptions): RowBatch {
  const into = newCollection();
  const events = new Set<string>();
  for (const row of rows) {
    const context = contexts.get(text(row, "event_id") ?? "");
    if (context === undefined) continue;
    events.add(context.uuid);
    readAttribute(row, context, options, into);
  }
  return Object.assign(into, { events: [...events] });
}
