import assert from "node:assert/strict";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { EVENT, MATCH, MISP_RULES, PARENT, rulesFile } from "../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim, type SimAlert } from "../support/wazuh-sim/sim.ts";

/** The local sockets of the test engine, spoken to on the wire: four bytes of length, then JSON. */
function ask(path: string, question: unknown): Promise<SimAlert> {
  return new Promise((resolve, reject) => {
    const body = Buffer.from(typeof question === "string" ? question : JSON.stringify(question));
    const head = Buffer.alloc(4);
    head.writeUInt32LE(body.length);
    const socket = connect(path, () => socket.write(Buffer.concat([head, body])));
    const parts: Buffer[] = [];
    socket.on("data", (bytes) => parts.push(bytes));
    socket.on("error", reject);
    socket.on("close", (failed) => {
      if (failed) return;
      const all = Buffer.concat(parts);
      assert.equal(all.readUInt32LE(0), all.length - 4);
      resolve(JSON.parse(all.subarray(4).toString()));
    });
  });
}

const rig = (t: TestContext, rules = MISP_RULES, version = "4.14.7") => createWazuhSim({ t, rules, version });
const RELOAD = { version: 1, origin: { module: "api" }, command: "reload-ruleset" };
const process_ = (parameters: object) => ({
  version: 1,
  origin: { name: "x", module: "y" },
  command: "log_processing",
  parameters,
});
const EVENT_OF = { event: EVENT, location: "misp", log_format: "json" };

test("the sockets are the daemon's, mode 0660", async (t) => {
  const sim = await rig(t);
  for (const path of [sim.paths.queueSocket, sim.paths.analysisSocket, sim.paths.logtestSocket]) {
    const { mode, uid, gid } = statSync(path);
    assert.deepEqual([mode & 0o777, uid, gid], [0o660, sim.user.uid, sim.user.gid]);
  }
});

test("reload-ruleset takes the new rules and returns the warnings", async (t) => {
  const sim = await rig(t, rulesFile(PARENT));
  assert.equal(sim.fires(EVENT), undefined);
  writeFileSync(join(sim.paths.localRules, "tipline_rules.xml"), rulesFile(PARENT, MATCH, MATCH));
  const answer = await ask(sim.paths.analysisSocket, RELOAD);
  assert.deepEqual(answer, {
    error: 0,
    message: "ok",
    data: ["(7612): Rule ID '100622' is duplicated. Only the first occurrence will be considered."],
  });
  assert.equal(sim.fires(EVENT), "100622");
});

test("reload-ruleset keeps the old ruleset on error", async (t) => {
  const sim = await rig(t);
  writeFileSync(join(sim.paths.localRules, "broken.xml"), "<group name='x'>");
  const answer = await ask(sim.paths.analysisSocket, RELOAD);
  assert.notEqual(answer.error, 0);
  assert.match(answer.data[0], /^\(1226\): Error reading XML file 'etc\/rules\/broken.xml'/);
  assert.equal(sim.fires(EVENT), "100622");
});

test("before 4.13 there is no hot reload", async (t) => {
  const sim = await rig(t, MISP_RULES, "4.12.0");
  assert.deepEqual(await ask(sim.paths.analysisSocket, RELOAD), {
    error: 3,
    message: "Unrecognized command",
    data: {},
  });
});

test("what is no JSON and no command is answered with an error", async (t) => {
  const sim = await rig(t);
  assert.equal((await ask(sim.paths.analysisSocket, "no json")).message, "Invalid JSON input");
  assert.equal((await ask(sim.paths.analysisSocket, { command: "x" })).message, "Unrecognized command");
});

test("logtest: rule, messages, alert and the document", async (t) => {
  const sim = await rig(t);
  const { error, data } = await ask(sim.paths.logtestSocket, process_(EVENT_OF));
  assert.equal(error, 0);
  assert.equal(data.alert, true);
  assert.equal(data.codemsg, 0);
  assert.match(data.token, /^[0-9a-f]{8}$/);
  assert.deepEqual(data.messages, [`INFO: (7202): Session initialized with token '${data.token}'`]);
  assert.deepEqual([data.output.rule.id, data.output.rule.level], ["100622", 12]);
  assert.equal(data.output.decoder.name, "json");
  assert.equal(data.output.data.misp.value, "8.8.8.8");
  assert.deepEqual(sim.alerts(), [], "nothing is written");
});

test("logtest shows a level-0 rule too, and says that it is no alert", async (t) => {
  const sim = await rig(t);
  const { data } = await ask(
    sim.paths.logtestSocket,
    process_({ ...EVENT_OF, event: '{"integration":"misp","misp":{}}' }),
  );
  assert.deepEqual([data.output.rule.id, data.alert], ["100620", false]);
});

test("logtest takes the location as it stands, an agent's too", async (t) => {
  const sim = await rig(t);
  const { data } = await ask(
    sim.paths.logtestSocket,
    process_({ ...EVENT_OF, location: "[001] (web-01) 2001:db8::1->misp" }),
  );
  assert.equal(data.output.rule.id, "100622");
  assert.deepEqual(data.output.agent, { id: "001", name: "web-01", ip: "2001:db8::1" });
});

test("a logtest session reads the rules from disk, whatever analysisd runs with", async (t) => {
  const sim = await rig(t, rulesFile(PARENT));
  const first = await ask(sim.paths.logtestSocket, process_(EVENT_OF));
  writeFileSync(join(sim.paths.localRules, "tipline_rules.xml"), MISP_RULES);
  const again = await ask(sim.paths.logtestSocket, process_({ ...EVENT_OF, token: first.data.token }));
  const fresh = await ask(sim.paths.logtestSocket, process_(EVENT_OF));
  assert.deepEqual(
    [first, again, fresh].map(({ data }) => data.output.rule.id),
    ["100620", "100620", "100622"],
  );
  assert.equal(sim.fires(EVENT), undefined);
});

test("logtest tells the warnings of loading, and refuses where the rules do not load", async (t) => {
  const sim = await rig(t, rulesFile(MATCH));
  const warned = await ask(sim.paths.logtestSocket, process_(EVENT_OF));
  assert.match(warned.data.messages[0], /^WARNING: \(7617\)/);
  assert.equal(warned.data.codemsg, 1);
  writeFileSync(join(sim.paths.localRules, "broken.xml"), "<group name='x'>");
  const refused = await ask(sim.paths.logtestSocket, process_(EVENT_OF));
  assert.equal(refused.data.codemsg, -1);
  assert.match(refused.data.messages.at(-1), /7311/);
});

test("a logtest session can be removed", async (t) => {
  const sim = await rig(t);
  const { data } = await ask(sim.paths.logtestSocket, process_(EVENT_OF));
  const removed = await ask(sim.paths.logtestSocket, { command: "remove_session", parameters: { token: data.token } });
  assert.match(removed.data.messages[0], /7206/);
});

test("a stopped daemon leaves its sockets' files, which refuse", async (t) => {
  const sim = await rig(t);
  await sim.stop();
  for (const path of [sim.paths.analysisSocket, sim.paths.logtestSocket]) {
    assert.ok(statSync(path).isSocket());
    await assert.rejects(ask(path, RELOAD), { code: "ECONNREFUSED" });
  }
  rmSync(sim.paths.analysisSocket);
  await assert.rejects(ask(sim.paths.analysisSocket, RELOAD), { code: "ENOENT" });
  assert.equal(await sim.start(), true);
  assert.equal((await ask(sim.paths.analysisSocket, RELOAD)).error, 0);
});
