import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { configSchema } from "../../../src/config/schema.ts";
import { mountLookup } from "../../../src/console/lookup.ts";
import type { Generation } from "../../../src/intel/generation.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { ListeningFront } from "../../../src/lib/http-front.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { aGeneration } from "../../support/generation.ts";
import { anIndicator } from "../../support/make.ts";

const NAMES = "verdict score band type value event_id event_info org tags link tlp warninglist feed generation".split(
  " ",
);
const EVENT = {
  uuid: "5f0f3e6a-0000-4000-8000-0000000000aa",
  info: "Secret",
  tags: ["tlp:red"],
  link: "https://misp/9",
};

const generation = aGeneration(
  [
    anIndicator("domain", "bad.example.org"),
    anIndicator("ip", "45.83.64.1", { event: { ...EVENT, id: "9" } }),
    anIndicator("ip", "45.83.64.2", { event: { ...EVENT, id: "9" } }),
    anIndicator("ip", "45.83.64.2", { attributeUuid: "5f0f3e6a-0000-4000-8000-0000000000b2" }),
    anIndicator("ip", "8.8.8.8"),
  ],
  { lists: new Map([["8.8.8.8", [{ name: "Public DNS", action: "suppress" as const }]]]) },
);

async function rig(t: TestContext, { token, of = generation }: { token?: string; of?: Generation } = {}) {
  const settings = configSchema.shape.lookup.parse(token === undefined ? {} : { token });
  assert.ok(settings);
  const front = new ListeningFront({ listen: "127.0.0.1:0", log: silentLog });
  const verdicts: string[] = [];
  mountLookup(front, settings, {
    generation: () => of,
    clock: systemClock,
    onVerdict: (word) => verdicts.push(word),
  });
  const url = `${await front.listen()}/v1/lookup`;
  t.after(() => front.close());
  const ask = async (query: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}${query}`, { headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const askMany = async (body: string) => {
    const response = await fetch(url, { method: "POST", body });
    return { status: response.status, body: (await response.json()) as { results: Record<string, unknown>[] } };
  };
  return { ask, askMany, verdicts };
}

test("every answer has every member, each a text or a number", async (t) => {
  const { ask, verdicts } = await rig(t);
  for (const value of ["bad.example.org", "45.83.64.1", "8.8.8.8", "unheard.of.example", "", "%00", "a".repeat(9000)]) {
    const { status, body } = await ask(`?value=${value}`);
    assert.equal(status, 200, value.slice(0, 40));
    assert.deepEqual(Object.keys(body), NAMES);
    for (const name of NAMES) assert.equal(typeof body[name], name === "score" ? "number" : "string", name);
  }
  assert.deepEqual(verdicts, ["malicious", "malicious", "known_benign", "none", "none", "none", "none"]);
});

test("a match says what MISP says; a list that explains it away is named", async (t) => {
  const { ask } = await rig(t);
  const { body } = await ask("?value=hxxp%3A%2F%2Fwww%5B.%5Dbad.example.org%2Fx%3Fa%3D1%26b%3D2");
  const { verdict, type, value, event_id, org, tags, tlp, generation: id } = body;
  assert.deepEqual(
    { verdict, type, value, event_id, org, tags, tlp, id },
    {
      verdict: "malicious",
      type: "domain",
      value: "bad.example.org",
      event_id: "241",
      org: "TEST-CERT",
      tags: "tlp:green",
      tlp: "green",
      id: "g-test",
    },
  );
  const benign = (await ask("?value=8.8.8.8")).body;
  assert.deepEqual([benign["verdict"], benign["score"], benign["warninglist"]], ["known_benign", 0, "Public DNS"]);
});

test("above the ceiling only score and link are told; a report below it speaks alone", async (t) => {
  const { ask } = await rig(t);
  const secret = (await ask("?value=45.83.64.1")).body;
  assert.deepEqual([secret["verdict"], secret["link"], secret["tlp"]], ["malicious", "https://misp/9", "red"]);
  for (const name of ["type", "event_id", "event_info", "org", "tags", "feed"])
    assert.equal(secret[name], "redacted: TLP above amber+strict", name);
  const shared = (await ask("?value=45.83.64.2")).body;
  assert.deepEqual([shared["event_id"], shared["tlp"]], ["241", "green"]);
  assert.ok(!JSON.stringify([secret, shared]).includes("Secret"));
});

test("many at once come back in order; what is no list of texts is 400", async (t) => {
  const { askMany } = await rig(t);
  const values = Array.from({ length: 1000 }, (_, n) => (n % 100 === 7 ? "45.83.64.2" : `h${n}.example.net`));
  const { status, body } = await askMany(JSON.stringify({ values }));
  assert.equal(status, 200);
  assert.deepEqual(
    body.results.map(({ verdict }) => verdict === "malicious"),
    values.map((value) => value === "45.83.64.2"),
  );
  assert.equal((await askMany('["8.8.8.8"]')).body.results.length, 1);
  for (const bad of ["", "{}", '{"values":"x"}', "[1]", JSON.stringify(Array(1001).fill("a"))])
    assert.equal((await askMany(bad)).status, 400, bad.slice(0, 40));
  assert.equal((await askMany("x".repeat(1024 * 1024 + 1))).status, 413);
});

test("the token is asked for; a request without a value is 400", async (t) => {
  const { ask } = await rig(t, { token: "tok" });
  assert.equal((await ask("?value=8.8.8.8")).status, 401);
  assert.equal((await ask("?value=8.8.8.8", { authorization: "Bearer nope" })).status, 401);
  const auth = { authorization: "Bearer tok" };
  assert.equal((await ask("?value=8.8.8.8", auth)).status, 200);
  assert.equal((await ask("?value=8.8.8.8", { authorization: `Basic ${btoa("any:tok")}` })).status, 200);
  for (const query of ["", "?key=x", "?value=%E0%A4"]) assert.equal((await ask(query, auth)).status, 400, query);
});
