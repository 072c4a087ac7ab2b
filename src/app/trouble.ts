import type { DatagramOutcome } from "../clients/unix-datagram.ts";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { formatDuration } from "../lib/units.ts";
import type { Trouble } from "./health.ts";
import { troubleDatagram } from "./trouble-event.ts";

export interface TroubleOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** What is wrong now. */
  readonly troubles: () => readonly Trouble[];
  readonly send: (datagram: Buffer) => DatagramOutcome;
  /** Names an event so that its alert is known as ours: same parts, same id. */
  readonly derive: (parts: readonly string[]) => string;
  /** A trouble that lasts is told again this often. */
  readonly repeatMs: number;
}

/** What is known of one trouble, by (kind, component). */
interface Known {
  since: number;
  trouble: Trouble;
  /** When it was last there. */
  seenAt: number;
  /** When it was last told, if it was. */
  toldAt?: number;
  /** It was due and could not be sent. */
  owed?: true;
}

const TICK_MS = 5_000;
/** Younger than this it may be weather, and gone for less it may be back at once. */
const SETTLE_MS = 30_000;
/** Of one component after an end was told: not before so long. */
const QUIET_MS = 600_000;
/** Events an hour of all components together. */
const MOST_AN_HOUR = 30;
const HOUR_MS = 3_600_000;

/**
 * Tells Wazuh what is wrong with Tipline: once when it has lasted a moment, again at most every `repeatMs`, and when it is over. What
 * cannot be sent (Wazuh itself is down) is told when it can, with the time that it took.
 */
export class TroubleTeller {
  readonly #options: TroubleOptions;
  readonly #known = new Map<string, Known>();
  readonly #overAt = new Map<string, number>();
  #sentAt: number[] = [];
  #limited = false;
  #tickedAt = Number.NEGATIVE_INFINITY;

  constructor(options: TroubleOptions) {
    this.#options = options;
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        this.tick();
      } catch (thrown) {
        log.error("troubles could not be told", { error: asError(thrown) });
      }
      await clock.sleep(TICK_MS, signal);
    }
  }

  /** One look at what is wrong. */
  tick(): void {
    const now = this.#options.clock.now();
    if (now < this.#tickedAt) this.#setBack(this.#tickedAt - now);
    this.#tickedAt = now;
    const present = byKey(this.#options.troubles());
    for (const [key, trouble] of present) {
      const known = this.#known.get(key);
      if (known === undefined) this.#known.set(key, { since: now, trouble, seenAt: now });
      else Object.assign(known, { trouble, seenAt: now });
    }
    for (const [key, known] of this.#known) {
      if (present.has(key)) this.#tell(key, known, now);
      else if (now - known.seenAt >= SETTLE_MS) this.#end(key, known, now);
    }
  }

  /** The clock was: what was noted moves with it, or nothing would be told until it is that late again. */
  #setBack(ms: number): void {
    this.#sentAt = this.#sentAt.map((at) => at - ms);
    for (const [key, at] of this.#overAt) this.#overAt.set(key, at - ms);
    for (const known of this.#known.values()) {
      known.since -= ms;
      known.seenAt -= ms;
      if (known.toldAt !== undefined) known.toldAt -= ms;
    }
  }

  #tell(key: string, known: Known, now: number): void {
    const { repeatMs } = this.#options;
    const dueAt =
      known.toldAt === undefined
        ? Math.max(known.since + SETTLE_MS, (this.#overAt.get(key) ?? Number.NEGATIVE_INFINITY) + QUIET_MS)
        : known.toldAt + repeatMs;
    if (now < dueAt) return;
    const state = known.toldAt === undefined ? "begun" : "lasts";
    const text = state === "begun" ? "" : ` (for ${formatDuration(now - known.since)})`;
    if (this.#send(known, state, `${known.trouble.text}${text}`, now)) known.toldAt = now;
    else known.owed = true;
  }

  #end(key: string, known: Known, now: number): void {
    const lasted = known.seenAt - known.since;
    // What nobody was told of, nor should have been, needs no end.
    if (known.toldAt === undefined && known.owed === undefined) {
      this.#known.delete(key);
      return;
    }
    const text = `over after ${formatDuration(lasted)}: ${known.trouble.text}`;
    if (!this.#send(known, "over", text, now)) return;
    this.#known.delete(key);
    this.#overAt.set(key, now);
    for (const [other, at] of this.#overAt) if (now - at >= QUIET_MS) this.#overAt.delete(other);
  }

  #send({ trouble, since }: Known, state: "begun" | "lasts" | "over", text: string, now: number): boolean {
    const { log, derive, send } = this.#options;
    this.#sentAt = this.#sentAt.filter((at) => now - at < HOUR_MS);
    if (this.#sentAt.length >= MOST_AN_HOUR) {
      if (!this.#limited) log.warn("more troubles than are told in an hour; see /healthz", { most: MOST_AN_HOUR });
      this.#limited = true;
      return false;
    }
    this.#limited = false;
    const id = derive(["trouble", trouble.kind, trouble.component, String(since), state, String(now)]);
    const outcome = send(troubleDatagram({ ...trouble, text }, { state, since, id }));
    if (outcome.status !== "sent") return false;
    this.#sentAt.push(now);
    log.debug("trouble told to Wazuh", { kind: trouble.kind, component: trouble.component, state });
    return true;
  }
}

/** One component may be in several troubles of one kind: they are told together. */
function byKey(troubles: readonly Trouble[]): ReadonlyMap<string, Trouble> {
  const found = new Map<string, Trouble>();
  for (const trouble of troubles) {
    const before = found.get(keyOf(trouble));
    found.set(keyOf(trouble), before === undefined ? trouble : { ...before, text: `${before.text}; ${trouble.text}` });
  }
  return found;
}

function keyOf({ kind, component }: Trouble): string {
  return `${kind} ${component}`;
}
