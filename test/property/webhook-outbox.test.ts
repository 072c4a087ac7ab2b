import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { silentLog } from "../../src/lib/log.ts";
import type { Finding } from "../../src/model/finding.ts";
import { Outbox } from "../../src/store/outbox.ts";
import {
  type Letter,
  OutboxDelivery,
  type Poster,
  type PostOutcome,
  RETRY_MS,
} from "../../src/store/outbox-delivery.ts";
import { grouped } from "../../src/store/outbox-groups.ts";
import { sleepClock } from "../support/fake-clocks.ts";
import { makeFinding } from "../support/finding.ts";
import { tempDir } from "../support/temp.ts";
import { TestHouse } from "../support/webhook-sink.ts";

const RUNS = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 8);
const HOUR = 3_600_000;

/** A receiver that takes, fails or breaks off after it took, as it is told; it knows messages by their id. */
class Receiver implements Poster {
  readonly receiver = "r";
  readonly taken = new Map<string, Letter>();
  readonly bodies = new Map<string, string>();
  outcomes: readonly number[] = [];
  #calls = 0;

  /** 100 ids a part, 200 parts at most. */
  split(_letter: unknown, ids: readonly string[]): readonly number[] {
    const ends: number[] = [];
    for (let end = 100; end < ids.length + 100 && ends.length < 200; end += 100) ends.push(Math.min(end, ids.length));
    return ends;
  }

  async post(letter: Letter): Promise<PostOutcome> {
    const body = JSON.stringify(letter);
    assert.equal(this.bodies.get(letter.id) ?? body, body, "a message tried again is the same");
    this.bodies.set(letter.id, body);
    const dice = this.outcomes.length === 0 ? 9 : (this.outcomes[this.#calls++ % this.outcomes.length] ?? 9);
    const cause = new Error("as told");
    if (dice === 0) return { status: "failed", cause };
    if (dice === 1) return { status: "failed", cause, retryAfterMs: 120_000, throttled: true };
    this.taken.set(letter.id, letter);
    // The answer is lost: it is sent again.
    return dice === 2 ? { status: "failed", cause } : { status: "delivered" };
  }

  lettersOf(kind: Letter["kind"]): Letter[] {
    return [...this.taken.values()].filter((letter) => letter.kind === kind);
  }

  get ids(): string[] {
    return [...this.taken.values()].flatMap((letter) => letter.ids);
  }
}

const findingOf = (n: number, key: number): Finding =>
  makeFinding(n, { key: { indicator: `ip:203.0.113.${key}`, entity: `agent:${key % 7}` } });

interface Scene {
  readonly sizes: readonly number[];
  readonly keys: readonly number[];
  readonly outcomes: readonly number[];
  readonly restarts: readonly boolean[];
  readonly repeats: readonly boolean[];
}

const scenes: fc.Arbitrary<Scene> = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 12 }),
  keys: fc.array(fc.integer({ min: 0, max: 49 }), { minLength: 1, maxLength: 200 }),
  outcomes: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 20 }),
  restarts: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
  repeats: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
});

const at = <T>(list: readonly T[], i: number): T => list[i % list.length] as T;

