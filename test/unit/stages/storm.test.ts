import assert from "node:assert/strict";
import { test } from "node:test";
import { StormRun, seen, told } from "../../support/storm.ts";

const IP = "ip:198.18.0.7";
const A = "agent:001";
const B = "agent:002";

test("the first on an entity goes out, repeats are counted, the count comes when the window ends", () => {
  const storm = new StormRun();
  assert.deepEqual(told(storm.take([seen(1, IP, A, 0), seen(2, IP, A, 1), seen(3, IP, A, 59)])), ["alert 1"]);
  assert.deepEqual(told(storm.take([seen(4, IP, A, 60)])), ["repeats 2", "alert 4"]);
  assert.deepEqual(told(storm.tick(119)), []);
  assert.deepEqual(told(storm.tick(120)), []);
  assert.equal(storm.state.size, 0);
});

test("the count is a finding of its own: id, time of the last one, a short line", () => {
  const storm = new StormRun();
  storm.take([seen(1, IP, A, 0), seen(2, IP, A, 5, { score: 80 }), seen(3, IP, A, 7)]);
  const [repeats] = storm.flush();
  assert.ok(repeats);
  assert.notEqual(repeats.id, seen(1, IP, A, 0).id);
  assert.equal(repeats.misp.finding_id, repeats.id);
  assert.equal(repeats.misp.repeat_count, "2");
  assert.equal(repeats.score, 80);
  assert.equal(repeats.alert.time, seen(3, IP, A, 7).alert.time);
  assert.deepEqual(repeats.key, { indicator: IP, entity: A });
  const line = JSON.parse(repeats.alert.raw);
  assert.equal(line.agent.id, "001");
  assert.equal(line.timestamp, "2026-11-21T00:07:00.000Z");
});

test("entities, indicators, modes and benign findings do not hide one another", () => {
  const storm = new StormRun();
  const findings = [
    seen(1, IP, A, 0),
    seen(2, IP, B, 0),
    seen(3, "domain:bad.example", A, 0),
    seen(4, IP, A, 0, { mode: "retro" }),
    seen(5, IP, A, 0, { suppressed: true, band: "benign", score: 0 }),
  ];
  assert.equal(storm.take(findings).length, 5);
});

test("a repeat that is worse than anything sent goes out, once", () => {
  const storm = new StormRun();
  const findings = [
    seen(1, IP, A, 0, { band: "low", score: 30 }),
    seen(2, IP, A, 1, { band: "low", score: 30 }),
    seen(3, IP, A, 2, { band: "critical", score: 95 }),
    seen(4, IP, A, 3, { band: "critical", score: 95 }),
    seen(5, IP, A, 4, { band: "high", score: 75 }),
  ];
  assert.deepEqual(told(storm.take(findings)), ["alert 1", "alert 3"]);
  assert.deepEqual(told(storm.flush()), ["repeats 3"]);
});

test("the same finding read twice is no repeat", () => {
  const storm = new StormRun();
  assert.deepEqual(told(storm.take([seen(1, IP, A, 0), seen(1, IP, A, 0)])), ["alert 1"]);
  assert.deepEqual(told(storm.flush()), []);
});

test("more than twenty entities within ten minutes: one loud finding, the others whole and quiet", () => {
  const storm = new StormRun();
  const host = (n: number, minute: number) => seen(n, IP, `agent:${n}`, minute);
  const first = storm.take(Array.from({ length: 20 }, (_, n) => host(n, n / 10)));
  assert.deepEqual(
    told(first),
    Array.from({ length: 20 }, (_, n) => `alert ${n}`),
  );
  assert.deepEqual(told(storm.take([host(20, 5)])), ["spread 21", "alert 20 quiet"]);
  const [, another] = [storm.take([host(21, 6)]), storm.take([host(22, 50)])];
  assert.deepEqual(told(another), ["alert 22 quiet"]);
  assert.equal(another[0]?.misp.entities_count, "23");
  assert.equal(another[0]?.score, 70);
  assert.deepEqual(
    told(storm.take([host(23, 66)])).filter((line) => line.startsWith("alert")),
    ["alert 23"],
  );
});

