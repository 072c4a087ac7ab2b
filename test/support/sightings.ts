import type { TestContext } from "node:test";
import type { Sink } from "../../src/contract/sink.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { ConvictingAttribute, Finding } from "../../src/model/finding.ts";
import misp from "../../src/sinks/misp-sightings.ts";
import { uuid } from "./fake-misp.ts";
import { SIGHTING_KEY } from "./fake-sightings.ts";
import { makeFinding } from "./finding.ts";

export const DAY_MS = 86_400_000;
export const NOON = Date.parse("2026-11-20T12:00:00Z");

/** Time that passes only when something sleeps, at once. */
export class JumpClock implements Clock {
  #now: number;
  constructor(now = NOON) {
    this.#now = now;
  }
  now(): number {
    return this.#now;
  }
  advance(ms: number): void {
    this.#now += ms;
  }
  async sleep(ms: number): Promise<void> {
    this.#now += ms;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function sightingSink(
  t: TestContext | undefined,
  url: string,
  clock: Clock,
  over: Record<string, unknown> = {},
): Promise<Sink> {
  const settings = misp.config.parse({ url, key: SIGHTING_KEY, feed: "misp", timeout_seconds: 5, ...over });
  const sink = await misp.create(settings, { name: "sightings-misp", log: silentLog, clock, cacheDir: "/nonexistent" });
  t?.after(() => sink.close?.());
  return sink;
}

export const attribute = (n: number, feed = "misp"): ConvictingAttribute => ({
  feed,
  eventUuid: uuid(1, n % 3),
  attributeUuid: uuid(2, n),
});

/** Finding `n` of these attributes, seen at `time`. */
export function seenFinding(
  n: number,
  attributes: readonly number[],
  time = NOON,
  over: Parameters<typeof makeFinding>[1] = {},
): Finding {
  return makeFinding(n, {
    alert: { ...makeFinding(n).alert, time },
    attributes: attributes.map((of) => attribute(of)),
    ...over,
  });
}

/** What the pipeline does, until everything is taken. Gives how often the sink was called. */
export async function deliverAll(sink: Sink, findings: readonly Finding[], clock: Clock, most = 500): Promise<number> {
  let rest = findings;
  for (let calls = 1; calls <= most; calls++) {
    const result = await sink.send(rest.slice(0, 100), new AbortController().signal);
    if (result.status === "rejected") throw result.cause;
    rest = rest.slice(result.status === "sent" ? Math.min(100, rest.length) : (result.taken ?? 0));
    if (rest.length === 0) return calls;
    if (result.status === "retry") await clock.sleep(Math.max(500, result.afterMs ?? 0));
  }
  throw new Error(`${rest.length} findings were not taken in ${most} calls`);
}
