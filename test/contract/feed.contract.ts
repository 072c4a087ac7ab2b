import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Feed, FeedPage, FeedPull } from "../../src/contract/feed.ts";
import { TiplineError } from "../../src/lib/errors.ts";
import type { QuarantinedIndicator, ReportedIndicator } from "../../src/model/indicator.ts";
import type { JsonValue } from "../../src/model/json.ts";

/** A feed and the place it reads. `NAME` is the feed's configured name. */
export interface FeedHarness {
  readonly feed: Feed;
  /** Replaces everything the place says: values of the events by event number. All values are domain names. */
  say(events: ReadonlyMap<number, readonly string[]>): void | Promise<void>;
  /** What the place says from now on is no feed at all. */
  breakIt(): void | Promise<void>;
}

export const NAME = "the-feed";
export type OpenFeed = (t: TestContext) => Promise<FeedHarness>;

const NEVER = new AbortController().signal;

export interface PulledState {
  readonly cursor: JsonValue;
  /** Values in force, by event UUID. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly refused: readonly QuarantinedIndicator[];
}

/** Takes a pull in as a generation would: withdrawals first, then additions. */
export async function take(before: PulledState | undefined, pull: FeedPull): Promise<PulledState> {
  if (pull.mode === "unchanged") {
    assert.ok(before, "a first pull is never unchanged");
    return before;
  }
  const pages: FeedPage[] = [];
  for await (const page of pull.pages) pages.push(page);
  const values = new Map<string, string[]>();
  if (pull.mode === "delta") for (const [event, held] of before?.values ?? []) values.set(event, [...held]);
  for (const page of pages) for (const event of page.withdrawnEvents) values.delete(event);
  for (const page of pages) for (const one of page.indicators) append(values, one);
  return { cursor: JSON.parse(JSON.stringify(pull.cursor())), values, refused: pages.flatMap((page) => page.refused) };
}

function append(values: Map<string, string[]>, { value, report }: ReportedIndicator): void {
  const held = values.get(report.event.uuid);
  if (held) held.push(value);
  else values.set(report.event.uuid, [value]);
}

const spoken = (state: PulledState) => [...state.values.values()].flat().sort();
const names = (events: ReadonlyMap<number, readonly string[]>) => [...events.values()].flat().sort();

/** What every feed must do, whatever the place it reads. */
export function testFeed(name: string, open: OpenFeed): void {
  const run = (title: string, body: (harness: FeedHarness) => Promise<void>) =>
    test(`${name}: ${title}`, async (t) => {
      const harness = await open(t);
      t.after(() => harness.feed.close?.());
      await body(harness);
    });

  run("the first pull is full, names the feed in every report and keeps pages bounded", async ({ feed, say }) => {
    const events = new Map([
      [1, numbered("a", 11_000)],
      [2, numbered("b", 40)],
    ]);
    await say(events);
    const pull = await feed.pull(undefined, NEVER);
    if (pull.mode !== "full") return assert.fail(`expected a full pull, got ${pull.mode}`);
    assert.throws(() => pull.cursor(), TiplineError);
    const found: string[] = [];
    for await (const page of pull.pages) {
      assert.ok(page.indicators.length <= 10_000, "a page holds at most 10,000 indicators");
      assert.deepEqual(page.withdrawnEvents, []);
      for (const { report, value } of page.indicators) {
        assert.equal(report.feed, NAME);
        assert.match(report.event.uuid, /^[0-9a-f-]{36}$/);
        assert.match(report.attributeUuid, /^[0-9a-f-]{36}$/);
        found.push(value);
      }
    }
    assert.deepEqual(found.sort(), names(events));
    assert.ok(pull.cursor() !== undefined);
  });

  run("with its cursor and nothing new it changes nothing", async ({ feed, say }) => {
    const events = new Map([
      [1, ["one.example.net"]],
      [2, ["two.example.net"]],
    ]);
    await say(events);
    const first = await take(undefined, await feed.pull(undefined, NEVER));
    const second = await take(first, await feed.pull(first.cursor, NEVER));
    assert.deepEqual(spoken(second), names(events));
  });

  run("through adds, edits and deletes the cursor leads where a fresh pull leads", async ({ feed, say }) => {
    const steps: ReadonlyMap<number, readonly string[]>[] = [
      new Map([
        [1, ["a.example.net"]],
        [2, ["b.example.net", "c.example.net"]],
        [3, ["d.example.net"]],
      ]),
      new Map([
        [1, ["a.example.net"]],
        [2, ["b.example.net"]],
        [3, ["d.example.net"]],
      ]),
      new Map([
        [2, ["b.example.net", "x.example.net"]],
        [3, ["d.example.net"]],
      ]),
      new Map([
        [2, ["b.example.net"]],
        [3, ["d.example.net", "e.example.net"]],
        [4, ["f.example.net"]],
      ]),
    ];
    let state: PulledState | undefined;
    for (const step of steps) {
      await say(step);
      state = await take(state, await feed.pull(state?.cursor, NEVER));
      const fresh = await take(undefined, await feed.pull(undefined, NEVER));
      assert.deepEqual(spoken(state), names(step));
      assert.deepEqual(spoken(fresh), names(step));
    }
  });

  run("a cursor that is not its own means a full pull", async ({ feed, say }) => {
    await say(new Map([[1, ["a.example.net"]]]));
    for (const cursor of [null, 7, "x", [], {}, { v: 1, options: "other", events: [], documents: [] }] as JsonValue[]) {
      const pull = await feed.pull(cursor, NEVER);
      assert.equal(pull.mode, "full");
      assert.deepEqual(spoken(await take(undefined, pull)), ["a.example.net"]);
    }
  });

  run("reports progress that only grows", async ({ feed, say }) => {
    await say(
      new Map([
        [1, numbered("a", 300)],
        [2, numbered("b", 10)],
      ]),
    );
    const seen: number[] = [];
    await take(undefined, await feed.pull(undefined, NEVER, ({ attributes }) => seen.push(attributes)));
    assert.equal(seen.at(-1), 310);
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
  });

  run("stops when it is told to", async ({ feed, say }) => {
    await say(new Map([[1, ["a.example.net"]]]));
    await assert.rejects(
      feed.pull(undefined, AbortSignal.abort()).then((pull) => take(undefined, pull)),
      TiplineError,
    );
    const stop = new AbortController();
    const pull = await feed.pull(undefined, stop.signal);
    stop.abort();
    await assert.rejects(take(undefined, pull), TiplineError);
  });

  run("throws rather than say that there is nothing when the place is broken", async ({ feed, say, breakIt }) => {
    await say(new Map([[1, ["a.example.net"]]]));
    const first = await take(undefined, await feed.pull(undefined, NEVER));
    await breakIt();
    const isFeedError = (error: unknown) =>
      error instanceof TiplineError && /^TIP_FEED_/.test(error.code) && error.message.length > 20;
    await assert.rejects(
      feed.pull(undefined, NEVER).then((pull) => take(undefined, pull)),
      isFeedError,
    );
    await assert.rejects(
      feed.pull(first.cursor, NEVER).then((pull) => take(first, pull)),
      isFeedError,
    );
  });
}

const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}.example.net`);
