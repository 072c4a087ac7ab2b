import { z } from "zod";
import type { Misp } from "../clients/misp.ts";
import { connectMisp, mispConnection, ONE_KEY_MESSAGE, oneKey } from "../clients/misp-connection.ts";
import { createSightedDays, type SightedDays } from "../clients/misp-sighted-days.ts";
import {
  addSighting,
  dayOf,
  reporterOf,
  type Sighting,
  type SightingReporter,
  saveSightings,
  sightedOn,
} from "../clients/misp-sightings.ts";
import { sightingOptions } from "../clients/misp-sightings-config.ts";
import { type Context, defineSink } from "../contract/define.ts";
import type { SendResult, Sink } from "../contract/sink.ts";
import { type Seen, seenIn } from "../intel/sighting-rules.ts";
import { asError } from "../lib/errors.ts";
import { createMinuteBudget, type MinuteBudget } from "../lib/minute-budget.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { Finding } from "../model/finding.ts";

const config = mispConnection
  .extend({
    feed: z.string().min(1).describe("Name of the feed whose attributes are sighted; it reads from the same server."),
    ...sightingOptions,
  })
  .refine(oneKey, { error: ONE_KEY_MESSAGE });

type Config = z.output<typeof config>;

/** Sightings in one request. */
const MOST_AT_ONCE = 200;
/** Nothing changes here before somebody changes the key or its role. */
const NO_RIGHT_WAIT_MS = 300_000;
/** MISP may still be at work on a request whose answer did not come. */
const UNCERTAIN_WAIT_MS = 60_000;

/** Tells a MISP server, once per attribute and day, that an attribute of its was seen. */
export default defineSink<Config>({
  type: "misp-sightings",
  summary: "Sightings to a MISP server, one per attribute and day; easier as `sightings: true` on the feed.",
  config,
  create: (settings, context) => new MispSightings(settings, context),
});

class MispSightings implements Sink {
  readonly #settings: Config;
  readonly #context: Context;
  readonly #misp: Misp;
  readonly #budget: MinuteBudget;
  readonly #days: SightedDays;
  #reporter: SightingReporter | undefined;
  /** False once this server refused a bulk from the key's role and took single ones. */
  #bulk = true;

