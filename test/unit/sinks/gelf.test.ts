import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Log } from "../../../src/lib/log.ts";
import { silentLog } from "../../../src/lib/log.ts";
import gelf from "../../../src/sinks/gelf.ts";
import tcpLines from "../../../src/sinks/tcp-lines.ts";
import { fastClock } from "../../support/fake-clocks.ts";
import { makeFinding } from "../../support/finding.ts";
import { decodeGelf } from "../../support/gelf-sim/decoder.ts";
import { HttpInput } from "../../support/gelf-sim/http-input.ts";
import { SimIndex } from "../../support/gelf-sim/index.ts";
import { TcpInput } from "../../support/gelf-sim/tcp-input.ts";
import { UdpInput } from "../../support/gelf-sim/udp-input.ts";
import { serve, tlsFixture } from "../../support/http-server.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;

async function open(t: TestContext, settings: Record<string, unknown>, log: Log = silentLog) {
  const context = { name: "graylog", log, clock: fastClock(20), cacheDir: tempDir(t) };
  const sink = await gelf.create(gelf.config.parse(settings), context);
  t.after(() => sink.close?.());
  return sink;
}

const big = (n: number, bytes: number) =>
  makeFinding(n, { alert: { ...makeFinding(n).alert, raw: JSON.stringify({ full_log: "x".repeat(bytes) }) } });
const reason = (result: { readonly status: string; readonly cause?: Error }) =>
  `${result.status}: ${result.cause?.message}`;

const WRONG: readonly (readonly [why: RegExp, settings: Record<string, unknown>])[] = [
  [/address: .*missing/, {}],
  [/url: .*missing/, { transport: "http" }],
  [/url: .*nothing/, { address: "g:1", url: "http://g:1/gelf" }],
  [/token_file: .*nothing/, { transport: "udp", address: "g:1", token_file: "/t" }],
  [/either/, { transport: "http", url: "http://g:1/gelf", token: "a", token_file: "/b" }],
  [/UDP is never encrypted/, { transport: "udp", address: "g:1", tls: true }],
  [/https url/, { transport: "http", url: "http://g:1/gelf", tls: true }],
  [/host:port/, { address: "g" }],
  [/host:port/, { address: "g:0" }],
  [/host:port/, { address: "2001:db8::1:12201" }],
];
for (const [why, settings] of WRONG)
  test(`${JSON.stringify(settings)} is refused with what was expected`, () => {
    const result = gelf.config.safeParse(settings);
    const text = result.error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n") ?? "";
    assert.match(text, why);
  });

test("an IPv6 address stands in brackets", () => {
  assert.deepEqual(gelf.config.parse({ address: "[2001:db8::1]:12201" }).address, { host: "2001:db8::1", port: 12201 });
});

test("settings of a certificate without tls are refused", async (t) => {
  const settings = { address: "127.0.0.1:1", ca_file: tlsFixture("ca.pem") };
  await assert.rejects(open(t, settings), /ca_file: expected tls: true/);
  assert.throws(
    () => tcpLines.create(tcpLines.config.parse({ address: "g:1", verify: false }), {} as never),
    /verify: expected tls/,
  );
});

test("HTTP: a message over 64 KiB is cut to it and says so", async (t) => {
  const input = await HttpInput.start(t);
  const sink = await open(t, { transport: "http", url: input.url });
  assert.equal((await sink.send([big(1, 200_000)], NEVER)).status, "sent");
  const [frame = Buffer.alloc(0)] = input.frames;
  assert.ok(frame.length <= 65_536);
  assert.match(JSON.parse(frame.toString())._tipline_shortened, /full_message/);
});

test("HTTP: an input with a smaller limit gets smaller messages, aloud", async (t) => {
  const input = await HttpInput.start(t, { maxBody: 20_000 });
  const said: string[] = [];
  const sink = await open(t, { transport: "http", url: input.url }, { ...silentLog, warn: (text) => said.push(text) });
  let result = await sink.send([big(1, 200_000)], NEVER);
  assert.match(reason(result), /retry: .*413.*max_chunk_size/);
  for (let n = 0; n < 5 && result.status !== "sent"; n += 1) result = await sink.send([big(1, 200_000)], NEVER);
  assert.equal(result.status, "sent");
  assert.match(said.join(), /smaller messages/);
});

test("HTTP: an input that takes nothing at all refuses the finding alone", async (t) => {
  const input = await HttpInput.start(t, { maxBody: 10 });
  const sink = await open(t, { transport: "http", url: input.url });
  let result = await sink.send([makeFinding(1)], NEVER);
  for (let n = 0; n < 5 && result.status === "retry"; n += 1) result = await sink.send([makeFinding(1)], NEVER);
  assert.match(reason(result), /rejected: .*413/);
});

