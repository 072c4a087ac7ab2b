import assert from "node:assert/strict";
import { hostname } from "node:os";
import { describe, it, type TestContext } from "node:test";
import misp from "../../../src/sinks/misp-sightings.ts";
import { FakeSightings, SIGHTING_KEY } from "../../support/fake-sightings.ts";
import { attribute, DAY_MS, deliverAll, JumpClock, NOON, seenFinding, sightingSink } from "../../support/sightings.ts";

const NEVER = new AbortController().signal;

async function rig(t: TestContext, over: Record<string, unknown> = {}) {
  const clock = new JumpClock();
  const server = await FakeSightings.start(t);
  server.now = () => clock.now();
  const sink = await sightingSink(t, server.url, clock, { per_minute: 600, ...over });
  clock.advance(60_000);
  return { clock, server, sink, again: () => sightingSink(t, server.url, clock, { per_minute: 600, ...over }) };
}

const posts = ({ requests }: FakeSightings) => requests.filter(({ path }) => /bulkSave|\/add/.test(path));

describe("misp-sightings", () => {
  it("tells each attribute once a day, of one event in one request, at the time of the alert", async (t) => {
    const { server, sink } = await rig(t);
    const findings = [seenFinding(1, [0, 3]), seenFinding(2, [3, 6]), seenFinding(3, [0], NOON + 1000)];
    assert.deepEqual(await sink.send(findings, NEVER), { status: "sent" });
    assert.equal(posts(server).length, 1);
    assert.deepEqual(
      server.stored.map(({ attribute, type, source, time }) => [attribute, type, source, time]),
      [0, 3, 6].map((n) => [attribute(n).attributeUuid, "0", "tipline", NOON / 1000]),
    );
    assert.deepEqual(await sink.send([seenFinding(4, [0], NOON + DAY_MS)], NEVER), { status: "sent" });
    assert.equal(server.stored.length, 4);
  });

  it("never names what was seen or where", async (t) => {
    const { server, sink } = await rig(t);
    await sink.send([seenFinding(1, [1])], NEVER);
    const sent = server.requests.map(({ body, path }) => body + path).join("\n");
    for (const secret of ["203.0.113.7", "web-01", "10.0.0.5", "vm", hostname()])
      assert.ok(!sent.includes(secret), `${secret} was sent`);
  });

  it("tells only of its own feed", async (t) => {
    const { server, sink } = await rig(t);
    const finding = seenFinding(1, [], NOON, { attributes: [attribute(1, "other"), attribute(2)] });
    assert.deepEqual(await sink.send([finding], NEVER), { status: "sent" });
    assert.deepEqual(
      server.stored.map(({ attribute }) => attribute),
      [attribute(2).attributeUuid],
    );
  });

  for (const [what, over] of Object.entries({
    suppressed: { suppressed: true },
    denied: { misp: { outcome: "denied" } },
    failed: { misp: { outcome: "failure" } },
    "of an outcome not known yet": { misp: { outcome: "simulated" } },
    retro: { mode: "retro", misp: { mode: "retro" } },
    "of a mode to come": { misp: { mode: "canary" } },
    counts: { kind: "repeats" },
    "a spread": { kind: "spread" },
    "somebody else's finding": { misp: { foreign: "true" } },
    "without attributes": { attributes: [] },
    "from the future": { alert: { ...seenFinding(1, []).alert, time: NOON + 30 * DAY_MS } },
    "of no time": { alert: { ...seenFinding(1, []).alert, time: Number.NaN } },
    "of broken attributes": { attributes: [{ feed: "misp", eventUuid: "../x", attributeUuid: "1 or 1" }] },
  } as const))
    it(`asks MISP nothing for findings that are ${what}`, async (t) => {
      const { server, sink } = await rig(t);
      assert.deepEqual(await sink.send([seenFinding(1, [1], NOON, over)], NEVER), { status: "sent" });
      assert.deepEqual(server.requests, []);
    });

  it("skips what MISP has from this organisation under this source, and only that", async (t) => {
    const { server, sink } = await rig(t);
    const known = { uuid: "u", type: "0", source: "tipline", time: NOON / 1000, orgId: "1", receivedAt: 0 };
    server.stored.push({ ...known, attribute: attribute(1).attributeUuid });
    server.stored.push({ ...known, attribute: attribute(2).attributeUuid, orgId: "2" });
    server.stored.push({ ...known, attribute: attribute(3).attributeUuid, type: "1" });
    server.stored.push({ ...known, attribute: attribute(4).attributeUuid, time: NOON / 1000 - 86_400 });
    server.stored.push({ ...known, attribute: attribute(5).attributeUuid, source: "sensor" });
    await sink.send([seenFinding(1, [1, 2, 3, 4, 5])], NEVER);
    assert.deepEqual(
      server.stored.slice(5).map(({ attribute }) => attribute),
      [2, 5, 3, 4].map((n) => attribute(n).attributeUuid),
    );
  });

  it("a restart between the answer and the commit tells nothing twice", async (t) => {
    for (const bulkForbidden of [false, true]) {
      const { server, sink, again, clock } = await rig(t);
      server.bulkForbidden = bulkForbidden;
      assert.deepEqual(await sink.send([seenFinding(1, [1, 2])], NEVER), { status: "sent" });
      const restarted = await again();
      clock.advance(60_000);
      assert.deepEqual(await restarted.send([seenFinding(1, [1, 2]), seenFinding(2, [3])], NEVER), { status: "sent" });
      assert.deepEqual([...server.counts().values()], [1, 1, 1]);
    }
  });

  it("a lost answer is looked up before it is sent again", async (t) => {
    for (const bulkForbidden of [false, true]) {
      const { server, sink, clock } = await rig(t);
      server.bulkForbidden = bulkForbidden;
      let lost = false;
      server.fate = ({ path }) => {
        if (lost || !path.includes(bulkForbidden ? "/add/" : "/bulkSave")) return "ok";
        lost = true;
        return "lost";
      };
      const result = await sink.send([seenFinding(1, [1])], NEVER);
      assert.equal(result.status, "retry");
      await deliverAll(sink, [seenFinding(1, [1])], clock);
      assert.equal(server.stored.length, 1);
      const writes = posts(server).filter(({ path }) => path.includes(bulkForbidden ? "/add/" : "/bulkSave"));
      assert.equal(writes.length, 1);
    }
  });

  it("skips for good what MISP does not have", async (t) => {
    for (const bulkForbidden of [false, true]) {
      const { server, sink } = await rig(t);
      server.bulkForbidden = bulkForbidden;
      server.unknown.add(attribute(1).attributeUuid).add(attribute(2).eventUuid).add(attribute(2).attributeUuid);
      const batch = [seenFinding(1, [1, 4]), seenFinding(2, [2]), seenFinding(3, [3])];
      assert.deepEqual(await sink.send(batch, NEVER), { status: "sent" });
      assert.deepEqual(await sink.send(batch, NEVER), { status: "sent" });
      assert.deepEqual(server.stored.map(({ attribute }) => attribute).sort(), [
        attribute(3).attributeUuid,
        attribute(4).attributeUuid,
      ]);
    }
  });

  it("says what to do when the key may not add sightings, and works as soon as it may", async (t) => {
    const { server, sink, clock } = await rig(t);
    server.forbidden = true;
    const result = await sink.send([seenFinding(1, [1])], NEVER);
    assert.equal(result.status, "retry");
    assert.match(result.status === "retry" ? result.cause.message : "", /perm_sighting.*read-only.*feed misp/);
    assert.ok(result.status === "retry" && (result.afterMs ?? 0) >= 60_000);
    server.forbidden = false;
    await deliverAll(sink, [seenFinding(1, [1])], clock);
    assert.equal(server.stored.length, 1);
  });

  it("waits as long as MISP asks", async (t) => {
    const { server, sink } = await rig(t);
    server.fate = ({ path }) => (path.includes("bulk") ? 429 : "ok");
    const result = await sink.send([seenFinding(1, [1])], NEVER);
    assert.equal(result.status === "retry" ? result.afterMs : undefined, 7000);
  });

  it("tells no more a minute than allowed, takes what it could, and says that nothing is wrong", async (t) => {
    const { server, sink, clock } = await rig(t, { per_minute: 10 });
    const findings = Array.from({ length: 9 }, (_, n) => seenFinding(n, [n]));
    const first = await sink.send(findings, NEVER);
    assert.equal(first.status, "retry");
    assert.ok(first.status === "retry" && first.paced && (first.afterMs ?? 0) > 0);
    assert.equal(server.stored.length, 5);
    await deliverAll(sink, findings, clock);
    assert.equal(server.stored.length, 9);
  });

  it("a finding of many attributes goes out in parts", async (t) => {
    const { server, sink, clock } = await rig(t, { per_minute: 1 });
    await deliverAll(sink, [seenFinding(1, [1, 2, 3, 4])], clock);
    assert.equal(server.stored.length, 4);
  });

  it("refuses a source that is this host's name", () => {
    const given = { url: "https://misp.example.org", key: SIGHTING_KEY, feed: "misp" };
    assert.match(
      String(misp.config.safeParse({ ...given, source: hostname().toUpperCase() }).error),
      /constant name, not this host's/,
    );
    for (const source of ["", " x", "x\n", "é", "x".repeat(256)])
      assert.ok(!misp.config.safeParse({ ...given, source }).success, JSON.stringify(source));
  });
});