  constructor(settings: Config, context: Context) {
    this.#settings = settings;
    this.#context = context;
    this.#misp = connectMisp(settings, context.clock, context.log);
    this.#budget = createMinuteBudget(settings.per_minute, context.clock);
    this.#days = createSightedDays(async (day, limit, signal) => {
      const { orgId } = await this.#self(signal);
      return sightedOn(this.#misp, day, { orgId, source: settings.source, limit }, signal);
    });
  }

  async send(findings: readonly Finding[], signal: AbortSignal): Promise<SendResult> {
    const now = this.#context.clock.now();
    const seen = findings.map((finding) => seenIn(finding, this.#settings.feed, now));
    const taken = () => {
      const missing = seen.findIndex((of) => of.some((one) => !this.#isTold(one)));
      return missing < 0 ? findings.length : missing;
    };
    try {
      await this.#days.ensure(new Set(seen.flat().map(({ time }) => dayOf(time))), signal);
      await this.#tell(seen.flat(), signal);
    } catch (thrown) {
      return this.#failed(thrown, taken());
    }
    if (taken() === findings.length) return { status: "sent" };
    const left = new Set(seen.flat().filter((one) => !this.#isTold(one))).size;
    return {
      status: "retry",
      cause: new Error(`${left} sightings wait: at most ${this.#settings.per_minute} go out a minute (per_minute)`),
      afterMs: this.#budget.waitMs(left),
      taken: taken(),
      paced: true,
    };
  }

  /** What the minute still allows, in the order of the findings, together by event. */
  async #tell(seen: readonly Seen[], signal: AbortSignal): Promise<void> {
    const due = new Map<string, Seen>();
    for (const one of seen) {
      const key = `${dayOf(one.time)} ${one.attributeUuid}`;
      if (!this.#isTold(one) && !due.has(key)) due.set(key, one);
    }
    const events = new Map<string, Seen[]>();
    for (const one of [...due.values()].slice(0, this.#budget.available())) {
      const together = events.get(one.eventUuid);
      if (together === undefined) events.set(one.eventUuid, [one]);
      else together.push(one);
    }
    for (const [eventUuid, together] of events) {
      for (let at = 0; at < together.length; at += MOST_AT_ONCE)
        await this.#save(eventUuid, together.slice(at, at + MOST_AT_ONCE), signal);
    }
  }

  async #save(eventUuid: string, seen: readonly Seen[], signal: AbortSignal): Promise<void> {
    const sightings = seen.map(
      ({ attributeUuid, time }): Sighting => ({ attributeUuid, type: "0", source: this.#settings.source, time }),
    );
    if (this.#bulk) {
      try {
        this.#budget.take(seen.length);
        const saved = await saveSightings(this.#misp, eventUuid, sightings, await this.#self(signal), signal);
        for (const one of seen) this.#note(one);
        if (saved !== seen.length)
          this.#context.log.info("MISP did not take every sighting: it has them, or not the attributes (any more)", {
            event: eventUuid,
            count: seen.length,
            saved: saved ?? 0,
          });
        return;
      } catch (thrown) {
        // An older MISP keeps bulks for synchronisation users.
        if (!(thrown instanceof RemoteError && thrown.kind === "forbidden")) throw thrown;
      }
    }
    await this.#saveSingly(seen, sightings, signal);
    this.#bulk = false;
  }

  async #saveSingly(seen: readonly Seen[], sightings: readonly Sighting[], signal: AbortSignal): Promise<void> {
    for (const [i, one] of seen.entries()) {
      // Those of a refused bulk were counted already.
      if (!this.#bulk) this.#budget.take(1);
      const sighting = sightings[i];
      if (sighting === undefined) return;
      const known = await addSighting(this.#misp, sighting, signal);
      this.#note(one);
      if (!known) this.#context.log.info("MISP does not know a sighted attribute (any more)", { ...one });
    }
  }

  async #self(signal: AbortSignal): Promise<SightingReporter> {
    this.#reporter ??= await reporterOf(this.#misp, signal);
    return this.#reporter;
  }

  #isTold({ attributeUuid, time }: Seen): boolean {
    return this.#days.has(dayOf(time), attributeUuid);
  }

  #note({ attributeUuid, time }: Seen): void {
    this.#days.note(dayOf(time), attributeUuid);
  }

  #failed(thrown: unknown, taken: number): SendResult {
    const error = asError(thrown);
    if (!(error instanceof RemoteError)) {
      this.#days.forget();
      return { status: "retry", cause: error, taken };
    }
    if (error.kind === "forbidden" || error.kind === "auth") {
      // Another key may be another organisation's.
      this.#reporter = undefined;
      this.#bulk = true;
      return { status: "retry", cause: this.#noRight(error), taken, afterMs: NO_RIGHT_WAIT_MS };
    }
    if (error.kind === "rate-limited" || error.kind === "paused")
      return {
        status: "retry",
        cause: error,
        taken,
        ...(error.retryAfterMs === undefined ? {} : { afterMs: error.retryAfterMs }),
      };
    if (error.kind === "refused")
      return taken > 0 ? { status: "retry", cause: error, taken, afterMs: 0 } : { status: "rejected", cause: error };
    // Whatever else happened, MISP may have saved it.
    this.#days.forget();
    const uncertain = error.kind === "timeout" || error.kind === "cut-short";
    const afterMs = error.retryAfterMs ?? (uncertain ? UNCERTAIN_WAIT_MS : undefined);
    return { status: "retry", cause: error, taken, ...(afterMs === undefined ? {} : { afterMs }) };
  }

  #noRight(error: RemoteError): Error {
    if (error.kind === "auth") return error;
    const { feed } = this.#settings;
    return new Error(
      `${error.message}: to add sightings give its role the permission perm_sighting (“Sighting Creator”) and use a key that is not read-only, or take \`sightings\` off feed ${feed}; everything else goes on`,
      { cause: error },
    );
  }

  close(): Promise<void> {
    return this.#misp.close();
  }
}
