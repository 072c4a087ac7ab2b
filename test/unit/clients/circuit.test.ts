import assert from "node:assert/strict";
import { test } from "node:test";
import { type Circuit, circuitOf, createCircuit } from "../../../src/clients/circuit.ts";
import { RemoteError, type RemoteKind } from "../../../src/lib/remote-error.ts";

const START = Date.parse("2026-11-20T12:00:00Z");

function rig() {
  let now = START;
  const circuit = createCircuit({ name: "https://misp.test" });
  const clock = () => now;
  return {
    circuit,
    clock,
    advance: (ms: number) => {
      now += ms;
    },
    fails: async (kind: RemoteKind, status?: number, times = 1, retryAfterMs?: number) => {
      for (let at = 0; at < times; at++)
        await assert.rejects(
          circuit.run(async () => {
            throw new RemoteError(kind, "nothing listens there", {
              ...(status === undefined ? {} : { status }),
              ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
            });
          }, clock),
          { kind },
        );
    },
    works: () => circuit.run(async () => "ok", clock),
    state: () => circuit.state(now).state,
  };
}

async function paused(circuit: Circuit, clock: () => number): Promise<RemoteError> {
  let ran = false;
  const error = await circuit
    .run(async () => {
      ran = true;
    }, clock)
    .then(
      () => assert.fail("expected it to be paused"),
      (thrown: unknown) => thrown,
    );
  assert.ok(error instanceof RemoteError && error.kind === "paused", String(error));
  assert.equal(ran, false, "the peer is not asked");
  return error;
}

test("opens after five failures in a row to reach the peer, and says since when, why and until when", async () => {
  const { circuit, clock, advance, fails, state } = rig();
  await fails("unreachable", undefined, 4);
  assert.equal(state(), "closed");
  advance(5000);
  await fails("unreachable");
  assert.equal(state(), "open");
  const error = await paused(circuit, clock);
  assert.match(
    error.message,
    /^https:\/\/misp\.test is not asked for now: 5 failures in a row since 2026-11-20 12:00:00Z, it is tried again at 2026-11-20 12:00:\d\dZ \(the last one: nothing listens there\)$/,
  );
  assert.ok((error.retryAfterMs ?? 0) > 4000 && (error.retryAfterMs ?? 0) <= 10_000);
  assert.equal(error.transient, true);
});

test("one success in between closes it; refusals count as life", async () => {
  const { fails, works, state } = rig();
  for (let at = 0; at < 10; at++) {
    await fails("unreachable", undefined, 4);
    await works();
  }
  await fails("unreachable", undefined, 4);
  await fails("auth", 403);
  await fails("unreachable", undefined, 4);
  assert.equal(state(), "closed");
});

test("what is too heavy for MISP opens it late, what is the caller's fault or a stop never", async () => {
  const { fails, state, works } = rig();
  await fails("server", 500, 79);
  assert.equal(state(), "closed");
  await works();
  await fails("timeout", undefined, 39);
  assert.equal(state(), "closed");
  await works();
  for (const kind of ["aborted", "tls", "rate-limited", "forbidden"] as const) await fails(kind, undefined, 50);
  assert.equal(state(), "closed");
  await fails("server", 503, 5);
  assert.equal(state(), "open");
});

test("half open lets one request through, and pauses grow while it fails", async () => {
  const { circuit, clock, advance, fails, works, state } = rig();
  await fails("unreachable", undefined, 5);
  let last = 0;
  for (let round = 0; round < 8; round++) {
    const { retryAfterMs = 0 } = await paused(circuit, clock);
    assert.ok(retryAfterMs <= 300_000);
    if (round < 4) assert.ok(retryAfterMs >= last, `${retryAfterMs} after ${last}`);
    last = retryAfterMs;
    advance(retryAfterMs);
    assert.equal(state(), "half-open");
    await fails("unreachable");
    assert.equal(state(), "open");
  }
  advance(300_000);
  let release: () => void = () => undefined;
  const probe = circuit.run(() => new Promise<void>((resolve) => (release = resolve)), clock);
  await paused(circuit, clock);
  release();
  await probe;
  assert.equal(state(), "closed");
  await works();
  await fails("unreachable", undefined, 4);
  assert.equal(state(), "closed", "it counts from nothing again");
});

test("a probe that is stopped leaves the way free for the next one", async () => {
  const { fails, advance, works, state } = rig();
  await fails("unreachable", undefined, 5);
  advance(300_000);
  await fails("aborted");
  assert.equal(state(), "half-open");
  await works();
  assert.equal(state(), "closed");
});

test("the peer's own wish is kept, within bounds", async () => {
  const { circuit, clock, fails } = rig();
  await fails("server", 503, 5, 120_000);
  assert.equal((await paused(circuit, clock)).retryAfterMs, 120_000);
  const greedy = rig();
  await greedy.fails("server", 503, 5, 1e12);
  assert.equal((await paused(greedy.circuit, greedy.clock)).retryAfterMs, 900_000);
});

test("one base URL has one circuit in the process", () => {
  assert.equal(circuitOf("https://a.test"), circuitOf("https://a.test"));
  assert.notEqual(circuitOf("https://a.test"), circuitOf("https://b.test"));
});
