import { Layer } from "../intel/index/layer.ts";
import { openLayers } from "../intel/index/layers.ts";
import { asError } from "../lib/errors.ts";
import { type Log, silentLog } from "../lib/log.ts";
import type { Finding, Verdict } from "../model/finding.ts";
import { type HandleContext, type Handled, handleBatch } from "../pipeline/handle.ts";
import { HELD_BYTES, HELD_LINES } from "../pipeline/held-lines.ts";
import { engine } from "./engine.ts";
import { LiveGeneration } from "./generation.ts";
import { type Surroundings, surroundings, surroundingsGently } from "./knowledge.ts";
import type {
  MatchOutcome,
  MatchReply,
  MatchRequest,
  MatchSetup,
  SharedGeneration,
  VerdictTally,
} from "./match-wire.ts";

type Matched = Extract<MatchReply, { kind: "matched" }>;
type Match = Extract<MatchRequest, { kind: "match" }>;

/** What a thread judges by, and how: the same handling of records as in the main thread, of which only the outcomes go back. */
export class MatchJudge {
  readonly #setup: MatchSetup;
  readonly #log: Log;
  readonly #judge: ReturnType<typeof engine>;
  readonly #indicators = new HandedGeneration();
  readonly #written = new JsonBytes();
  #live: LiveGeneration | undefined;
  #mark: string | undefined;

  constructor(setup: MatchSetup, log: Log = silentLog) {
    this.#setup = setup;
    this.#log = log;
    this.#judge = engine(Buffer.from(setup.key));
  }

