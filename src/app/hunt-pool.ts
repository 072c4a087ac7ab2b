import type { GateTables } from "../intel/gate-memory.ts";
import type { SharedKeys } from "../intel/sketch.ts";
import { Change } from "../lib/change.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { HitsWanted, HuntHit, JudgedScan, JudgedStep } from "../pipeline/hunt-hits.ts";
import type { SketchesPlace } from "../store/sketch.ts";
import type { TimeWindow } from "./hunt-files.ts";
import type { FileToRead, HuntReader } from "./hunt-reading.ts";
import { entryOf, ScanThread, warningsTo } from "./hunt-scan-thread.ts";
import type { Judging } from "./judging.ts";
import type { SharedGeneration } from "./match-wire.ts";

/** What a thread is started with. */
export interface HuntPoolSetup {
  readonly key: Uint8Array;
  readonly generation: SharedGeneration;
  readonly judging: Judging;
  /** Absent where the kernel cannot run. */
  readonly tables: GateTables | undefined;
  readonly keys: SharedKeys | undefined;
  readonly newSince: number | undefined;
  readonly window: TimeWindow;
  readonly hits: HitsWanted;
  readonly sketches: SketchesPlace | undefined;
  readonly sketching: boolean;
}

export interface HuntPoolOptions {
  readonly setup: HuntPoolSetup;
  readonly threads: number;
  /** Parts of one file follow each other. */
  readonly files: readonly FileToRead[];
  readonly log: Log;
  readonly signal: AbortSignal;
  /** For tests: another entry than the product's, and what may be held for later. */
  readonly entry?: URL | undefined;
  readonly heldBytes?: number | undefined;
}

/** A thread died over a file, or there is none to read it: what was given counts, the rest must be read otherwise. */
export class ScanLost extends Error {}

/** What all threads together have found before its turn came, about; the file whose turn it is goes on whatever is held. */
const HELD_BYTES = 64 * 1024 * 1024;
/** Steps of the file whose turn it is that are held in any case: one is taken, one is ready. */
const TURN_STEPS = 2;
/** Nearly all of what matching makes dies at once. */
const YOUNG_MEGABYTES = 32;

/**
 * Reads files in threads, each one file or part at a time in the order in which they will be asked for, ahead of whoever asks. What is
 * found meanwhile is held, up to a bound: then only the file goes on whose turn it is.
 */
export class HuntPool implements HuntReader {
  readonly #threads: readonly ScanThread<FileToRead, JudgedStep>[];
  readonly #tasks: readonly Task[];
  readonly #byPath = new Map<string, Task[]>();
  readonly #log: Log;
  readonly #mostHeld: number;
  readonly #signal: AbortSignal;
  readonly #change = new Change();
  #next = 0;
  /** Tasks before this one are behind whoever asks. */
  #passed = 0;
  #turn: Task | undefined;
  #held = 0;
  #closed = false;

