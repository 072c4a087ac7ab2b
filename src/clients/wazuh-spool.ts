import { createHash } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { mapConcurrent } from "../lib/concurrent.ts";
import { asError, systemCode } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { FolderWatch, Wakeup } from "../lib/wakeup.ts";
import { ageMs, lookInto, readEntry, removeEntry, type SpoolEntry, type SpoolRead } from "./wazuh-spool-files.ts";

export interface SpoolOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Longest time until a new file is found where the folder cannot be watched. */
  readonly pollMs?: number;
}

export interface SpoolDelivery {
  readonly records: { readonly bytes: Buffer; readonly origin: string }[];
  readonly rejected: {
    readonly head: Buffer;
    readonly length: number;
    readonly origin: string;
    readonly reason: string;
  }[];
  readonly range: string;
  readonly checkpoint: { readonly version: 1; readonly taken: readonly string[] };
}

export interface SpoolLag {
  readonly files?: number;
  readonly bytes?: number;
  readonly seconds?: number;
  readonly trouble?: string;
}

const MOST_RECORDS = 1_000;
const MOST_BYTES = 4 * 1024 * 1024;
/** Files that may be delivered and still there: their identities are the checkpoint, which is limited to 64 KiB. */
const MOST_TAKEN = 4_000;
const AT_ONCE = 8;
/** Alerts that are remembered by name, to know the second copy of one; they come within moments of each other. */
const MOST_RECENT = 1_000;

/**
 * Drains a folder into which finished files are put, one alert each. A file is removed once its delivery is durable. Until it is
 * gone its identity stays in the checkpoint, so that neither a crash before the removal nor a file that cannot be removed brings
 * an alert twice; and nothing is judged by names or times, so that no file is lost over a clock.
 */
export class SpoolFollower {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pollMs: number;
  readonly #wakeup: Wakeup;
  readonly #watch: FolderWatch;
  /** Identities of files that were delivered and may still be there; true once their delivery is durable. */
  #taken = new Map<string, boolean>();
  /** The bytes' hash of the alerts delivered last, by the name that integratord gave their file. */
  readonly #recent = new Map<string, string>();
  readonly #filesOf = new WeakMap<object, readonly SpoolEntry[]>();
  #waiting: readonly SpoolEntry[] = [];
  #beyond = 0;
  #looked = false;
  /** The first file since the last look that could not be read. */
  #unreadable: string | undefined;
  readonly #troubles = new Map<"list" | "remove" | "full" | "read" | "odd", string>();

  constructor({ path, clock, log, pollMs = 1_000 }: SpoolOptions) {
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    this.#pollMs = pollMs;
    this.#wakeup = new Wakeup(clock);
    this.#watch = new FolderWatch(() => this.#wakeup.wake());
  }

