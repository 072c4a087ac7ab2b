import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { tempDir } from "../support/temp.ts";
import { badly, WebhookReceiver } from "../support/webhook-receiver.ts";

const KILLS = Number(process.env["TIPLINE_KILLS"] ?? 8);
const loader = process.execArgv.filter((_, i, all) => all[i] === "--import" || all[i - 1] === "--import");
const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const writer = fileURLToPath(new URL(`../support/webhook-writer${extension}`, import.meta.url));

const start = (...args: readonly string[]) =>
  spawn(process.execPath, [...loader, writer, ...args], { stdio: ["ignore", "pipe", "inherit"] });

/** Runs it and kills it some batches later; gives the number below which all findings were taken. */
async function liveAndDie(dir: string, url: string, from: number, batches: number, lateMs: number): Promise<number> {
  const child = start(dir, url, String(from));
  let text = "";
  let killing = false;
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk;
    if (killing || text.split("\n").length <= batches) return;
    killing = true;
    setTimeout(() => child.kill("SIGKILL"), lateMs);
  });
  await once(child, "close");
  assert.ok(killing, "it ended by itself");
  const said = text.split("\n").slice(0, -1).at(-1)?.split(" ")[1];
  return Number(said ?? from);
}

test(`killed ${KILLS} times: each finding is in exactly one message, of at most 50 notices and one digest`, async (t: TestContext) => {
  const receiver = await WebhookReceiver.start(t);
  const dir = tempDir(t);
  // Takes most, and now and then breaks off after it has read the whole message; not twice, since that is waited for in minutes.
  const broken = new Set<unknown>();
  receiver.behave = (response, request, nth) => {
    const id = request.headers["webhook-id"];
    if (nth % 5 !== 0 || broken.has(id)) return badly.status(200)(response, request, nth);
    broken.add(id);
    badly.reset(response, request, nth);
  };
  let from = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const upTo = await liveAndDie(
      dir,
      receiver.url,
      Math.max(0, from - (kill % 3) * 20),
      3 + ((kill * 7) % 20),
      (kill * 11) % 17,
    );
    from = Math.max(from, upTo);
  }
  receiver.behave = badly.status(200);
  const last = start(dir, receiver.url, "drain", "1s");
  const [code] = await once(last, "close");
  assert.equal(code, 0);

  const messages = new Map(receiver.requests.map((request) => [request.id, request]));
  const bodies = [...messages.values()].map(
    ({ body }) => JSON.parse(body) as { type: string; data: { digest?: string; finding_ids: string[] } },
  );
  for (const { id, body } of receiver.requests)
    assert.equal(body, messages.get(id)?.body, "tried again, it is the same");
  for (const { refused } of receiver.requests) assert.equal(refused, undefined);
  const ids = bodies.flatMap(({ data }) => data.finding_ids);
  assert.equal(new Set(ids).size, ids.length, "no finding is in two messages");
  for (let n = 0; n < from; n++)
    assert.ok(ids.includes(`f${String(n).padStart(8, "0")}`), `finding ${n} is in a message`);
  assert.ok(bodies.filter(({ type }) => type === "tipline.finding").length <= 50);
  assert.equal(new Set(bodies.flatMap(({ data }) => data.digest ?? [])).size, 1);
  t.diagnostic(`${from} findings in ${messages.size} messages, ${receiver.requests.length} requests`);
});