  constructor({ setup, threads, files, log, signal, entry, heldBytes = HELD_BYTES }: HuntPoolOptions) {
    this.#log = log;
    this.#mostHeld = heldBytes;
    this.#signal = signal;
    this.#tasks = files.map((file) => new Task(file));
    for (const task of this.#tasks) {
      const { path } = task.file.target;
      const parts = this.#byPath.get(path);
      if (parts === undefined) this.#byPath.set(path, [task]);
      else parts.push(task);
    }
    const limits = { maxYoungGenerationSizeMb: YOUNG_MEGABYTES };
    const onWarning = warningsTo(log);
    this.#threads = Array.from(
      { length: Math.min(threads, files.length) },
      () => new ScanThread<FileToRead, JudgedStep>(entry ?? entryOf("hunt-pool-worker"), setup, { limits, onWarning }),
    );
    signal.addEventListener("abort", () => this.#change.happened(), { once: true });
    let working = this.#threads.length;
    for (const thread of this.#threads)
      void this.#work(thread).finally(() => {
        if (--working === 0) this.#abandon();
      });
  }

  /** All parts of a file that was announced, one after the other. */
  open({ target: { path } }: Pick<FileToRead, "target">): JudgedScan {
    const tasks = this.#byPath.get(path) ?? [];
    if (tasks[0] !== undefined) this.#passOver(tasks[0]);
    return {
      run: () => this.#run(tasks),
      flush: () => flush(tasks),
    };
  }

  /** What is under way comes to nothing. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#change.happened();
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  async *#run(tasks: readonly Task[]): AsyncGenerator<JudgedStep> {
    try {
      for (const task of tasks) {
        this.#turn = task;
        this.#change.happened();
        yield* this.#stepsOf(task, tasks.length > 1);
        // What is held of later parts lies behind a gap that nobody has read.
        if (this.#signal.aborted) return;
      }
    } finally {
      // Else what was sketched last could not be gone on with.
      if (this.#signal.aborted) await flush(tasks);
      for (const task of tasks) this.#drop(task);
    }
  }

  async *#stepsOf(task: Task, isPart: boolean): AsyncGenerator<JudgedStep> {
    for (;;) {
      const step = task.steps.shift();
      if (step !== undefined) {
        this.#held -= sizeOf(step);
        this.#change.happened();
        yield step;
      } else if (task.state === "done" || this.#signal.aborted) return;
      else if (task.state === "failed") {
        // What a part met may look otherwise to who reads the whole.
        if (isPart || task.failure === undefined) throw new ScanLost(task.failure?.message ?? "no thread reads it");
        throw task.failure;
      } else await this.#change.next();
    }
  }

  /** One file after the other, until there is none or the thread dies. */
  async #work(thread: ScanThread<FileToRead, JudgedStep>): Promise<void> {
    for (let task = this.#tasks[this.#next]; task !== undefined; task = this.#tasks[this.#next]) {
      if (this.#closed || thread.failed) return;
      this.#next++;
      if (task.state === "waiting") await this.#read(task, thread);
    }
  }

  async #read(task: Task, thread: ScanThread<FileToRead, JudgedStep>): Promise<void> {
    task.state = "reading";
    task.scan = thread.scan(task.file);
    try {
      for await (const step of task.scan.run()) {
        if (task.isDropped || this.#closed) break;
        task.steps.push(step);
        this.#held += sizeOf(step);
        this.#change.happened();
        while (this.#mustWait(task)) await this.#change.next();
      }
      task.state = "done";
    } catch (thrown) {
      task.state = "failed";
      if (!thread.failed) task.failure = asError(thrown);
      else if (!this.#closed)
        this.#log.warn("a thread that hunts died; what it read is read in the main one", {
          path: task.file.target.path,
          error: asError(thrown),
        });
    }
    this.#change.happened();
  }

  #mustWait(task: Task): boolean {
    if (this.#closed || task.isDropped || this.#held < this.#mostHeld) return false;
    return task !== this.#turn || task.steps.length >= TURN_STEPS;
  }

  /** Files before this one that nobody asked for will not be: what is held of them must not hold up the others. */
  #passOver(opened: Task): void {
    const at = this.#tasks.indexOf(opened, this.#passed);
    for (; this.#passed < at; this.#passed++) this.#drop(this.#tasks[this.#passed] as Task);
  }

  /** Nobody waits for it any more. */
  #drop(task: Task): void {
    task.isDropped = true;
    for (const step of task.steps.splice(0)) this.#held -= sizeOf(step);
    if (task.state === "waiting") task.state = "done";
    this.#change.happened();
  }

  /** There is no thread left. */
  #abandon(): void {
    for (const task of this.#tasks) if (task.state === "waiting") task.state = "failed";
    this.#change.happened();
  }
}

/** A file or part, as far as it has been read. */
class Task {
  readonly file: FileToRead;
  readonly steps: JudgedStep[] = [];
  state: "waiting" | "reading" | "done" | "failed" = "waiting";
  scan: { run(): AsyncGenerator<JudgedStep>; flush(): Promise<void> } | undefined;
  /** Why the file could not be read on; absent: the thread died, or there is none. */
  failure: Error | undefined;
  isDropped = false;

  constructor(file: FileToRead) {
    this.file = file;
  }
}

async function flush(tasks: readonly Task[]): Promise<void> {
  await tasks.find(({ state }) => state === "reading")?.scan?.flush();
}

/** Of a step beside its findings, and of a finding beside its alert, about. */
const STEP_BYTES = 512;
const HIT_BYTES = 1024;

function sizeOf({ hits }: JudgedStep): number {
  const sizeOfHit = ({ line = "", finding }: HuntHit) => HIT_BYTES + line.length + 2 * (finding?.alert.raw.length ?? 0);
  return hits.reduce((sum, hit) => sum + sizeOfHit(hit), STEP_BYTES);
}