  lag(): SpoolLag {
    const trouble = [...this.#troubles.values()][0];
    const oldest = this.#waiting[0];
    return {
      ...(this.#looked && {
        files: this.#waiting.length + this.#beyond,
        bytes: this.#waiting.reduce((sum, { size }) => sum + size, 0),
        seconds: oldest === undefined ? 0 : Math.max(0, ageMs(oldest, this.#clock.now())) / 1000,
      }),
      ...(trouble === undefined ? {} : { trouble }),
    };
  }

  async *read(checkpoint: unknown, signal: AbortSignal): AsyncGenerator<SpoolDelivery, void, undefined> {
    this.#taken = new Map(takenOf(checkpoint).map((identity) => [identity, true]));
    // What was not committed comes again.
    this.#recent.clear();
    const wake = () => this.#wakeup.wake();
    signal.addEventListener("abort", wake, { once: true });
    try {
      while (!signal.aborted) {
        await this.#look();
        let delivered = false;
        for (let left = this.#waiting; left.length > 0 && !signal.aborted; left = this.#waiting) {
          const delivery = await this.#next(signal);
          if (delivery === undefined) break;
          delivered = true;
          yield delivery;
        }
        if (!delivered && !signal.aborted) await this.#wakeup.wait(this.#pollMs);
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#watch.close();
    }
  }

  /** Never throws: a file that stays is in the checkpoint, and removed at the next look. */
  async committed(delivery: object): Promise<void> {
    const files = this.#filesOf.get(delivery) ?? [];
    for (const { identity } of files) this.#taken.set(identity, true);
    await this.#remove(files);
  }

  async #look(): Promise<void> {
    if (this.#watch.set([this.#path])) this.#log.debug("watching the spool", { path: this.#path });
    try {
      const { entries, files, odd, refusing } = await lookInto(this.#path, this.#clock.now());
      const durable = entries.filter(({ identity }) => this.#taken.get(identity) === true);
      await this.#remove(durable);
      this.#waiting = entries.filter(({ identity }) => !this.#taken.has(identity));
      this.#beyond = files - entries.length;
      this.#looked = true;
      if (this.#beyond === 0) this.#forgetGone(new Set(entries.map(({ identity }) => identity)));
      this.#trouble("list", undefined);
      if (this.#unreadable === undefined) this.#trouble("read", undefined);
      this.#unreadable = undefined;
      this.#trouble(
        "full",
        refusing ? `the disk of ${this.#path} is nearly full: the hook refuses alerts until there is room` : undefined,
      );
      this.#trouble(
        "odd",
        odd.length === 0
          ? undefined
          : `${this.#path} holds what is no regular file and is left alone: ${odd.map((name) => JSON.stringify(name)).join(", ")}`,
      );
    } catch (thrown) {
      const code = systemCode(thrown);
      if (code === undefined) throw thrown;
      this.#waiting = [];
      // A watch would stay with the folder that is no more.
      this.#watch.set([]);
      this.#trouble(
        "list",
        `the spool ${this.#path} cannot be read: ${LIST_ADVICE.get(code) ?? asError(thrown).message}`,
      );
    }
  }

  #forgetGone(there: ReadonlySet<string>): void {
    for (const identity of [...this.#taken.keys()]) if (!there.has(identity)) this.#taken.delete(identity);
  }

  /** The next files as a delivery; undefined when none of those that wait can be read now. */
  async #next(signal: AbortSignal): Promise<SpoolDelivery | undefined> {
    const batch = new Batch(this.#recent);
    const now = this.#clock.now();
    const room = Math.min(MOST_RECORDS, MOST_TAKEN - this.#taken.size);
    const candidates = fitting(this.#waiting, room);
    let looked = 0;
    const reads = mapConcurrent(candidates, AT_ONCE, async (entry) => ({ entry, read: await readEntry(entry, now) }));
    for await (const { entry, read } of reads) {
      if (signal.aborted) return undefined;
      looked += 1;
      if (read.kind === "unreadable") this.#unreadable ??= `${entry.path} cannot be read: ${read.error.message}`;
      else batch.add(entry, read);
    }
    this.#waiting = this.#waiting.slice(looked);
    if (this.#unreadable !== undefined) this.#trouble("read", this.#unreadable);
    if (batch.files.length > 0) return this.#deliver(batch);
    return this.#waiting.length > 0 && looked > 0 ? await this.#next(signal) : undefined;
  }

  #deliver({ records, rejected, files }: Batch): SpoolDelivery {
    for (const { identity } of files) this.#taken.set(identity, false);
    const name = createHash("sha256")
      .update(files.map(({ identity }) => identity).join(" "))
      .digest("hex");
    const range = `spool:${files[0]?.name ?? ""}+${files.length}#${name.slice(0, 32)}`;
    const delivery: SpoolDelivery = {
      records,
      rejected,
      range,
      checkpoint: { version: 1, taken: [...this.#taken.keys()] },
    };
    this.#filesOf.set(delivery, files);
    return delivery;
  }

  async #remove(files: readonly SpoolEntry[]): Promise<void> {
    let failure: Error | undefined;
    const removals = mapConcurrent(files, AT_ONCE, async (entry) => ({ entry, error: await removeEntry(entry) }));
    for await (const { entry, error } of removals) {
      if (error === undefined) this.#taken.delete(entry.identity);
      else failure ??= error;
    }
    if (files.length === 0) return;
    this.#trouble(
      "remove",
      failure &&
        `files that were taken cannot be removed from ${this.#path} (${failure.message}); after ${MOST_TAKEN} of them nothing more is read: Tipline's user must be in group wazuh and the folder writable for it`,
    );
  }

  #trouble(what: "list" | "remove" | "full" | "read" | "odd", text: string | undefined): void {
    if (text === undefined) this.#troubles.delete(what);
    else {
      if (this.#troubles.get(what) !== text) this.#log.warn("the spool needs attention", { reason: text });
      this.#troubles.set(what, text);
    }
  }
}

const LIST_ADVICE: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "it is not there; `tipline install wazuh --hook` makes it"],
  ["EACCES", "no permission; Tipline's user must be in group wazuh"],
  ["ENOTDIR", "it is not a folder"],
]);

/** What becomes one delivery. */
class Batch {
  readonly records: { readonly bytes: Buffer; readonly origin: string }[] = [];
  readonly rejected: SpoolDelivery["rejected"] = [];
  readonly files: SpoolEntry[] = [];
  readonly #recent: Map<string, string>;

  constructor(recent: Map<string, string>) {
    this.#recent = recent;
  }

  add(entry: SpoolEntry, read: Exclude<SpoolRead, { kind: "unreadable" }>): void {
    const { path: origin } = entry;
    if (read.kind === "later" || read.kind === "gone") return;
    this.files.push(entry);
    if (read.kind === "rejected") {
      const { head, length, reason } = read;
      this.rejected.push({ head, length, origin, reason });
    } else if (read.kind === "record" && !this.#isDouble(entry.name, read.bytes)) {
      this.records.push({ bytes: read.bytes, origin });
    }
  }

  /** Two integration blocks that both want an alert hand over the same file. */
  #isDouble(name: string, bytes: Buffer): boolean {
    const alert = name.replace(/\.\d{1,10}$/, "");
    if (alert === name) return false;
    const hash = createHash("sha256").update(bytes).digest("base64url");
    const before = this.#recent.get(alert);
    this.#recent.delete(alert);
    this.#recent.set(alert, hash);
    const [oldest] = this.#recent.keys();
    if (this.#recent.size > MOST_RECENT && oldest !== undefined) this.#recent.delete(oldest);
    return before === hash;
  }
}

/** The first of them that make one delivery. */
function fitting(entries: readonly SpoolEntry[], room: number): readonly SpoolEntry[] {
  let bytes = 0;
  let count = 0;
  for (const { size } of entries) {
    bytes += size;
    if (count >= room || (count > 0 && bytes > MOST_BYTES)) break;
    count += 1;
  }
  return entries.slice(0, count);
}

/** Anything else than a checkpoint of a spool means that nothing was taken. */
function takenOf(checkpoint: unknown): readonly string[] {
  const taken = (checkpoint as { taken?: unknown } | null | undefined)?.taken;
  return Array.isArray(taken) ? taken.filter((one): one is string => typeof one === "string").slice(0, MOST_TAKEN) : [];
}
