import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { SendResult, Sink } from "../../src/contract/sink.ts";
import type { Finding } from "../../src/model/finding.ts";
import { makeFinding } from "../support/finding.ts";

/** A sink and its receiver. */
export interface SinkHarness {
  readonly sink: Sink;
  /** Ids of the findings that the receiver has, in order of arrival. */
  received(): Promise<readonly string[]>;
  /** The receiver goes away: nothing sent from now on arrives. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** The receiver stops reading without going away; for a sink whose receiver can (`stalls`). */
  stall?(): void;
  resume?(): void;
}

export type OpenHarness = (t: TestContext) => Promise<SinkHarness>;

const NEVER = new AbortController().signal;
/** More than a stalled receiver's queue holds, also where the host allows long ones (systemd sets 512). */
const STALLED = 600;

/** What every sink must do, whatever its receiver. */
export function testSink(name: string, open: OpenHarness, { stalls }: { readonly stalls: boolean }): void {
  const run = (title: string, body: (harness: SinkHarness) => Promise<void>) =>
    test(`${name}: ${title}`, async (t) => {
      const harness = await open(t);
      await body(harness);
    });

  run("delivers a batch in order, each finding with its id", async ({ sink, received }) => {
    const batch = findings(0, 25);
    assert.deepEqual(await sink.send(batch, NEVER), { status: "sent" });
    assert.deepEqual(await received(), ids(batch));
  });

  run("takes an empty batch", async ({ sink, received }) => {
    assert.deepEqual(await sink.send([], NEVER), { status: "sent" });
    assert.deepEqual(await received(), []);
  });

  run("answers with a reason while the receiver is down and delivers when it is back", async (harness) => {
    const batch = findings(0, 3);
    await harness.down();
    for (let attempt = 0; attempt < 3; attempt += 1) assertRetry(await harness.sink.send(batch, NEVER), 0);
    await harness.up();
    await deliver(harness.sink, batch);
    assertAll(await harness.received(), batch);
  });

  run("finds a receiver that restarted between two batches", async (harness) => {
    const batch = findings(0, 6);
    await deliver(harness.sink, batch.slice(0, 3));
    await harness.down();
    await harness.up();
    await deliver(harness.sink, batch.slice(3));
    assertAll(await harness.received(), batch);
  });

  run("loses nothing and keeps the order while the receiver comes and goes", async (harness) => {
    const batch = findings(0, 300);
    let at = 0;
    for (let round = 0; at < batch.length; round += 1) {
      if (round % 5 === 1) await harness.down();
      if (round % 5 === 3) await harness.up();
      const part = batch.slice(at, at + 10);
      at += taken(await harness.sink.send(part, NEVER), part.length);
    }
    await harness.up();
    assertAll(await harness.received(), batch);
  });

  run("answers, and does not throw, when the signal is already aborted", async ({ sink, received }) => {
    const batch = findings(0, 5);
    const result = await sink.send(batch, AbortSignal.abort());
    const rest = batch.slice(taken(result, batch.length));
    await deliver(sink, rest);
    assertAll(await received(), batch);
  });

  run("takes hostile text and a finding of megabytes", async ({ sink, received }) => {
    const hostile = makeFinding(1, {
      alert: {
        ...makeFinding(1).alert,
        agent: { id: "0]1", name: ') 1->x:|\n\0\u{1f600}\ud83d"{' },
        raw: "\0 no json",
      },
      misp: { value: '\0\ud83d":|\\', comment: "x".repeat(3_000_000), tags: Array(20_000).fill("tag:x=\u2028") },
    });
    await deliver(sink, [hostile, makeFinding(2)]);
    assertAll(await received(), [hostile, makeFinding(2)]);
  });

  run("answers after close()", async ({ sink }) => {
    await sink.send(findings(0, 1), NEVER);
    await sink.close?.();
    await sink.close?.();
    const result = await sink.send([], NEVER);
    assert.ok(["sent", "retry"].includes(result.status));
  });

  if (stalls) testStall(run);
}

function testStall(run: (title: string, body: (harness: SinkHarness) => Promise<void>) => void): void {
  run("gives back what a stalled receiver did not take, and delivers it later", async (harness) => {
    const batch = findings(0, STALLED);
    harness.stall?.();
    const result = await harness.sink.send(batch, NEVER);
    assertRetry(result);
    harness.resume?.();
    await deliver(harness.sink, batch.slice(taken(result, batch.length)));
    assert.deepEqual(await harness.received(), ids(batch));
  });

  run("waits for a receiver that is only slow", async (harness) => {
    const batch = findings(0, STALLED);
    harness.stall?.();
    const sending = harness.sink.send(batch, NEVER);
    setTimeout(() => harness.resume?.(), 30);
    await deliver(harness.sink, batch.slice(taken(await sending, batch.length)));
    assert.deepEqual(await harness.received(), ids(batch));
  });

  run("stops waiting when the signal aborts", async (harness) => {
    const batch = findings(0, STALLED);
    const stop = new AbortController();
    harness.stall?.();
    const sending = harness.sink.send(batch, stop.signal);
    setTimeout(() => stop.abort(), 20);
    const result = await sending;
    assertRetry(result);
    harness.resume?.();
    await deliver(harness.sink, batch.slice(taken(result, batch.length)));
    assertAll(await harness.received(), batch);
  });
}

/** What the pipeline does: again and again, from the first that was not taken. */
async function deliver(sink: Sink, batch: readonly Finding[]): Promise<void> {
  let rest = batch;
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const result = await sink.send(rest, NEVER);
    rest = rest.slice(taken(result, rest.length));
    if (result.status === "sent") return;
    assert.notEqual(result.status, "rejected", String((result as { cause?: Error }).cause));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.fail("not delivered within a minute");
}

function taken(result: SendResult, size: number): number {
  if (result.status === "sent") return size;
  return result.status === "retry" ? (result.taken ?? 0) : 0;
}

function assertRetry(result: SendResult, count?: number): void {
  assert.equal(result.status, "retry");
  if (result.status !== "retry") return;
  assert.ok(result.cause instanceof Error && result.cause.message.length > 10, "the cause says what is wrong");
  if (count !== undefined) assert.equal(result.taken ?? 0, count);
}

/** Every finding at least once, and first arrivals in order. */
function assertAll(received: readonly string[], batch: readonly Finding[]): void {
  assert.deepEqual([...new Set(received)], ids(batch));
}

const ids = (batch: readonly Finding[]): string[] => batch.map(({ id }) => id);

function findings(from: number, count: number): Finding[] {
  return Array.from({ length: count }, (_, index) => makeFinding(from + index));
}