async function play(dir: string, total: number, scene: Scene) {
  const clock = sleepClock(1_000_000_000_000);
  const receiver = new Receiver();
  const house = new TestHouse();
  const never = new AbortController().signal;
  let outbox: Outbox;
  let delivery: OutboxDelivery;
  const open = () => {
    outbox = new Outbox(dir, { windowMs: HOUR, maxNotices: 50, maxBytes: 2 ** 30 });
    delivery = new OutboxDelivery(outbox, receiver, {
      name: "s",
      clock,
      log: silentLog,
      spacingMs: 0,
      random: () => 0,
    });
  };
  open();
  receiver.outcomes = scene.outcomes;
  let n = 0;
  for (let turn = 0; n < total; turn++) {
    const size = Math.min(at(scene.sizes, turn), total - n);
    const batch = Array.from({ length: size }, (_, i) =>
      grouped(findingOf(n + i, at(scene.keys, n + i)), ["indicator", "entity"]),
    );
    // What comes in while a message is being made and sent must not fall between the two.
    const stepping = at(scene.repeats, turn + 1) ? delivery!.step(house, never) : undefined;
    // The journal may hand the same over again: after a crash, or with what came before.
    assert.equal(await outbox!.add(batch, clock.now()), size);
    await stepping;
    if (at(scene.repeats, turn)) assert.equal(await outbox!.add(batch, clock.now()), size);
    n += size;
    // All within the first window.
    clock.advance(Math.floor(HOUR / 2 / (total / at(scene.sizes, 0) + 20) / 10));
    if (at(scene.restarts, turn)) {
      await outbox!.close();
      open();
    }
    for (let step = 0; step < 3; step++) await delivery!.step(house, never);
  }
  assert.ok(clock.now() < 1_000_000_000_000 + HOUR, "it all came within one window");
  // One that took a message ten times and never said so is not to be told from one that did not take it.
  receiver.outcomes = [];
  for (let turn = 0; turn < 5000 && outbox!.meta.findings > 0; turn++) {
    const next = await delivery!.step(house, never);
    if (next > clock.now() && next < Number.POSITIVE_INFINITY) clock.advance(next - clock.now());
  }
  assert.equal(outbox!.meta.findings, 0);
  await outbox!.close();
  return { receiver, house };
}

test("10,000 findings over 50 keys: at most 50 notices and one digest, and each id is in exactly one of them", async (t) => {
  const dir = tempDir(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(scenes, async (scene) => {
      const folder = join(dir, String(run++));
      const total = run === 1 ? 10_000 : 600;
      const { receiver, house } = await play(folder, total, scene);
      const notices = receiver.lettersOf("notice");
      const digests = new Set(receiver.lettersOf("digest").map(({ message }) => message));
      assert.ok(notices.length <= 50, `${notices.length} notices`);
      assert.ok(digests.size <= 1, `${digests.size} digests`);
      const all = [...receiver.ids, ...house.dead];
      assert.equal(all.length, total);
      assert.equal(new Set(all).size, total, "each finding once");
      assert.deepEqual(house.dead, []);
      rmSync(folder, { recursive: true });
    }),
    {
      numRuns: RUNS,
      endOnFailure: true,
      examples: [[{ sizes: [500], keys: [...Array(50).keys()], outcomes: [], restarts: [false], repeats: [true] }]],
    },
  );
});

test("a receiver that never takes anything: each finding is in one dead letter, after ten attempts and three days", async (t) => {
  const dir = tempDir(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 1, max: 40 }), async (total, keys) => {
      const clock = sleepClock(1_000_000_000_000);
      const receiver = new Receiver();
      receiver.outcomes = [0];
      const house = new TestHouse();
      const outbox = new Outbox(join(dir, String(run++)), { windowMs: HOUR, maxNotices: 10, maxBytes: 2 ** 30 });
      const delivery = new OutboxDelivery(outbox, receiver, {
        name: "s",
        clock,
        log: silentLog,
        spacingMs: 0,
        random: () => 0,
      });
      const batch = Array.from({ length: total }, (_, n) => grouped(findingOf(n, n % keys), ["indicator", "entity"]));
      await outbox.add(batch, clock.now());
      const started = clock.now();
      for (let turn = 0; turn < 2000 && outbox.meta.findings > 0; turn++) {
        const next = await delivery.step(house, new AbortController().signal);
        if (next > clock.now() && next < Number.POSITIVE_INFINITY) clock.advance(next - clock.now());
      }
      assert.deepEqual([...house.dead].sort(), batch.map(({ finding }) => finding.id).sort());
      const schedule = RETRY_MS.reduce((sum, ms) => sum + ms, 0);
      assert.ok(clock.now() - started >= schedule && clock.now() - started <= schedule + HOUR);
      // Replayed, they go out again as something new.
      receiver.outcomes = [];
      await outbox.add(batch, clock.now());
      for (let turn = 0; turn < 200 && outbox.meta.findings > 0; turn++) {
        const next = await delivery.step(house, new AbortController().signal);
        if (next > clock.now() && next < Number.POSITIVE_INFINITY) clock.advance(next - clock.now());
      }
      assert.deepEqual([...receiver.ids].sort(), batch.map(({ finding }) => finding.id).sort());
      await outbox.close();
    }),
    { numRuns: Math.max(3, Math.floor(RUNS / 4)), endOnFailure: true },
  );
});