test("HTTP: a wrong path, a wrong header and a busy input are retried with what to do; the header is said nowhere", async (t) => {
  const input = await HttpInput.start(t, { header: { name: "authorization", value: "right" } });
  const ask = async (settings: Record<string, unknown>) =>
    (await open(t, { transport: "http", url: input.url, ...settings })).send([makeFinding(1)], NEVER);
  const wrong = reason(await ask({ token: "s3cret-value" }));
  assert.match(wrong, /retry: .*401: .*token_file/);
  assert.doesNotMatch(wrong, /s3cret/);
  assert.match(
    reason(await ask({ token: "right", url: input.url.replace("/gelf", "/other") })),
    /retry: .*404: .*POST \/gelf/,
  );
  input.instead = { status: 429, headers: { "retry-after": "7" } };
  const busy = await ask({ token: "right" });
  assert.deepEqual([busy.status, busy.status === "retry" && busy.afterMs], ["retry", 7_000]);
  input.instead = undefined;
  assert.equal((await ask({ token: "right" })).status, "sent");
});

test("HTTP: of a batch that breaks off, what was taken is not sent again", async (t) => {
  const input = await HttpInput.start(t);
  const sink = await open(t, { transport: "http", url: input.url });
  const batch = [makeFinding(1), makeFinding(2), makeFinding(3)];
  await sink.send(batch.slice(0, 2), NEVER);
  input.instead = { status: 503 };
  const result = await sink.send(batch.slice(2), NEVER);
  assert.equal(result.status === "retry" && (result.taken ?? 0), 0);
});

test("UDP: a large message goes in chunks, compressed, and counts as uncertain", async (t) => {
  const input = await UdpInput.start(t);
  const sink = await open(t, { transport: "udp", address: input.address, chunk_bytes: 600 });
  const raw = JSON.stringify({ full_log: Array.from({ length: 4_000 }, (_, n) => `${n * 7919}`).join(" ") });
  assert.equal((await sink.send([makeFinding(1, { alert: { ...makeFinding(1).alert, raw } })], NEVER)).status, "sent");
  await input.quiet();
  assert.ok(input.datagrams.length > 3 && input.datagrams.every(({ length }) => length <= 600));
  assert.equal(JSON.parse(String(input.frames[0])).full_message.includes(raw.slice(14, -2)), true);
  assert.equal(sink.uncertain?.(), 1);
});

test("full: an index holds alerts of a thousand different shapes, and those without room say so", async (t) => {
  const input = await TcpInput.start(t);
  const sink = await open(t, { address: input.address, full: true, max_fields: 100 });
  const batch = Array.from({ length: 300 }, (_, n) =>
    makeFinding(n, {
      alert: {
        ...makeFinding(n).alert,
        raw: JSON.stringify({ data: { [`a${n}`]: "1", [`b${n}`]: "2026-01-01", [`c${n}`]: n } }),
      },
    }),
  );
  for (let at = 0; at < batch.length; at += 100)
    assert.equal((await sink.send(batch.slice(at, at + 100), NEVER)).status, "sent");
  await input.quiet();
  const index = new SimIndex();
  for (const frame of input.frames) {
    const decoded = decodeGelf(frame, 1);
    assert.ok("fields" in decoded);
    index.add(decoded);
  }
  assert.deepEqual(index.failures, []);
  assert.ok(index.mapping.size < 200, String(index.mapping.size));
  assert.match(JSON.parse(String(input.frames.at(-1)))._tipline_omitted, /wazuh_data_a299 \(too many names\)/);
});

test("without TLS beyond this host it says that findings can be read on the way", async (t) => {
  const said: string[] = [];
  await open(t, { address: "192.0.2.1:12201" }, { ...silentLog, warn: (text) => said.push(text) });
  await open(t, { address: "127.0.0.1:12201" }, { ...silentLog, warn: (text) => said.push(text) });
  assert.deepEqual(said.length, 1);
});

test("HTTP: a finding that a firewall refuses for what is in it does not hold up the others for ever", async (t) => {
  const input = await HttpInput.start(t);
  const url = await serve(t, (request, response) => {
    const bad = request.body.includes("/etc/passwd") || refusesAll;
    if (bad) return void response.writeHead(403).end();
    void fetch(input.url, { method: "POST", body: request.body }).then(({ status }) =>
      response.writeHead(status).end(),
    );
  });
  let refusesAll = true;
  const sink = await open(t, { transport: "http", url: `${url}/gelf` });
  const attack = makeFinding(1, { misp: { value: "/etc/passwd" } });
  const another = makeFinding(3, { misp: { value: "/etc/passwd" } });
  const harmless = makeFinding(2);
  for (let n = 0; n < 5; n += 1)
    assert.equal((await sink.send([attack, harmless], NEVER)).status, "retry", "refuses all");
  refusesAll = false;
  assert.equal((await sink.send([attack], NEVER)).status, "retry", "nothing to compare it with");
  assert.equal((await sink.send([attack, another, harmless], NEVER)).status, "rejected");
  assert.equal((await sink.send([attack], NEVER)).status, "rejected", "alone, as the pipeline halves a batch");
  assert.equal((await sink.send([another, harmless], NEVER)).status, "rejected", "without waiting again");
  assert.equal((await sink.send([harmless], NEVER)).status, "sent");
});
