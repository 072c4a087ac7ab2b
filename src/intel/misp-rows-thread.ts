import { Worker } from "node:worker_threads";
import { asError, TiplineError } from "../lib/errors.ts";
import type { SliceOptions } from "../lib/json-slicer.ts";
import { OrderedRoom, type Place } from "../lib/ordered-room.ts";
import { RemoteError, type RemoteKind } from "../lib/remote-error.ts";
import type { AnswerRows, RowBatch, RowReader, WantedRows } from "./misp-rows.ts";
import { decodeBatch } from "./misp-rows-wire.ts";

/** To the thread, about one answer. */
export type Request = { readonly answer: number } & (
  | { readonly kind: "open"; readonly slices: SliceOptions }
  | { readonly kind: "chunk"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "end" | "drop" }
  | { readonly kind: "read"; readonly wanted: WantedRows }
);

/** From it. `done`: the last batch has been sent. */
export type Reply = { readonly answer: number } & (
  | { readonly kind: "count"; readonly rows: number }
  | { readonly kind: "batch"; readonly text: string; readonly spare: ArrayBuffer }
  | { readonly kind: "spare"; readonly spare: ArrayBuffer }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string; readonly remote: RemoteKind | undefined }
);

/** The entry as this module runs: from its source or built. */
const ENTRY = new URL(`./misp-rows-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/** Chunks of a socket are at most as large. */
const SPARE_BYTES = 64 * 1024;

/** Bytes that answers may hold until the one before them has been read; beyond that the server waits. */
const MOST_HELD = 8 * 1024 * 1024;

/** Nearly all of what it makes dies at once; a larger nursery would only be memory that is never given back. */
const YOUNG_MEGABYTES = 4;

/**
 * Reads answers in a thread of its own, so that a pull of millions of attributes leaves this one to the alerts (and takes half the
 * time where there are two processors). What answers hold that are not being read yet is bounded.
 */
export function threadedRowReader(): RowReader {
  return new ThreadedReader();
}

class ThreadedReader implements RowReader {
  readonly #worker = new Worker(ENTRY, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES } });
  readonly #room = new OrderedRoom(MOST_HELD);
  readonly #inboxes = new Map<number, Inbox>();
  /** Memory of chunks that have been read: new memory for each would be garbage faster than it is collected. */
  readonly #spares: ArrayBuffer[] = [];
  #answers = 0;
  #failure: Error | undefined;

  constructor() {
    this.#worker.on("message", (reply: Reply) => {
      const inbox = this.#inboxes.get(reply.answer);
      if ("spare" in reply) {
        inbox?.memory.give(reply.spare.byteLength);
        if (reply.spare.byteLength === SPARE_BYTES) this.#spares.push(reply.spare);
      }
      if (reply.kind !== "spare") inbox?.put(reply);
    });
    this.#worker.on("error", (thrown) => this.#fail(thrown));
    this.#worker.on("exit", () => this.#fail(new Error("it has ended")));
  }

  join(): Place {
    return this.#room.join();
  }

  open(slices: SliceOptions, place: Place): AnswerRows {
    const answer = this.#answers++;
    const memory = new Counted(place);
    const inbox = new Inbox(memory);
    this.#inboxes.set(answer, inbox);
    if (this.#failure) inbox.fail(this.#failure);
    this.#post({ answer, kind: "open", slices });
    return {
      take: (chunk) => {
        // A copy: the chunk's memory may hold what others still read.
        const bytes = this.#memory(chunk.length);
        bytes.set(chunk);
        const { byteLength } = bytes.buffer;
        this.#post({ answer, kind: "chunk", bytes }, [bytes.buffer]);
        return memory.take(byteLength);
      },
      end: async () => {
        this.#post({ answer, kind: "end" });
        const reply = await inbox.next();
        return reply.kind === "count" ? reply.rows : 0;
      },
      read: (wanted) => this.#read(answer, inbox, wanted),
      drop: () => {
        this.#close(answer, inbox);
        this.#post({ answer, kind: "drop" });
      },
    };
  }

  async *#read(answer: number, inbox: Inbox, wanted: WantedRows): AsyncGenerator<RowBatch> {
    const contexts = new Map([...wanted.events.values()].map((context) => [context.uuid, context]));
    this.#post({ answer, kind: "read", wanted });
    try {
      for (let reply = await inbox.next(); reply.kind === "batch"; reply = await inbox.next())
        yield decodeBatch(reply.text, wanted.feed, contexts);
    } finally {
      this.#close(answer, inbox);
    }
  }

  #close(answer: number, inbox: Inbox): void {
    this.#inboxes.delete(answer);
    inbox.memory.giveAll();
  }

  #memory(length: number): Uint8Array<ArrayBuffer> {
    const spare =
      length <= SPARE_BYTES ? (this.#spares.pop() ?? new ArrayBuffer(SPARE_BYTES)) : new ArrayBuffer(length);
    return new Uint8Array(spare, 0, length);
  }

  async close(): Promise<void> {
    this.#room.close();
    await this.#worker.terminate();
  }

  #post(request: Request, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #fail(thrown: unknown): void {
    const { message } = asError(thrown);
    this.#failure ??= new TiplineError("TIP_INTERNAL", `the thread that reads MISP's answers failed: ${message}`);
    for (const inbox of this.#inboxes.values()) inbox.fail(this.#failure);
  }
}

/** Memory of one answer; a place may be that of several. */
class Counted {
  readonly #place: Place;
  #bytes = 0;

  constructor(place: Place) {
    this.#place = place;
  }

  take(bytes: number): Promise<void> | undefined {
    this.#bytes += bytes;
    return this.#place.take(bytes);
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
    this.#place.give(bytes);
  }

  giveAll(): void {
    this.give(this.#bytes);
  }
}

/** Replies about one answer, in order. */
class Inbox {
  readonly memory: Counted;
  readonly #replies: Reply[] = [];
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(memory: Counted) {
    this.memory = memory;
  }

  put(reply: Reply): void {
    if (reply.kind === "failed") this.fail(errorOf(reply));
    else this.#replies.push(reply);
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  async next(): Promise<Reply> {
    for (;;) {
      const reply = this.#replies.shift();
      if (reply !== undefined) return reply;
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function errorOf({ message, remote }: Extract<Reply, { kind: "failed" }>): Error {
  return remote === undefined ? new TiplineError("TIP_INTERNAL", message) : new RemoteError(remote, message);
}
