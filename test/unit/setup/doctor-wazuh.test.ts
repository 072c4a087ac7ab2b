import assert from "node:assert/strict";
import { test } from "node:test";
import { type Check, fail, ok, unseen } from "../../../src/setup/checks.ts";
import { clockCheck } from "../../../src/setup/doctor-host.ts";
import { type Hop, walkChain } from "../../../src/setup/doctor-line-walk.ts";
import { summarise } from "../../../src/setup/doctor-wazuh-tail.ts";

const NEVER = new AbortController().signal;

async function walked(hops: readonly Hop[]): Promise<readonly string[]> {
  const said: string[] = [];
  for await (const { hop, status } of walkChain(hops, NEVER)) said.push(`${hop} ${status}`);
  return said;
}

const hop = (name: string, needs: readonly string[], check: Check): Hop => ({ name, needs, look: () => [check] });

test("what rests on a broken hop is not looked at, what does not is", async () => {
  const said = await walked([
    hop("a", [], fail("a", "", "")),
    hop("b", ["a"], fail("b", "", "")),
    hop("c", ["b"], fail("c", "", "")),
    hop("d", ["elsewhere"], fail("d", "", "")),
    hop("e", ["f"], ok("e", "")),
  ]);
  assert.deepEqual(said, ["a fail", "b skip", "c skip", "d fail", "e ok"]);
});

test("what could not be seen keeps others from being looked at, and explains nothing", async () => {
  let explained: boolean | undefined;
  const said = await walked([
    hop("a", [], unseen("a", "", "")),
    hop("b", ["a"], ok("b", "")),
    {
      name: "c",
      needs: [],
      look: (seen) => {
        explained = seen.broken("a", "b");
        return [];
      },
    },
  ]);
  assert.deepEqual(said, ["a unseen", "b skip"]);
  assert.equal(explained, false);
});

test("a look that throws is said, and the others go on", async () => {
  const ill: Hop = {
    name: "ill",
    needs: [],
    look: () => {
      throw new Error("boom");
    },
  };
  assert.deepEqual(await walked([ill, hop("b", [], ok("b", ""))]), ["ill unseen", "b ok"]);
});

const alert = (body: object, time = "2026-01-01T00:00:00.000+0000") => JSON.stringify({ timestamp: time, ...body });

test("alerts are told apart by what they have", () => {
  const lines = [
    alert({ decoder: { name: "sshd" }, rule: { id: "5715" } }),
    alert({ syscheck: { path: "/etc/passwd" } }),
    alert({ data: { win: { system: { providerName: "Microsoft-Windows-Sysmon" } } } }),
    alert({ data: { win: { system: { providerName: "Service Control Manager" } } } }),
    alert({ data: { dns: { question: { name: "a.example" } } } }, "2026-01-01T02:00:00.000+0200"),
    alert({ decoder: { name: "web-accesslog" } }),
    alert({ data: { integration: "misp" }, rule: { id: "100622" } }, "2026-01-01T00:00:05.000+0000"),
    "no JSON",
  ];
  const tail = summarise(`rest of a line\n${lines.join("\n")}\n{"being":"writ`, true);
  assert.equal(tail.alerts, 8);
  assert.equal(tail.broken, 1);
  assert.deepEqual(Object.fromEntries(tail.families), {
    ours: 1,
    FIM: 1,
    Sysmon: 1,
    Windows: 1,
    Packetbeat: 1,
    SSH: 1,
    web: 1,
  });
  assert.equal(tail.newest, Date.UTC(2026, 0, 1, 0, 0, 5));
  assert.equal(tail.rules.get("100622"), Date.UTC(2026, 0, 1, 0, 0, 5));
  assert.deepEqual(summarise("", false).families, []);
});

test("a clock is judged by an alert that was just written only", () => {
  const now = Date.UTC(2026, 0, 1);
  const minute = 60_000;
  for (const [alertAt, writtenAt, status] of [
    [now, now, "ok"],
    [now + 30_000, now, "ok"],
    [now + 2 * minute, now, "warn"],
    [now + 60 * minute, now, "fail"],
    [now - 60 * minute, now, "fail"],
    [now - 60 * minute, now - 59 * minute, "ok"],
  ] as const)
    assert.equal(clockCheck(alertAt, writtenAt, now).status, status, `${alertAt - now} ${writtenAt - now}`);
});
