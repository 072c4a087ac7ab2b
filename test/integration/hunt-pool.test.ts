import assert from "node:assert/strict";
import { test } from "node:test";
import { HuntPool, type HuntPoolOptions, ScanLost } from "../../src/app/hunt-pool.ts";
import { ScanThread } from "../../src/app/hunt-scan-thread.ts";
import { type LogFields, silentLog } from "../../src/lib/log.ts";

const built = import.meta.url.endsWith(".ts") ? "ts" : "js";
const entry = new URL(`../support/slow-hunt-worker.${built}`, import.meta.url);
const setup = {} as HuntPoolOptions["setup"];
const target = (path: string) => ({ path, packed: false }) as HuntPoolOptions["files"][number]["target"];
const file = (path: string, from: number) => ({
  target: target(path),
  readAt: 0,
  content: 300,
  start: undefined,
  part: { from, to: from + 100 },
});

test("an interruption ends a file where it was read to: what threads found behind a gap is not given", async () => {
  const stop = new AbortController();
  const files = [0, 100, 200].map((from) => file("/parts", from));
  const pool = new HuntPool({ setup, threads: 2, files, log: silentLog, signal: stop.signal, entry });
  const places: number[] = [];
  for await (const step of pool.open({ target: target("/parts") }).run()) {
    places.push(step.place?.offset ?? 0);
    // The other thread goes on, so that later parts are held when the interruption comes.
    setTimeout(() => stop.abort(), 500);
  }
  await pool.close();
  assert.deepEqual(places, [1]);
});

test("what was read of a file that nobody asks for does not hold up the next one", async () => {
  const stop = new AbortController();
  const files = [file("/never-asked", 100), file("/asked", 100)];
  const heldBytes = 2_000;
  const pool = new HuntPool({ setup, threads: 1, files, log: silentLog, signal: stop.signal, entry, heldBytes });
  const places: number[] = [];
  for await (const step of pool.open({ target: target("/asked") }).run()) places.push(step.place?.offset ?? 0);
  await pool.close();
  assert.deepEqual(places, [101]);
});

test("a thread that lives and never answers is given up; one that waits to be asked is not", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const said: unknown[] = [];
  const log = { ...silentLog, warn: (_: string, fields: LogFields = {}) => void said.push(String(fields["error"])) };
  const silent = new URL(`../support/silent-hunt-worker.${built}`, import.meta.url);
  const files = [file("/never-read", 100)];
  const pool = new HuntPool({ setup, threads: 1, files, log, signal: new AbortController().signal, entry: silent });
  const reading = pool
    .open({ target: target("/never-read") })
    .run()
    .next();
  t.mock.timers.tick(20 * 60_000);
  assert.deepEqual(said, []);
  t.mock.timers.tick(60_000);
  await assert.rejects(reading, ScanLost);
  assert.deepEqual(said, ["TiplineError: the thread that hunts failed: it has not answered for 20 minutes"]);
  await pool.close();

  const thread = new ScanThread<{ target: object }, { lines: number }>(entry, {});
  const steps = thread.scan({ target: target("/never-asked") }).run();
  assert.equal((await steps.next()).value?.lines, 1);
  t.mock.timers.tick(10 * 3_600_000);
  assert.equal((await steps.next()).value?.lines, 1);
  await steps.return(undefined);
  await thread.close();
});