  /** Takes a generation into force; what servers know is read from the disk when `mark` says that it changed. Resolves when all of it holds. */
  async take(generation: SharedGeneration | undefined, mark: string): Promise<void> {
    this.#indicators.hand(generation);
    const around = { config: this.#setup.config, log: this.#log };
    if (this.#live === undefined) {
      this.#mark = mark;
      this.#live = this.#compose(surroundings(around));
    } else {
      this.#live.refresh();
      if (mark === this.#mark) return;
      this.#mark = mark;
      this.#live.adopt(await surroundingsGently(around));
    }
  }

  match({ job, source, receivedAt, bytes, ends }: Match): Matched {
    const outcomes: MatchOutcome[] = [];
    const written = this.#written;
    const watch = new Watch();
    const context: HandleContext = {
      ...this.#judge,
      ...watch.callbacks,
      source,
      mode: "live",
      generation: this.#generation(),
      receivedAt,
    };
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let first = 0, next = 0; first < ends.length; first = next) {
      next = endOfBatch(ends, first);
      const records = Array.from(ends.subarray(first, next), (end, at) => ({
        bytes: all.subarray(ends[first + at - 1] ?? 0, end),
        origin: "",
      }));
      watch.begin(records.length);
      handleBatch(records, context, (at) => watch.turn(at)).forEach((handled, at) => {
        const outcome = outcomeOf(handled, watch.of(at), written, records[at]?.bytes.length ?? 0);
        if (outcome !== undefined) outcomes.push({ at: first + at, ...outcome } as MatchOutcome);
      });
    }
    return { kind: "matched", job, outcomes, json: written.take() };
  }

  #generation() {
    if (this.#live === undefined) throw new Error("match() before take()");
    return this.#live.current();
  }

  #compose(around: Surroundings): LiveGeneration {
    const { own, config } = this.#setup;
    return new LiveGeneration({ store: this.#indicators, ...around, own, stateDir: config.state_dir });
  }
}

function endOfBatch(ends: Uint32Array, first: number): number {
  const from = ends[first - 1] ?? 0;
  let next = first + 1;
  while (next < ends.length && next - first < HELD_LINES && (ends[next] as number) - from <= HELD_BYTES) next++;
  return next;
}

type Outcome = MatchOutcome extends infer Each ? (Each extends MatchOutcome ? Omit<Each, "at"> : never) : never;

function outcomeOf(handled: Handled, noted: Noted, written: JsonBytes, recordBytes: number): Outcome | undefined {
  const [finding] = handled.findings;
  const [letter] = handled.deadLetters;
  const [id] = handled.confirmed;
  const { canary, tally, mark, rule } = noted;
  if (canary) return { kind: "yours" };
  if (letter !== undefined) return { kind: "dead", reason: letter.reason };
  if (id !== undefined) return { kind: "echo", id, ...(rule === undefined ? {} : { rule }) };
  if (finding === undefined || tally === undefined) return undefined;
  return { kind: "finding", ...written.add(finding, recordBytes), tally, ...(mark === undefined ? {} : { mark }) };
}

/** What handling a record says on the way. */
interface Noted {
  /** The record looks like a canary. */
  canary: boolean;
  tally: VerdictTally | undefined;
  mark: string | undefined;
  rule: { readonly id: string; readonly level: number } | undefined;
}

/** Notes for each record of a batch. */
class Watch {
  #notes: Noted[] = [];
  #turn = 0;

  readonly callbacks: Pick<HandleContext, "canary" | "onVerdict" | "onSimulated" | "onEcho"> = {
    canary: {
      expects: () => {
        this.of(this.#turn).canary = true;
        return false;
      },
      read: () => undefined,
      matched: () => undefined,
    },
    onVerdict: (_, verdict) => {
      this.of(this.#turn).tally = tallyOf(verdict);
    },
    onSimulated: (mark) => {
      this.of(this.#turn).mark = mark;
    },
    onEcho: ({ rule }) => {
      if (rule !== undefined) this.of(this.#turn).rule = { id: rule.id, level: rule.level };
    },
  };

  begin(records: number): void {
    this.#notes = Array.from({ length: records }, () => ({
      canary: false,
      tally: undefined,
      mark: undefined,
      rule: undefined,
    }));
  }

  /** What comes is about this record. */
  turn(at: number): void {
    this.#turn = at;
  }

  of(at: number): Noted {
    const noted = this.#notes[at];
    if (noted === undefined) throw new Error(`expected a record of the batch, found number ${at}`);
    return noted;
  }
}

/** A verdict's counts. */
export function tallyOf({ band, matches }: Verdict): VerdictTally {
  return {
    band,
    matches: matches.map(({ match, suppressions }) => ({
      type: match.observable.type,
      by: suppressions.map(({ by }) => by),
    })),
  };
}

/** How the JSON of a finding ends whose line was taken out. */
const NO_RAW = ',"raw":""}}';

interface Written {
  readonly from: number;
  readonly to: number;
  readonly rawAt?: number;
}

/** JSON of findings, one after the other; used again and again, since memory of its own for each delivery would be garbage. */
class JsonBytes {
  #bytes = Buffer.allocUnsafeSlow(256 * 1024);
  #end = 0;

  /** The finding is used up. Its alert's line is the record itself when it has as many bytes: what is taken out of a record is shorter. */
  add(finding: Finding, recordBytes: number): Written {
    const alert: { raw: string } = finding.alert;
    const { raw } = alert;
    alert.raw = "";
    const json = JSON.stringify(finding);
    const from = this.#end;
    if (!json.endsWith(NO_RAW) || Buffer.byteLength(raw) !== recordBytes) {
      alert.raw = raw;
      this.#write(JSON.stringify(finding));
      return { from, to: this.#end };
    }
    this.#write(json.slice(0, -NO_RAW.length));
    const rawAt = this.#end;
    this.#write(`,"raw":${JSON.stringify(raw)}}}`);
    return { from, to: this.#end, rawAt };
  }

  /** The bytes, in memory of their own that can be handed over. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#end);
    taken.set(this.#bytes.subarray(0, this.#end));
    this.#end = 0;
    return taken;
  }

  #write(text: string): void {
    // A UTF-16 unit takes three bytes at most.
    if (this.#end + text.length * 3 > this.#bytes.length) this.#grow(this.#end + text.length * 3);
    this.#end += this.#bytes.write(text, this.#end, "utf8");
  }

  #grow(least: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(least, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

/** The store's side of a generation that another thread handed over. */
class HandedGeneration {
  #current: ReturnType<typeof opened> | undefined;
  #next: SharedGeneration | undefined;

  hand(generation: SharedGeneration | undefined): void {
    this.#next = generation;
    this.refresh();
  }

  refresh(): boolean {
    const next = this.#next;
    if (next === undefined || next.id === this.#current?.id) return false;
    this.#current = opened(next, this.#current?.index.layers ?? []);
    return true;
  }

  current() {
    return this.#current;
  }

  partialFeeds(): readonly string[] {
    return [];
  }

  feeds(): readonly string[] {
    return [];
  }
}

function opened({ id, createdAt, layers }: SharedGeneration, before: readonly Layer[]) {
  const taken: Layer[] = [];
  try {
    for (const { path, segment } of layers) {
      const shared = before.find((layer) => layer.path === path);
      taken.push(shared ? shared.retain() : new Layer(path, segment));
    }
  } catch (thrown) {
    for (const layer of taken) layer.release();
    throw asError(thrown);
  }
  return { id, createdAt, index: openLayers(taken) };
}
