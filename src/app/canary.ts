import { randomBytes } from "node:crypto";
import type { DatagramOutcome } from "../clients/unix-datagram.ts";
import { encodeQueueEvent } from "../clients/wazuh-event.ts";
import { CANARY_LOCATION, canaryEvent } from "../intel/canary.ts";
import type { Seals } from "../intel/seals.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { formatDuration } from "../lib/units.ts";
import type { Alert } from "../model/alert.ts";
import type { Finding } from "../model/finding.ts";
import type { CanaryWatch } from "../pipeline/canary.ts";
import type { Echo } from "../pipeline/handle.ts";
import type { CanaryHop, CanaryState } from "../store/canary-state.ts";
import { isAlarm, missingText } from "./canary-advice.ts";
import { CatchingUp } from "./catching-up.ts";

/** What goes on around the canary. */
export interface CanaryLine {
  /** How far the source is behind in ms; undefined until it has found its place, Infinity while it is held (health says so). */
  lagMs(): number | undefined;
  /** Findings that wait for the canary's sink. */
  backlog(): number;
  /** Something is in trouble already that keeps a canary from passing this hop. */
  isTroubled(hop: CanaryHop): boolean;
}

export interface CanaryEvents {
  sent(): void;
  lost(hop: CanaryHop): void;
  returned(seconds: number): void;
}

export interface CanaryOptions {
  readonly seals: Seals;
  readonly clock: Clock;
  readonly log: Log;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Names of the sources that may read it back. */
  readonly sources: ReadonlySet<string>;
  readonly line: CanaryLine;
  readonly events: CanaryEvents;
  readonly send: (datagram: Buffer) => DatagramOutcome;
  /** Keeps the state where doctor can read it. */
  readonly remember: (state: CanaryState) => void;
}

interface Flight {
  readonly id: string;
  readonly since: number;
  hop: CanaryHop;
  /** When it began to wait for this hop. */
  hopSince: number;
  findingId?: string;
  /** Time that counts: the source was not catching up, the queue before it did not move. */
  waitedMs: number;
  backlog: number;
  catchingUp: CatchingUp;
  cause?: string;
}

/** A source this far behind may be catching up: what it has not read is not lost. */
const BEHIND_MS = 10_000;
const TICK_MS = 1_000;
const AGAIN_LEAST_MS = 10_000;
/** A canary that sounds the alarm is sent this rarely until the rules are mended. */
const ALARM_INTERVAL_MS = 3_600_000;
/** Given up, but still welcome: so many. */
const MOST_GIVEN_UP = 5;

/** Sends the canary and follows it: out, read, matched, delivered, seen again. One is on its way at a time. */
export class CanaryKeeper implements CanaryWatch {
  readonly #options: CanaryOptions;
  #flight: Flight | undefined;
  #givenUp: Flight[] = [];
  #nextAt = 0;
  #tickedAt = 0;
  #alarmed = false;
  /** Losses since one last returned, and at which hop the last was. */
  #lostInRow = 0;
  #lostAt: CanaryHop | undefined;
  #begun = false;
  #state: CanaryState;

  constructor(options: CanaryOptions) {
    this.#options = options;
    const { intervalMs, timeoutMs, clock } = options;
    this.#state = { enabled: true, updatedAt: clock.now(), intervalMs, timeoutMs, sent: 0, lost: 0 };
  }

