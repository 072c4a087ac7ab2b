import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { serve, type TestRequest } from "../support/http-server.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { type Mutation, mutate, mutation } from "../support/misp-mutations.ts";
import { createMispSim, type MispSim } from "../support/misp-sim/sim.ts";
import { GRACE_HOURS, Noise, SyncModel } from "../support/misp-sync-model.ts";
import { freshRows, rowsOf, SyncRig } from "../support/misp-sync-rig.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
/** Longer than any pause that failures lead to. */
const RECOVERY = 601 * SECOND;

const FAULTS = ["500", "reset", "cut", "page"] as const;

/** A change, or a failure of the server, at the nth request of a sync (the first one lists the events). */
type Trouble =
  | { readonly at: number; readonly mutation: Mutation; readonly waits: boolean }
  | { readonly at: number; readonly fault: (typeof FAULTS)[number]; readonly times: number };

const FIRST: readonly Mutation[] = [0, 1, 2, 3].map((n) => ({
  change: "add a published event",
  event: n,
  attribute: 0,
  n,
}));

const trouble: fc.Arbitrary<Trouble> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ at: fc.integer({ min: 1, max: 8 }), mutation, waits: fc.boolean() }) },
  fc.record({
    at: fc.integer({ min: 0, max: 6 }),
    fault: fc.constantFrom(...FAULTS),
    times: fc.integer({ min: 1, max: 6 }),
  }),
);

const JUNK = ["", "%", "1 OR 1=1", "!1", "99999", "00000000-0000-4000-8000-00000000dead", "__proto__", "1".repeat(400)];

const hint = fc.oneof(
  { weight: 3, arbitrary: fc.record({ event: fc.nat({ max: 4 }), as: fc.constantFrom("uuid", "UUID", "id") }) },
  fc.constantFrom(...JUNK),
);

const step = fc.record({
  restart: fc.boolean(),
  mutations: fc.array(fc.record({ mutation, waitsSeconds: fc.nat({ max: 2 }) }), { maxLength: 4, size: "max" }),
  hints: fc.option(fc.array(hint, { maxLength: 4 }), { freq: 3, nil: undefined }),
  troubles: fc.oneof(fc.constant([]), fc.array(trouble, { minLength: 1, maxLength: 3 })),
  waits: fc.constantFrom(0, SECOND, 5 * SECOND, 40 * SECOND, 5 * HOUR, 13 * HOUR, 27 * HOUR),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The server of one run; the clock moves by hand, and the server's with it. */
class Stage {
  readonly clock = new ManualClock(Date.parse("2026-11-21T12:00:00.400Z"));
  readonly sim: MispSim = createMispSim({ clock: () => this.clock.now() });
  readonly #troubles: Trouble[] = [];
  #requests = 0;
  #serial = 0;
  noise: Noise | undefined;

  arm(troubles: readonly Trouble[]): void {
    this.#requests = 0;
    this.#troubles.splice(0, Number.POSITIVE_INFINITY, ...troubles);
    this.noise = troubles.length === 0 ? undefined : new Noise();
    this.noise?.before(this.sim);
  }

  mutate(one: Mutation): void {
    const uuid = mutate(this.sim, one, ++this.#serial);
    this.noise?.after(this.sim, uuid, one.change);
  }

  answer({ method, path, headers, body }: TestRequest, response: ServerResponse): void {
    const at = this.#requests++;
    for (const one of this.#troubles) {
      if ("mutation" in one && one.at === at) {
        if (one.waits) this.clock.advance(SECOND);
        this.mutate(one.mutation);
      }
    }
    const plain = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value)]));
    const answer = this.sim.handle({ method, path, headers: plain, body: Buffer.from(body) });
    const bytes = Buffer.from(answer.body);
    const date = { date: new Date(this.clock.now()).toUTCString() };
    const fault = this.#troubles.find((one) => "fault" in one && at >= one.at && at < one.at + one.times);
    switch (fault !== undefined && "fault" in fault ? fault.fault : undefined) {
      case "500":
        response.writeHead(500, { ...date, "content-type": "application/json" });
        response.end('{"name":"An Internal Error Has Occurred."}');
        return;
      case "reset":
        response.destroy();
        return;
      case "cut":
        response.writeHead(answer.status, { ...answer.headers, ...date, "content-length": bytes.length + 9 });
        response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
        return;
      case "page":
        response.writeHead(200, { ...date, "content-type": "text/html" });
        response.end("<!doctype html><title>Maintenance</title>");
        return;
      default:
        response.writeHead(answer.status, { ...answer.headers, ...date, "content-length": bytes.length });
        response.end(bytes);
    }
  }
}

test("after any changes the next sync leaves what a fresh full pull gives, and grace for what was edited", async (t) => {
  let stage = new Stage();
  const url = await serve(t, (request, response) => stage.answer(request, response));

  async function run(steps: readonly Step[], published: boolean): Promise<void> {
    stage = new Stage();
    const { clock, sim } = stage;
    const settings = { url, published_only: published, grace: `${GRACE_HOURS}h`, reconcile: "48h" };
    const rig = new SyncRig(clock, { ...settings, part_size: 5 });
    const model = new SyncModel(sim, published);
    const check = async (more: Parameters<SyncModel["check"]>[3] = {}) =>
      model.check(rowsOf(rig.store), await freshRows(clock, settings), clock.now(), more);
    for (const one of FIRST) stage.mutate(one);
    clock.advance(10 * SECOND);
    try {
      for (const { restart, mutations, hints, troubles, waits } of steps) {
        if (restart) await rig.restart();
        for (const { mutation: one, waitsSeconds } of mutations) {
          stage.mutate(one);
          clock.advance(waitsSeconds * SECOND);
        }
        if (hints !== undefined && rig.store.feeds().length > 0 && rig.store.partialFeeds().length === 0) {
          const events = [...sim.state.events.values()];
          const only = new Set<string>();
          const words = hints.map((one) => {
            if (typeof one === "string") return one;
            const event = events[one.event % Math.max(1, events.length)];
            if (event === undefined) return "1";
            only.add(event.uuid);
            return one.as === "id" ? String(event.id) : one.as === "uuid" ? event.uuid : event.uuid.toUpperCase();
          });
          const outcome = await rig.sync({ only: [...words, ...words], confirmShrink: ["misp"] });
          assert.match(outcome.status, /^(?:applied|unchanged)$/, outcome.error?.stack);
          await check({ only });
        }
        let noise: Noise | undefined;
        if (troubles.length > 0) {
          const before = rowsOf(rig.store);
          stage.arm(troubles);
          const { status } = await rig.sync();
          noise = stage.noise;
          stage.arm([]);
          if (status === "failed") {
            if (rig.store.partialFeeds().length === 0) assert.deepEqual(rowsOf(rig.store), before);
            clock.advance(RECOVERY);
          }
        }
        const outcome = await rig.sync();
        assert.match(outcome.status, /^(?:applied|unchanged)$/, outcome.error?.stack);
        assert.deepEqual(rig.store.partialFeeds(), []);
        await check(noise === undefined ? {} : { noise });
        clock.advance(waits);
      }
    } finally {
      await rig.close();
    }
  }

  const runs = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 40);
  const steps = fc.array(step, { minLength: 1, maxLength: 8, size: "max" });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 0, max: 3 }), (all, n) => run(all, n > 0)),
    { numRuns: runs },
  );
});
