import assert from "node:assert/strict";
import { test } from "node:test";
import type { Source } from "../../../src/contract/source.ts";
import type { Finding } from "../../../src/model/finding.ts";
import { aCommit, passOn } from "../../contract/journal.contract.ts";
import { makeFinding } from "../../support/finding.ts";
import { aborted, deliveryOf, FakeSink, numberedSource, until } from "../../support/pipeline.ts";
import { line } from "../../support/pipeline-line.ts";

test("a finding that is not seen again is sent again, and given up after the last resending", async (t) => {
  const { run, journal, clock, stop, said } = await line(t, ["must"]);
  const sink = new FakeSink({ confirmation: { timeoutMs: 10_000, resends: 2 } });
  let seenAgain: string | undefined;
  const echo: Source = {
    async *read(_, signal) {
      yield deliveryOf(1, 4);
      await until("an id to echo", () => seenAgain !== undefined || signal.aborted);
      const records = [{ bytes: Buffer.from(`echo ${seenAgain}`), origin: "echo" }];
      yield { records, rejected: [], range: "echo", checkpoint: "echo" };
      await aborted(signal);
    },
  };
  const done = run({ must: sink }, { numbers: echo }, { finite: false });
  await until("three sendings", () => journal.unconfirmed("must", 10).length === 3);
  seenAgain = makeFinding(2).id;
  await until("the echo", () => journal.unconfirmed("must", 10).length === 2);
  for (let sending = 2; sending <= 3; sending++) {
    clock.advance(11_000);
    await until(`sending ${sending}`, () =>
      journal.unconfirmed("must", 10).every(({ attempts }) => attempts === sending),
    );
  }
  clock.advance(11_000);
  await until("giving up", () => journal.unconfirmed("must", 10).length === 0 && said.includes("unconfirmed must"));
  assert.deepEqual(
    sink.ids,
    [1, 2, 3, 1, 3, 1, 3].map((n) => makeFinding(n).id),
  );
  const letters = journal.deadLetters.list();
  assert.deepEqual(
    letters.map(({ finding }) => finding?.id).sort(),
    [1, 3].map((n) => makeFinding(n).id),
  );
  assert.match(letters[0]?.reason ?? "", /sent 3 times/);
  stop.abort();
  await done;
});

test("what a sink no longer takes is not sent again, whole or otherwise, and ends in the dead letter", async (t) => {
  const { run, journal, clock, stop } = await line(t, ["must"]);
  const sink = new FakeSink({ confirmation: { timeoutMs: 10_000, resends: 2 } });
  await journal.commit(aCommit("r1", [1, 2]));
  await passOn(journal);
  await journal.advanceSink("must", 2, { dead: [], awaiting: journal.read("out", "must", 2) });
  const prepare = (finding: Finding) => (finding.id === makeFinding(1).id ? undefined : finding);
  const options = { finite: false, sinks: [{ name: "must", sink, prepare }] };
  const done = run({}, { numbers: numberedSource(0, 1, { finite: false }) }, options);
  for (let sending = 1; sending <= 3; sending++) {
    clock.advance(11_000);
    await until(`sending ${sending}`, () => sink.received.length >= Math.min(sending, 2));
  }
  await until("giving up", () => journal.unconfirmed("must", 10).length === 0);
  assert.deepEqual(sink.ids, [makeFinding(2).id, makeFinding(2).id]);
  assert.equal(journal.deadLetters.list().length, 2);
  stop.abort();
  await done;
});

test("nothing is overdue while the source that would read the echo is behind", async (t) => {
  const { run, journal, clock, stop } = await line(t, ["must"]);
  const sink = new FakeSink({ confirmation: { timeoutMs: 10_000, resends: 2 } });
  let lag = { bytes: 1, seconds: 3600 };
  const source = { ...numberedSource(3, 3, { finite: false }), lag: () => lag };
  const done = run({ must: sink }, { numbers: source }, { finite: false });
  await until("the sending", () => journal.unconfirmed("must", 10).length === 3);
  clock.advance(60_000);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(sink.received.length, 3);
  lag = { bytes: 0, seconds: 3600 };
  clock.advance(5_000);
  await until("the second sending", () => sink.received.length === 6);
  stop.abort();
  await done;
});
