import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { reloadRuleset } from "../../../src/clients/wazuh-analysis.ts";
import { probeQueue } from "../../../src/clients/wazuh-analysis-probe.ts";
import { askDaemon, framed } from "../../../src/clients/wazuh-local-socket.ts";
import { logtest, logtestAll } from "../../../src/clients/wazuh-logtest.ts";
import { parseAnalysisState, readAnalysisState } from "../../../src/clients/wazuh-state.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;

/** A daemon that answers each message with bytes; the questions that it got. */
async function daemon(t: TestContext, answer: (question: Record<string, unknown>) => Buffer | undefined) {
  const path = join(tempDir(t), "socket");
  const questions: Record<string, unknown>[] = [];
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < 4 || bytes.length < 4 + bytes.readUInt32LE(0)) return;
      const question = JSON.parse(bytes.subarray(4).toString()) as Record<string, unknown>;
      questions.push(question);
      const said = answer(question);
      if (said === undefined) socket.end();
      else socket.end(said);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  return { path, questions };
}

const json = (value: unknown): Buffer => framed(Buffer.from(JSON.stringify(value)));

test("a reload: in force, with warnings, refused, not known", async (t) => {
  const answers: (Buffer | undefined)[] = [
    json({ error: 0, message: "ok", data: [] }),
    json({ error: 0, message: "ok", data: ["WARNING: (7612)"] }),
    json({ error: 1, message: "no", data: ["ERROR: (1226)"] }),
    framed(Buffer.from("err Unrecognized command")),
    undefined,
  ];
  const { path, questions } = await daemon(t, () => answers.shift());
  assert.deepEqual(await reloadRuleset(path, NEVER), { status: "reloaded", warnings: [] });
  assert.deepEqual(await reloadRuleset(path, NEVER), { status: "reloaded", warnings: ["WARNING: (7612)"] });
  assert.deepEqual(await reloadRuleset(path, NEVER), { status: "refused", errors: ["ERROR: (1226)"] });
  for (let n = 0; n < 2; n++) {
    const result = await reloadRuleset(path, NEVER);
    assert.equal(result.status === "unreachable" ? result.code : result.status, "EBADMSG");
  }
  assert.equal(questions[0]?.["command"], "reload-ruleset");
});

test("logtest: one session for several events, removed at the end, also when the second is refused", async (t) => {
  const output = {
    rule: { id: "100622", level: 12, description: "MISP", groups: ["misp"] },
    decoder: { name: "json" },
  };
  let events = 0;
  const { path, questions } = await daemon(t, ({ command }) => {
    if (command === "remove_session") return json({ error: 0, data: { codemsg: 0 } });
    events++;
    return events === 2
      ? json({ error: 0, data: { messages: ["ERROR: (7312)"], token: "0a0b0c0d", codemsg: -1 } })
      : json({ error: 0, data: { output, alert: true, token: "0a0b0c0d", messages: ["INFO: (7202)"], codemsg: 0 } });
  });
  const event = { event: { a: "1" }, location: "misp", logFormat: "json" };
  const results = await logtestAll(path, [event, event, event], NEVER);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["evaluated", "refused"],
  );
  const [first] = results;
  assert.ok(first?.status === "evaluated");
  assert.deepEqual(first.rule, { id: "100622", level: 12, description: "MISP", groups: ["misp"] });
  assert.equal(first.alert, true);
  assert.deepEqual(
    questions.map(({ command }) => command),
    ["log_processing", "log_processing", "remove_session"],
  );
  const { token } = (questions[1]?.["parameters"] ?? {}) as { token?: string };
  assert.equal(token, "0a0b0c0d");
});

test("an event that no rule takes, and level 0, which takes it in silence", async (t) => {
  const outputs = [{ decoder: { name: "json" } }, { rule: { id: "86600", level: 0 } }];
  const { path } = await daemon(t, ({ command }) =>
    command === "remove_session"
      ? json({ error: 0 })
      : json({ error: 0, data: { output: outputs.shift(), alert: false } }),
  );
  const event = { event: "{}", location: "misp", logFormat: "json" };
  const none = await logtest(path, event, NEVER);
  assert.ok(none.status === "evaluated" && none.rule === undefined && none.decoder === "json");
  const silent = await logtest(path, event, NEVER);
  assert.ok(silent.status === "evaluated" && silent.rule?.level === 0 && !silent.alert);
});

test("a daemon that is not there, hangs, announces too much or is given up is a value", async (t) => {
  const dir = tempDir(t);
  const code = async (path: string, timeoutMs = 5000, signal = NEVER) => {
    const answer = await askDaemon(path, { a: 1 }, { timeoutMs, signal });
    return answer.status === "unreachable" ? answer.code : answer.status;
  };
  assert.equal(await code(join(dir, "absent")), "ENOENT");
  const huge = Buffer.alloc(8);
  huge.writeUInt32LE(0x7fffffff, 0);
  assert.equal(await code((await daemon(t, () => huge)).path), "EBADMSG");
  const { path } = await daemon(t, () => Buffer.alloc(0));
  assert.equal(await code(path), "EBADMSG");
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(join(dir, "silent"), resolve));
  t.after(() => silent.close());
  assert.equal(await code(join(dir, "silent"), 50), "ETIMEDOUT");
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 20);
  assert.equal(await code(join(dir, "silent"), 5000, stop.signal), "ABORTED");
  assert.deepEqual(await probeQueue(join(dir, "absent")), { status: "refused", code: "ENOENT" });
  assert.deepEqual(await probeQueue(join(dir, "x".repeat(200))), { status: "refused", code: "ENAMETOOLONG" });
});

test("the state file: numbers of its assignments, nothing else", async (t) => {
  const path = join(tempDir(t), "state");
  writeFileSync(
    path,
    "# State file\n\nevents_dropped='3'\nevents_received=7\nevent_queue_usage='0.25'\nbad='x'\n__proto__='1'\n",
  );
  const reading = await readAnalysisState(path);
  assert.ok(reading.status === "read");
  assert.equal(reading.state.values.get("events_dropped"), 3);
  assert.equal(reading.state.values.get("events_received"), 7);
  assert.equal(reading.state.values.get("event_queue_usage"), 0.25);
  assert.equal(reading.state.values.has("bad"), false);
  const absent = await readAnalysisState(`${path}.absent`);
  assert.equal(absent.status === "unreadable" && absent.code, "ENOENT");
  assert.equal(parseAnalysisState("x".repeat(1e6)).size, 0);
});
