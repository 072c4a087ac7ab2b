import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runLine } from "../../src/app/start.ts";
import { encodeDatagram } from "../../src/clients/wazuh-queue.ts";
import { parseConfig } from "../../src/config/load.ts";
import { silentLog } from "../../src/lib/log.ts";
import { HookRig } from "../support/hook.ts";
import { engineAlert } from "../support/wazuh-engine.ts";

const alertOf = (n: number) =>
  `${JSON.stringify({
    timestamp: "2026-11-21T21:45:50.015+0000",
    rule: { level: 5, description: "dns", id: "92100", groups: ["sysmon"] },
    agent: { id: "001", name: "web-01", ip: "10.0.0.5" },
    manager: { name: "vm" },
    id: `1795297550.${n}`,
    data: { win: { eventdata: { queryName: `www.evil-domain-${n}.com` } } },
    location: "EventChannel",
  })}\n`;

async function config(rig: HookRig, more = "") {
  const list = join(rig.folder, "list.txt");
  writeFileSync(list, `${Array.from({ length: 10 }, (_, n) => `evil-domain-${n}.com`).join("\n")}\n`);
  const text = `state_dir: ${join(rig.folder, "state")}
metrics: { listen: "off" }
sources: { hook: { type: wazuh-hook, path: ${rig.spool}, echoes: ${more !== ""} } }
feeds: { list: { type: list-file, path: ${list} } }
sinks: { file: { type: ndjson, path: ${join(rig.folder, "out.ndjson")} }${more} }
`;
  return await parseConfig(text, "tipline.yaml", {});
}

/** Findings in the file sink so far. */
function findings(rig: HookRig): { readonly id: string; readonly data: { readonly misp: Record<string, never> } }[] {
  try {
    const lines = readFileSync(join(rig.folder, "out.ndjson"), "utf8").trimEnd().split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !holds(); await sleep(20))
    if (Date.now() > end) assert.fail(`waited in vain for ${what}`);
}

async function whileRunning(rig: HookRig, t: TestContext, during: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const running = runLine(await config(rig), { log: silentLog }, stop.signal);
  await Promise.race([during(), running.then(() => assert.fail("it ended by itself"))]);
  stop.abort();
  await running;
}

test("alerts handed over while Tipline is down become findings, each once, also over restarts; echoes do not loop", async (t) => {
  const rig = new HookRig(t);
  for (let n = 0; n < 5; n += 1) assert.equal(rig.run(rig.alert(alertOf(n))).status, 0);
  await whileRunning(rig, t, async () => {
    await until("five findings", () => findings(rig).length === 5);
    await until("an empty spool", () => rig.names().length === 0);
  });
  // The alerts that Wazuh makes of our findings, as integratord hands them over: by the queue and by the API.
  for (const { data } of findings(rig)) {
    const datagram = encodeDatagram(data.misp as never, { id: "001", name: "web-01", ip: "10.0.0.5" });
    const echo = engineAlert(datagram ?? Buffer.alloc(0));
    assert.equal(echo?.rule.id, "100622");
    rig.run(rig.alert(`${JSON.stringify(echo)}\n`));
    rig.run(rig.alert(`${JSON.stringify({ ...echo, location: "API-Webhook", agent: { id: "000", name: "vm" } })}\n`));
  }
  rig.run(rig.alert(alertOf(5)));
  await whileRunning(rig, t, async () => {
    await until("the sixth", () => findings(rig).length >= 6);
    await until("an empty spool", () => rig.names().length === 0);
    await sleep(300);
  });
  assert.deepEqual(
    findings(rig)
      .map(({ id }) => id)
      .sort(),
    [0, 1, 2, 3, 4, 5].map((n) => `1795297550.${n}`),
  );
});

test("a sink that confirms wants echoes: true on the hook, and says so", async (t) => {
  const rig = new HookRig(t);
  mkdirSync(join(rig.folder, "state"));
  const sink = `, wazuh: { type: wazuh, socket: ${join(rig.folder, "queue")} }`;
  const good = await config(rig, sink);
  const stop = new AbortController();
  await runLine(good, { log: silentLog, onReady: () => stop.abort() }, stop.signal);
  const bad = {
    ...good,
    sources: good.sources.map((source) => ({ ...source, settings: { path: rig.spool, echoes: false } })),
  };
  await assert.rejects(runLine(bad, { log: silentLog }, AbortSignal.abort()), /echoes: true on the wazuh-hook source/);
});