test("within a spread a worse finding on a new entity is loud", () => {
  const storm = new StormRun();
  storm.take(Array.from({ length: 21 }, (_, n) => seen(n, IP, `agent:${n}`, 0, { band: "low", score: 20 })));
  assert.deepEqual(told(storm.take([seen(50, IP, "agent:50", 1, { band: "critical", score: 95 })])), ["alert 50"]);
  assert.deepEqual(told(storm.take([seen(51, IP, "agent:51", 1, { band: "critical", score: 95 })])), [
    "alert 51 quiet",
  ]);
});

test("twenty-one entities over a longer time, or repeats of twenty, are no spread", () => {
  const storm = new StormRun();
  storm.take(Array.from({ length: 40 }, (_, n) => seen(n, IP, `agent:${n}`, n)));
  storm.take(Array.from({ length: 200 }, (_, n) => seen(100 + n, "ip:198.18.0.8", `agent:${n % 20}`, 41)));
  assert.equal(storm.out.filter(({ kind }) => kind === "spread").length, 0);
});

test("known-benign findings come once a day and make no spread", () => {
  const storm = new StormRun();
  const benign = (n: number, entity: string, minute: number) =>
    seen(n, "ip:8.8.8.8", entity, minute, {
      suppressed: true,
      band: "benign",
      score: 0,
      list: "List of known DNS resolvers",
    });
  storm.take(Array.from({ length: 50 }, (_, n) => benign(n, `agent:${n}`, 0)));
  assert.equal(storm.out.length, 50);
  assert.deepEqual(told(storm.take([benign(60, "agent:1", 23 * 60)])), []);
  const next = told(storm.take([benign(61, "agent:1", 24 * 60)]));
  assert.deepEqual(next, ["repeats 1", "alert 61"]);
});

test("one's own address is one finding a day for all entities", () => {
  const storm = new StormRun();
  const own = (n: number, entity: string, minute: number) =>
    seen(n, IP, entity, minute, {
      suppressed: true,
      band: "benign",
      score: 0,
      list: "own: your network 198.18.0.0/24",
    });
  assert.deepEqual(told(storm.take([own(1, A, 0), own(2, B, 1), own(3, "agent:003", 1000)])), ["alert 1"]);
  assert.deepEqual(told(storm.take([own(4, B, 1440)])), ["repeats 2", "alert 4"]);
});

test("counts survive a restart", () => {
  const storm = new StormRun();
  storm.take([seen(1, IP, A, 0), seen(2, IP, A, 1)]);
  storm.restart();
  assert.deepEqual(told(storm.take([seen(3, IP, A, 2)])), []);
  storm.restart();
  assert.deepEqual(told(storm.tick(61)), ["repeats 2"]);
});

test("an archive beside live alerts, and an absurd timestamp, do not undo or hide each other's windows", () => {
  const storm = new StormRun();
  storm.take([seen(1, IP, A, 0), seen(2, "ip:1", A, -500_000, { source: "archive" })]);
  assert.deepEqual(told(storm.take([seen(3, IP, A, 1), seen(4, "ip:1", A, -499_999, { source: "archive" })])), []);
  assert.deepEqual(told(storm.take([seen(5, IP, B, 9e9)])), ["repeats 1", "alert 5"]);
  assert.deepEqual(told(storm.take([seen(6, IP, B, 3), seen(7, IP, B, 4)])), ["alert 6"]);
});

test("a full state ends the oldest windows early and hides nothing", () => {
  const storm = new StormRun({ maxWindows: 10 });
  const run = Array.from({ length: 100 }, (_, n) => seen(n, `ip:${n}`, A, n / 10));
  assert.equal(storm.take(run).length, 100);
  assert.ok(storm.state.size <= 10);
  storm.take([seen(200, "ip:99", A, 11)]);
  assert.equal(
    storm
      .take(Array.from({ length: 20 }, (_, n) => seen(300 + n, `ip:n${n}`, A, 12)))
      .filter(({ kind }) => kind === "alert").length,
    20,
  );
  assert.equal(storm.out.filter(({ kind }) => kind === "repeats").length, 1);
});

test("findings that are not of an alert pass", () => {
  const storm = new StormRun();
  const spread = { ...seen(1, IP, A, 0), kind: "spread" as const };
  assert.deepEqual(storm.take([spread, spread]), [spread, spread]);
});
