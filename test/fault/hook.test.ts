import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SpoolFollower } from "../../src/clients/wazuh-spool.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { openJournal } from "../../src/store/journal.ts";
import { HookRig } from "../support/hook.ts";

const text = (n: number) => `${JSON.stringify({ n, rule: { level: 5 }, full_log: "x".repeat((n * 7919) % 30_000) })}\n`;

/** Takes what is there until a look finds nothing; each delivery goes through a journal, as in the pipeline. */
async function drain(t: TestContext, rig: HookRig, until: () => boolean) {
  const journal = await openJournal({ dir: join(rig.folder, `journal-${Math.random()}`), readers: [] });
  t.after(() => journal.close());
  const taken: number[] = [];
  const stop = new AbortController();
  const source = new SpoolFollower({ path: rig.spool, clock: systemClock, log: silentLog, pollMs: 20 });
  const reading = (async () => {
    for await (const delivery of source.read(undefined, stop.signal)) {
      assert.deepEqual(delivery.rejected, []);
      const { range, checkpoint, records } = delivery;
      const commit = { source: "hook", range, checkpoint: { ...checkpoint, taken: [...checkpoint.taken] } };
      await journal.commit({ ...commit, findings: [], deadLetters: [], confirmed: [] });
      for (const { bytes } of records) {
        const { n } = JSON.parse(bytes.toString()) as { readonly n: number };
        assert.equal(`${bytes}\n`, text(n), "whole, byte for byte");
        taken.push(n);
      }
      await source.committed(delivery);
    }
  })();
  for (const end = Date.now() + 120_000; Date.now() < end; await sleep(20)) {
    if (until() && rig.names().length === 0) break;
  }
  stop.abort();
  await reading;
  return taken;
}

/** Programs instead of the real ones: none, or a copy that is slow in its middle. */
const WAYS: readonly (readonly [string, (rig: HookRig) => void])[] = [
  ["by link", () => undefined],
  [
    "by copy",
    (rig) => {
      rig.replaceProgram("ln", "exit 1");
      rig.replaceProgram("cp", `head -c 20 "$1" >"$2"; sleep 0.02; exec /bin/cp "$1" "$2"`);
    },
  ],
];

for (const [way, prepare] of WAYS) {
  test(`many hooks at once, ${way}: every alert whose hook ended well comes exactly once, whole`, async (t) => {
    const rig = new HookRig(t);
    prepare(rig);
    let over = false;
    const draining = drain(t, rig, () => over);
    const ended: (number | null)[] = [];
    for (let n = 0; n < 120; n += 12) {
      const batch = Array.from({ length: 12 }, (_, i) => rig.start(rig.alert(text(n + i))));
      ended.push(...(await Promise.all(batch)));
    }
    over = true;
    const taken = await draining;
    assert.deepEqual(new Set(ended), new Set([0]));
    assert.deepEqual(
      [...taken].sort((a, b) => a - b),
      ended.map((_, n) => n),
    );
  });

  test(`hooks killed at any moment, ${way}: never half an alert, and none lost whose hook ended well`, async (t) => {
    const rig = new HookRig(t);
    prepare(rig);
    let over = false;
    const draining = drain(t, rig, () => over);
    const well: number[] = [];
    let killed = 0;
    for (let n = 0; n < 80; n += 1) {
      const child = spawn(rig.script, rig.args(rig.alert(text(n))), { env: rig.env, detached: true, stdio: "ignore" });
      const exit = new Promise<number | null>((resolve) => child.on("exit", resolve));
      // Some are let live, however long they take.
      if (n % 25 === 0) await exit;
      else await sleep((n * 7) % (way === "by link" ? 5 : 40));
      try {
        // The whole group: the shell and what it started.
        process.kill(-(child.pid ?? 0), "SIGKILL");
      } catch {
        // It has ended.
      }
      if ((await exit) === 0) well.push(n);
      else killed += 1;
    }
    over = true;
    const taken = await draining;
    assert.ok(killed > 0 && well.length > 0, `${killed} killed, ${well.length} ended well`);
    assert.equal(new Set(taken).size, taken.length);
    assert.deepEqual(
      well.filter((n) => !taken.includes(n)),
      [],
    );
  });
}
