import assert from "node:assert/strict";
import { after, test } from "node:test";
import { EVENT, MISP_RULES, mispEvent } from "../../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim } from "../../support/wazuh-sim/sim.ts";

/** The way in, one fact a test, as seen on a real 4.14.7. */
const sim = await createWazuhSim({ start: false, rules: MISP_RULES });
after(() => sim.close());

const alertOf = (message: string, location = "misp") => {
  const judged = sim.judge(message, { location });
  return judged?.verdict?.written ? sim.document(judged) : undefined;
};
const firesBytes = (bytes: Buffer) => sim.judgeDatagram(bytes)?.verdict?.written === true;

test("an event without agent is the manager's own, agent 000", () => {
  const alert = alertOf(EVENT);
  assert.equal(alert.rule.id, "100622");
  assert.deepEqual(alert.agent, { id: "000", name: "wazuh" });
  assert.equal(alert.location, "misp");
});

test("[id] (name) ip->place gives the agent and its location", () => {
  const alert = alertOf(EVENT, "[001] (web-01) 10.0.0.5->misp");
  assert.deepEqual(alert.agent, { id: "001", name: "web-01", ip: "10.0.0.5" });
  assert.equal(alert.location, "misp");
});

test("ip any leaves agent.ip out", () => {
  assert.deepEqual(alertOf(EVENT, "[001] (web-01) any->misp").agent, { id: "001", name: "web-01" });
});

test("the agent id is not validated", () => {
  assert.equal(alertOf(EVENT, "[no such] (x) any->misp").agent.id, "no such");
});

test("| escapes : and itself in the location", () => {
  const alert = alertOf(EVENT, "[001] (we||b|:01) 2001|:db8|:|:1->misp");
  assert.deepEqual(alert.agent, { id: "001", name: "we|b:01", ip: "2001:db8::1" });
});

test("an unescaped : in the location moves the rest of it into the log: no JSON, no alert", () => {
  const judged = sim.judge(EVENT, { location: "[001] (web-01) 2001:db8::1->misp" });
  assert.equal(judged?.event.decoder, undefined);
  assert.equal(judged?.verdict?.written, undefined);
  assert.equal(alertOf(EVENT, "C:\\logs\\app.json"), undefined);
});

test("a datagram without queue or location is no event", () => {
  for (const text of ["", "1", "x", "nothing at all", "1:misp"])
    assert.equal(sim.judgeDatagram(Buffer.from(text)), undefined);
});

test("65,535 bytes are read, one more is cut silently", () => {
  const sized = (size: number) => {
    const head = `1:misp:${mispEvent('"category":"c","x":"').slice(0, -2)}`;
    return Buffer.from(`${head}${"y".repeat(size - head.length - 3)}"}}`);
  };
  assert.equal(sized(65_535).length, 65_535);
  assert.ok(firesBytes(sized(65_535)));
  assert.ok(!firesBytes(sized(65_536)));
});

test("of two documents in one datagram the second is lost", () => {
  const second = EVENT.replace("8.8.8.8", "9.9.9.9");
  assert.equal(alertOf(`${EVENT}\n${second}`).data.misp.value, "8.8.8.8");
});

test("a trailing newline or garbage is harmless", () => {
  assert.ok(alertOf(`${EVENT}\n`));
  assert.ok(alertOf(`${EVENT} garbage`));
});

const SILENT: Readonly<Record<string, string>> = {
  "a leading space": ` ${EVENT}`,
  "a leading newline": `\n${EVENT}`,
  "a byte order mark": `\ufeff${EVENT}`,
  "pretty-printed JSON": JSON.stringify(JSON.parse(EVENT), null, 2),
  "a tab after the brace": EVENT.replace("{", "{\t"),
  "a top-level array": `[${EVENT}]`,
  "truncated JSON": EVENT.slice(0, -1),
  "a raw NUL": EVENT.replace("241", "2\0 41"),
  "a lone surrogate": EVENT.replace("241", "\\ud83d"),
};
for (const [what, message] of Object.entries(SILENT))
  test(`no alert for ${what}`, () => assert.equal(alertOf(message), undefined));

test("spaces between the brace and the first key are harmless", () => assert.ok(alertOf(EVENT.replace("{", "{   "))));

test("\\u0000 cuts the value", () => {
  assert.equal(alertOf(mispEvent('"category":"Network\\u0000 activity"')).data.misp.category, "Network");
});

test("the queue character is not what decides: 1 and 2 are both log lines", () => {
  assert.equal(sim.fires(EVENT, { queue: "2" }), "100622");
});

test("a forged event in a monitored log has that log's path as location, which the guard refuses", () => {
  const forged = [
    "/var/log/app.json",
    "[001] (a) any->/var/log/app.json",
    "[001] (a) any->/var/log/misp",
    "/var/log/misp",
  ];
  for (const location of forged) assert.equal(sim.fires(EVENT, { location }), undefined, location);
  for (const location of ["misp", "[001] (a) 10.0.0.5->misp", "[001] (a) any->misp", "[1] (a) 2001|:db8|:|:1->misp"])
    assert.equal(sim.fires(EVENT, { location }), "100622", location);
});