  /** The sources are about to be read: before, a canary would wait for nobody. */
  begin(): void {
    this.#begun = true;
    this.#note({});
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      this.tick();
      await clock.sleep(TICK_MS, signal);
    }
  }

  /** One look at the clock. */
  tick(): void {
    const { clock, line } = this.#options;
    const now = clock.now();
    const passed = Math.max(0, Math.min(now - this.#tickedAt, 2 * TICK_MS));
    this.#tickedAt = now;
    // The clock was set back.
    if (this.#nextAt - now > Math.max(this.#options.intervalMs, ALARM_INTERVAL_MS)) this.#nextAt = now;
    if (this.#flight !== undefined) this.#follow(this.#flight, passed);
    else if (this.#begun && now >= this.#nextAt && line.lagMs() !== undefined) this.#launch(now);
  }

  state(): CanaryState {
    return this.#state;
  }

  /** What health says; undefined while all is well, or when what explains it is said already. */
  trouble(): string | undefined {
    const { missing } = this.#state;
    if (missing === undefined || missing.explained || this.#options.line.isTroubled(missing.hop)) return undefined;
    return missing.message;
  }

  expects(id: string, source: string): boolean {
    return this.#options.sources.has(source) && this.#byId(id)?.hop === "read";
  }

  read(id: string): void {
    this.#reach(this.#byId(id), "match");
  }

  matched(id: string, { id: findingId }: Finding): void {
    const flight = this.#byId(id);
    if (flight === undefined) return;
    flight.findingId = findingId;
    this.#reach(flight, "deliver");
  }

  /** The canary's sink took these. */
  delivered(findings: readonly Finding[]): void {
    for (const { mode, id } of findings) if (mode === "canary") this.#reach(this.#byFinding(id), "rule");
  }

  /** One of our findings came back as an alert. */
  echoed({ rule, source }: Echo, findingId: string): void {
    const flight = this.#byFinding(findingId);
    if (flight === undefined || !this.#options.sources.has(source)) return;
    this.#returned(flight, rule ?? { id: "", level: 0, groups: [] });
  }

  #byId(id: string): Flight | undefined {
    return this.#flight?.id === id ? this.#flight : this.#givenUp.find((flight) => flight.id === id);
  }

  #byFinding(findingId: string): Flight | undefined {
    const is = (flight: Flight | undefined) => flight?.findingId === findingId;
    return is(this.#flight) ? this.#flight : this.#givenUp.find(is);
  }

  #reach(flight: Flight | undefined, hop: CanaryHop): void {
    if (flight === undefined) return;
    flight.hop = hop;
    flight.hopSince = this.#options.clock.now();
    flight.waitedMs = 0;
    flight.catchingUp = this.#catchingUp();
    if (flight === this.#flight) this.#note({ waitsFor: hop });
  }

  #launch(now: number): void {
    const id = this.#options.seals.canaryId(randomBytes(12).toString("hex"));
    const waits = { since: now, hopSince: now, waitedMs: 0, backlog: 0, catchingUp: this.#catchingUp() };
    this.#flight = { id, hop: "send", ...waits };
    this.#try(this.#flight);
  }

  #catchingUp(): CatchingUp {
    const { clock, timeoutMs } = this.#options;
    return new CatchingUp({ clock, behindMs: BEHIND_MS, windowMs: timeoutMs / 2 });
  }

  #try(flight: Flight): void {
    const { seals, clock, send, events } = this.#options;
    const sent = new Date(clock.now()).toISOString();
    const message = canaryEvent({ id: flight.id, domain: seals.canaryName, sent });
    const datagram = encodeQueueEvent({ kind: "1", location: CANARY_LOCATION, message });
    const outcome: DatagramOutcome = datagram === undefined ? { status: "too-large" } : send(datagram);
    if (outcome.status === "sent") {
      events.sent();
      this.#state = { ...this.#state, sent: this.#state.sent + 1, lastSentAt: clock.now() };
      this.#reach(flight, "read");
    } else {
      flight.cause = outcome.status === "unreachable" ? outcome.cause.message : `Wazuh's queue is ${outcome.status}`;
    }
  }

  #follow(flight: Flight, passed: number): void {
    if (flight.hop === "send") this.#try(flight);
    if (this.#counts(flight)) flight.waitedMs += passed;
    if (flight.waitedMs >= this.#options.timeoutMs) this.#lose(flight);
  }

  /** Time counts unless the source catches up, or the findings before this one still go out. */
  #counts(flight: Flight): boolean {
    const { line } = this.#options;
    if (flight.hop === "read" || flight.hop === "rule") return this.#isRead(flight, line.lagMs());
    if (flight.hop !== "deliver") return true;
    const backlog = line.backlog();
    const moves = backlog > 1 && backlog < flight.backlog;
    flight.backlog = backlog;
    return !moves;
  }

  /** What the canary left behind should have been read by now. */
  #isRead(flight: Flight, lagMs: number | undefined): boolean {
    // Held back by what health tells by itself.
    if (lagMs === Number.POSITIVE_INFINITY) return false;
    const standing = flight.catchingUp.look(lagMs ?? Number.POSITIVE_INFINITY);
    // What waited while it stood still had no chance.
    if (standing === "catching-up") flight.waitedMs = 0;
    return standing !== "catching-up";
  }

  /** Set where the source has not come as far as to what the canary left behind. */
  #behind({ hop, hopSince }: Flight): { readonly behind?: { readonly lagMs: number | undefined } } {
    if (hop !== "read" && hop !== "rule") return {};
    const lagMs = this.#options.line.lagMs();
    const readUpTo = this.#options.clock.now() - (lagMs ?? Number.POSITIVE_INFINITY);
    return readUpTo < hopSince ? { behind: { lagMs } } : {};
  }

  #lose(flight: Flight): void {
    const { line, log, events, clock, intervalMs, timeoutMs } = this.#options;
    const { hop, cause } = flight;
    const explained = line.isTroubled(hop);
    const everReturned = this.#state.lastReturnedAt !== undefined;
    const message = missingText(hop, { timeoutMs, everReturned, ...this.#behind(flight), ...(cause && { cause }) });
    events.lost(hop);
    this.#givenUp = [flight, ...this.#givenUp].slice(0, MOST_GIVEN_UP);
    this.#flight = undefined;
    this.#nextAt = clock.now() + Math.min(intervalMs, Math.max(AGAIN_LEAST_MS, intervalMs / 5));
    const since = this.#state.missing?.since ?? flight.since;
    const { waitsFor: _, ...rest } = this.#state;
    this.#state = { ...rest, lost: rest.lost + 1 };
    this.#note({ missing: { hop, since, message, explained } });
    const fields = { hop, canary: flight.id, since: new Date(since).toISOString() };
    // Every doubling, and when it is another hop: a manager that is down for a day must not fill the log.
    if (this.#lostAt !== hop) this.#lostInRow = 0;
    this.#lostAt = hop;
    this.#lostInRow += 1;
    if ((this.#lostInRow & (this.#lostInRow - 1)) !== 0) return;
    if (explained) log.info(`canary is missing, as other troubles explain: ${message}`, fields);
    else log.error(`canary is missing: ${message}`, fields);
  }

  #returned(flight: Flight, rule: Pick<NonNullable<Alert["rule"]>, "id" | "level" | "groups">): void {
    const { id, level } = rule;
    const { clock, events, log, intervalMs } = this.#options;
    const now = clock.now();
    const { missing, waitsFor: _, roundTripMs: __, ...rest } = this.#state;
    this.#state = rest;
    this.#lostAt = undefined;
    this.#givenUp = this.#givenUp.filter((other) => other !== flight);
    if (flight === this.#flight) this.#flight = undefined;
    // Undefined: the clock was set back on the way.
    const tookMs = now >= flight.since ? now - flight.since : undefined;
    if (tookMs !== undefined) events.returned(tookMs / 1000);
    if (missing !== undefined)
      log.info("canary is back", { missingFor: formatDuration(Math.max(0, now - missing.since)), hop: missing.hop });
    const alarm = isAlarm(rule);
    if (alarm && !this.#alarmed)
      log.error(
        `canary came back as rule ${id} of level ${level}, which sounds the alarm: its own rule is not loaded; run \`tipline install wazuh\`. Until then one goes out an hour`,
        {},
      );
    this.#alarmed = alarm;
    this.#nextAt = Math.min(flight.since, now) + (alarm ? Math.max(intervalMs, ALARM_INTERVAL_MS) : intervalMs);
    this.#note({ lastReturnedAt: now, rule: { id, level }, ...(tookMs !== undefined && { roundTripMs: tookMs }) });
  }

  #note(change: Partial<CanaryState>): void {
    const { clock, log, remember } = this.#options;
    this.#state = { ...this.#state, ...change, updatedAt: clock.now() };
    try {
      remember(this.#state);
    } catch (error) {
      log.debug("the canary's state could not be written", { error: error as Error });
    }
  }
}
