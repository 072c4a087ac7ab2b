import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { outboxDir } from "../../../src/app/components.ts";
import { Metrics } from "../../../src/app/metrics.ts";
import { openOutboxes } from "../../../src/app/outboxes.ts";
import type { OutboxHouse } from "../../../src/contract/outbox.ts";
import type { Sink } from "../../../src/contract/sink.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { openJournal } from "../../../src/store/journal.ts";
import { Outbox } from "../../../src/store/outbox.ts";
import { grouped } from "../../../src/store/outbox-groups.ts";
import { readOutbox } from "../../../src/store/outbox-reader.ts";
import { makeFinding } from "../../support/finding.ts";
import { tempDir } from "../../support/temp.ts";

const findings = Array.from({ length: 450 }, (_, n) =>
  makeFinding(n, { key: { indicator: "ip:8.8.8.8", entity: `agent:${n}` } }),
);

async function fill(stateDir: string, sink: string): Promise<void> {
  const outbox = new Outbox(outboxDir(stateDir, sink), { windowMs: 1000, maxNotices: 3, maxBytes: 2 ** 30 });
  await outbox.add(
    findings.map((finding) => grouped(finding, ["indicator", "entity"])),
    Date.now(),
  );
  await outbox.close();
}

async function journalFor(t: TestContext, stateDir: string, sinks: readonly string[]) {
  const readers = sinks.map((name) => ({ name, stream: "out" as const, required: false }));
  const journal = await openJournal({ dir: join(stateDir, "journal"), readers });
  t.after(() => journal.close());
  return journal;
}

const parts = (
  stateDir: string,
  journal: Awaited<ReturnType<typeof journalFor>>,
  sinks: { name: string; sink: Sink }[],
) => ({
  stateDir,
  sinks,
  journal,
  metrics: new Metrics(),
  clock: systemClock,
  log: silentLog,
});

test("the outbox of a sink that is no longer configured becomes dead letters, each finding once", async (t) => {
  const stateDir = tempDir(t);
  await fill(stateDir, "gone");
  const journal = await journalFor(t, stateDir, ["file"]);
  await openOutboxes(parts(stateDir, journal, []));
  const letters = journal.deadLetters.list({ limit: 1000 });
  assert.deepEqual(letters.map(({ finding }) => finding?.id).sort(), findings.map(({ id }) => id).sort());
  assert.ok(letters.every(({ component, reason }) => component === "gone" && reason.includes("no longer configured")));
  assert.equal(existsSync(outboxDir(stateDir, "gone")), false);
});

test("what an outbox gives up is in the dead letter once, also when it is buried again after a crash, and can be replayed", async (t) => {
  const stateDir = tempDir(t);
  const journal = await journalFor(t, stateDir, ["chat"]);
  let house: OutboxHouse | undefined;
  let enabled = 0;
  const sink: Sink = {
    send: async () => ({ status: "sent" }),
    outbox: {
      run: async (given) => {
        house = given;
      },
      backlog: () => ({ messages: 1, findings: 2, bytes: 3, seconds: 4, disabled: true, trouble: "gone" }),
      enable: async () => ++enabled > 0,
    },
  };
  const outboxes = await openOutboxes(parts(stateDir, journal, [{ name: "chat", sink }]));
  outboxes.begin();
  assert.ok(house);
  for (let again = 0; again < 2; again++) {
    await house.bury("n1:0", findings.slice(0, 200), "given up");
    await house.bury("n1:200", findings.slice(200, 250), "given up");
  }
  const letters = journal.deadLetters.list({ component: "chat", limit: 1000 });
  assert.equal(letters.length, 250);
  assert.equal((await journal.replayFindings(letters.map(({ id }) => id))).length, 250);
  assert.equal(journal.read("out", "chat", 1000).length, 250);
  assert.equal(outboxes.backlogs().get("chat")?.trouble, "gone");
  assert.deepEqual(await outboxes.control["enable"]?.({ sink: "chat" }, new AbortController().signal), {
    enabled: true,
  });
  await assert.rejects(
    async () => outboxes.control["enable"]?.({ sink: "file" }, new AbortController().signal),
    /no sink file/,
  );
  await outboxes.close();
});

test("an outbox can be read beside its writer: what waits, and every id of a message", async (t) => {
  const stateDir = tempDir(t);
  await fill(stateDir, "chat");
  const reader = readOutbox(outboxDir(stateDir, "chat"));
  t.after(() => reader.close());
  const messages = reader.list(10);
  assert.deepEqual(messages.map(({ kind }) => kind).sort(), ["digest", "notice", "notice", "notice"]);
  const all = messages.flatMap(({ id }) => reader.show(`${id}_2`)?.ids ?? []);
  assert.deepEqual([...all].sort(), findings.map(({ id }) => id).sort());
  assert.equal(reader.show("nonsense"), undefined);
});
