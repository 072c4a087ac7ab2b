import { type Backoff, delayMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { mutex } from "../lib/mutex.ts";
import { timeLimit } from "../lib/time-limit.ts";
import { type Closing, type LineConnection, type LineTarget, openLineConnection } from "./line-connection.ts";
import { type Frame, Unproven } from "./line-unproven.ts";
import { loadUnacknowledged } from "./send-queue.ts";

export type FramesSent =
  | { readonly status: "sent" }
  /** `taken`: how many frames, from the first, the receiver's kernel has. */
  | { readonly status: "retry"; readonly cause: Error; readonly taken: number };

export interface LineSocketOptions {
  readonly target: LineTarget;
  /** For connecting, and for one call while the receiver takes nothing. */
  readonly timeoutMs: number;
  /** Close the connection when there is nothing to send, and take the receiver's own close for the proof that it read everything. */
  readonly prove: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Messages to a receiver that acknowledges nothing, over one connection at a time.
 *
 * What is sent counts when the receiver's kernel has it. That is not yet the receiver: a process that dies leaves unread what its
 * kernel took, and the connection is reset. So the messages are kept in memory, bounded, until a close proves that the receiver read
 * to the end (a kernel that holds unread bytes resets instead of closing), and are sent again, before anything new, when the connection
 * ends in any other way. What is neither proven nor refuted is counted.
 */
export interface LineSocket {
  send(frames: readonly Frame[], signal: AbortSignal): Promise<FramesSent>;
  /** Messages so far that may be lost without anybody being able to know. */
  readonly uncertain: number;
  /** Messages so far that were sent again because the connection broke. */
  readonly resent: number;
  close(): Promise<void>;
}

/** After this long without a message the connection is closed for proof. */
const QUIET_MS = 1_000;
/** Longest wait for a proof while others wait, and at the end of the process. */
const MAX_PROOF_MS = 10_000;
const HURRY_MS = 3_000;
/** A receiver that was that slow to answer a close is not asked again for this long, unless too much waits. */
const NEXT_PROOF_MS = 60_000;
/** A close that was not answered by then never will be. */
const SILENT_MS = 600_000;
const MAX_LINGERING = 10;
const RECONNECT: Backoff = { firstMs: 1_000, maxMs: 60_000 };
const MAX_POLL_MS = 50;

export function createLineSocket(options: LineSocketOptions): LineSocket {
  return new Sender(options);
}

class Sender implements LineSocket {
  uncertain = 0;
  resent = 0;
  readonly #options: LineSocketOptions;
  readonly #lock = mutex();
  readonly #stop = new AbortController();
  #connection: LineConnection | undefined;
  /** Sent on the connection, or on one before it. */
  readonly #tail = new Unproven();
  /** Written to the connection in a call that ended before the receiver's kernel had them; the next call brings them again. */
  #inFlight: readonly Frame[] = [];
  #watching = false;
  #lastSent = 0;
  /** The receiver has shown that it reads, and nothing broke since. Until then `sent` waits for a proof. */
  #trusted = false;
  #noProofBefore = 0;
  /** Connections closed on our side alone, oldest first: a receiver that hangs may still read, or die. */
  readonly #lingering = new Set<Lingering>();
  #neverCloses = false;

  constructor(options: LineSocketOptions) {
    this.#options = options;
  }

  send(frames: readonly Frame[], signal: AbortSignal): Promise<FramesSent> {
    const stopped: FramesSent = { status: "retry", cause: new Error("stopped before anything was sent"), taken: 0 };
    if (frames.length === 0) return Promise.resolve({ status: "sent" });
    return new Promise((resolve) => {
      // A proof may hold the lock for long.
      const stop = () => resolve(stopped);
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop, { once: true });
      const work = this.#lock(async () => {
        signal.removeEventListener("abort", stop);
        return signal.aborted || this.#stop.signal.aborted ? stopped : this.#trySend(frames, signal);
      });
      void work.then(resolve);
    });
  }

  async #trySend(frames: readonly Frame[], signal: AbortSignal): Promise<FramesSent> {
    try {
      return await this.#sendAll(frames, signal);
    } catch (thrown) {
      this.#drop();
      return { status: "retry", cause: asError(thrown), taken: 0 };
    } finally {
      this.#watch();
    }
  }

  async #sendAll(frames: readonly Frame[], signal: AbortSignal): Promise<FramesSent> {
    const connection = await this.#connected(signal);
    const skipped = this.#alreadyWritten(frames);
    const end = this.#options.clock.now() + this.#options.timeoutMs;
    const progress = await this.#write(connection, frames, skipped, end, signal);
    if (connection.fault !== undefined) {
      this.#drop();
      return { status: "retry", cause: connection.fault, taken: 0 };
    }
    this.#tail.add(frames.slice(0, progress.taken));
    this.#lastSent = this.#options.clock.now();
    if (progress.taken < frames.length) return this.#unfinished(connection, frames, progress, signal);
    // What an earlier call wrote beyond these frames comes next.
    this.#inFlight = this.#inFlight.slice(frames.length);
    const wantsProof = this.#tail.isFull ? this.#canProve : !this.#trusted && this.#mayProve();
    if (wantsProof && this.#inFlight.length === 0 && !(await this.#prove(connection))) {
      // These are given again; what came before them is sent again by then.
      this.#tail.takeBack(frames.length);
      return { status: "retry", cause: unread(connection), taken: 0 };
    }
    this.uncertain += this.#tail.letGo();
    return { status: "sent" };
  }

  /** Nothing taken in all that time: the receiver hangs, or its host is gone. */
  #unfinished(
    connection: LineConnection,
    frames: readonly Frame[],
    { taken, written }: Progress,
    signal: AbortSignal,
  ): FramesSent {
    const seconds = this.#options.timeoutMs / 1000;
    if (signal.aborted) {
      this.#inFlight = frames.slice(taken, written);
      return { status: "retry", cause: new Error("stopped while sending"), taken };
    }
    if (taken > 0 || connection.unacknowledged() === 0) {
      this.#inFlight = frames.slice(taken, written);
      return {
        status: "retry",
        cause: new Error(`the receiver took ${taken} of ${frames.length} messages in ${seconds} s: it is slow`),
        taken,
      };
    }
    this.#drop();
    return {
      status: "retry",
      cause: new Error(`the receiver took nothing for ${seconds} s: it hangs, or its host is gone`),
      taken: 0,
    };
  }

  /** A live connection; on a new one what the last one left unproven has been sent again. */
  async #connected(signal: AbortSignal): Promise<LineConnection> {
    if (this.#connection !== undefined && this.#connection.fault === undefined) return this.#connection;
    this.#drop();
    const { target, timeoutMs, clock, log } = this.#options;
    const connection = await openLineConnection(target, await loadUnacknowledged(), timeoutMs, signal);
    this.#connection = connection;
    const again = this.#tail.frames;
    if (again.length === 0) return connection;
    this.#trusted = false;
    log.info("the connection broke; sending again what the receiver may not have read", { messages: again.length });
    const { taken } = await this.#write(connection, again, 0, clock.now() + timeoutMs, signal);
    if (connection.fault !== undefined) throw connection.fault;
    if (taken < again.length)
      throw new Error("the receiver did not take again what was unproven: it is slow, or hangs");
    this.resent += taken;
    return connection;
  }

  /** Frames at the start that the call before wrote to this connection. */
  #alreadyWritten(frames: readonly Frame[]): number {
    const same = this.#inFlight.slice(0, frames.length);
    if (same.every(({ key }, at) => key === frames[at]?.key)) return same.length;
    this.#inFlight = [];
    return 0;
  }

  /** Writes from frame `from` on until the receiver's kernel has all, the time is up, or the connection is over. */
  async #write(
    connection: LineConnection,
    frames: readonly Frame[],
    from: number,
    end: number,
    signal: AbortSignal,
  ): Promise<Progress> {
    let written = from;
    for (let pause = 0; ; pause = Math.min(MAX_POLL_MS, pause * 2 + 1)) {
      for (let frame = frames[written]; frame !== undefined && connection.room; frame = frames[written]) {
        connection.write(frame.bytes);
        written += 1;
        pause = 0;
      }
      // A turn of the event loop even if all is taken: a reset that is already there must be seen.
      await turn();
      await turn();
      const taken = takenOf(frames, written, connection.unacknowledged());
      if (taken === frames.length || connection.fault !== undefined) return { taken, written };
      if (signal.aborted || this.#options.clock.now() >= end) return { taken, written };
      if (pause > 0) await this.#options.clock.sleep(pause, signal);
    }
  }

  get #canProve(): boolean {
    return this.#options.prove && !this.#neverCloses;
  }

  #mayProve(): boolean {
    return this.#canProve && this.#options.clock.now() >= this.#noProofBefore;
  }

  /** Closes the connection; false when what was sent is to be sent again. */
  async #prove(connection: LineConnection): Promise<boolean> {
    const closing = connection.finish();
    const { clock, timeoutMs } = this.#options;
    const time = timeLimit(clock, Math.min(timeoutMs, MAX_PROOF_MS), this.#stop.signal, HURRY_MS);
    const outcome = await Promise.race([closing, time.up]);
    time.cancel();
    this.#connection = undefined;
    this.#inFlight = [];
    this.#trusted = outcome !== "broken";
    if (outcome === "broken") return this.#tail.length === 0;
    const frames = this.#tail.takeAll();
    if (outcome === "late") this.#linger({ connection, closing, frames });
    return true;
  }

  /** The receiver's kernel has it all, and the receiver does not close: it reads slowly, hangs, or never closes at all. */
  #linger(lingering: Lingering): void {
    const { clock, log } = this.#options;
    const messages = lingering.frames.length;
    this.#noProofBefore = clock.now() + NEXT_PROOF_MS;
    this.#lingering.add(lingering);
    const [oldest] = this.#lingering;
    if (this.#lingering.size > MAX_LINGERING && oldest !== undefined) this.#giveUp(oldest);
    log.info("the receiver has what was sent, and does not close when we do: it is slow, hangs, or never does", {
      messages,
    });
    const time = timeLimit(clock, SILENT_MS, this.#stop.signal);
    void Promise.race([lingering.closing, time.up]).then((outcome) => {
      time.cancel();
      if (this.#stop.signal.aborted || !this.#lingering.has(lingering)) return;
      if (outcome === "late") {
        this.#neverCloses = true;
        log.warn("the receiver never closes when we do: nothing can prove that it read what was sent", { messages });
        return this.#giveUp(lingering);
      }
      this.#lingering.delete(lingering);
      if (outcome === "read") this.#noProofBefore = 0;
      else this.#sendAgain(lingering.frames);
    });
  }

  #giveUp(lingering: Lingering): void {
    this.#lingering.delete(lingering);
    this.uncertain += lingering.frames.length;
    lingering.connection.destroy();
  }

  /** Over a new connection, after which nothing is as it was on the one that is open. */
  #sendAgain(frames: readonly Frame[]): void {
    void this.#lock(async () => {
      const newer = this.#tail.takeAll();
      this.#tail.add(frames);
      this.#tail.add(newer);
      this.#drop();
    }).then(() => this.#watch());
  }

  #drop(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#inFlight = [];
  }

  /** Sees to it that what waits for proof gets it, or is sent again, even if nothing new comes. */
  #watch(): void {
    if (this.#watching || this.#tail.length === 0) return;
    this.#watching = true;
    void this.#settle();
  }

  async #settle(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stop;
    for (let attempt = 0; this.#tail.length > 0; ) {
      await clock.sleep(attempt === 0 ? QUIET_MS : delayMs(RECONNECT, attempt), signal);
      if (signal.aborted) break;
      const failed = await this.#lock(() => this.#settleOnce(signal));
      attempt = failed === undefined ? 0 : attempt + 1;
      if (failed === undefined || (attempt & (attempt - 1)) !== 0) continue;
      const fields = { messages: this.#tail.length, attempt, error: failed };
      log.warn("what the receiver may not have read cannot be sent again now; trying on", fields);
    }
    this.#watching = false;
  }

  /** What went wrong, if something did. A live connection that is in use, or that cannot be proven, is left alone. */
  async #settleOnce(signal: AbortSignal): Promise<Error | undefined> {
    try {
      const connection = await this.#connected(signal);
      const inUse = this.#inFlight.length > 0 || this.#options.clock.now() - this.#lastSent < QUIET_MS;
      if (inUse || !this.#mayProve()) return undefined;
      return (await this.#prove(connection)) ? undefined : unread(connection);
    } catch (thrown) {
      this.#drop();
      return asError(thrown);
    }
  }

  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    await this.#lock(async () => {
      const time = timeLimit(this.#options.clock, HURRY_MS);
      const abort = new AbortController();
      void time.up.then(() => abort.abort());
      try {
        if (this.#tail.length > 0 && this.#canProve) await this.#prove(await this.#connected(abort.signal));
      } catch {
        // Counted below.
      }
      const closings = [...this.#lingering].map(async (lingering) => {
        if ((await lingering.closing) === "read") this.#lingering.delete(lingering);
      });
      await Promise.race([Promise.all(closings), time.up]);
      time.cancel();
      this.#drop();
      this.#countLeft();
    });
  }

  #countLeft(): void {
    const frames = [...[...this.#lingering].flatMap((lingering) => lingering.frames), ...this.#tail.takeAll()];
    for (const { connection } of this.#lingering) connection.destroy();
    this.#lingering.clear();
    if (frames.length === 0) return;
    this.uncertain += frames.length;
    const fields = { messages: frames.length, findings: frames.slice(-20).map(({ key }) => key) };
    this.#options.log.warn("stopped before it was proven that the receiver read the last messages", fields);
  }
}

interface Lingering {
  readonly connection: LineConnection;
  readonly closing: Promise<Closing>;
  readonly frames: readonly Frame[];
}

function unread({ fault }: LineConnection): Error {
  return new Error(`the receiver broke off before it had read everything: ${fault?.message}`, { cause: fault });
}

interface Progress {
  /** Frames, from the first, that the receiver's kernel has. */
  readonly taken: number;
  readonly written: number;
}

function takenOf(frames: readonly Frame[], written: number, unacknowledged: number): number {
  let taken = written;
  for (let left = unacknowledged; left > 0 && taken > 0; taken -= 1) left -= frames[taken - 1]?.bytes.length ?? 0;
  return taken;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
