import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { GraylogApi } from "../../src/clients/graylog-api.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { Secret } from "../../src/lib/secret.ts";
import { planInstall } from "../../src/setup/graylog/install.ts";
import { readState } from "../../src/setup/graylog/install-state.ts";
import { commentOf, DEFAULT_OPTIONS, optionsIn, type PackOptions } from "../../src/setup/graylog/options.ts";
import { makePack, PACK_ID, PACK_REVISION } from "../../src/setup/graylog/pack.ts";
import { values } from "../../src/setup/graylog/parameters.ts";
import { FakeGraylog, TOKEN } from "../support/fake-graylog.ts";
import { json, type TestRequest } from "../support/http-server.ts";

const signal = new AbortController().signal;
const TOKENS = { lookup: "lookup-t0ken", notify: "notify-t0ken" };

function apiOf(t: TestContext, url: string, token = TOKEN): GraylogApi {
  const api = new GraylogApi({ url, token: new Secret(token), timeoutMs: 3000, clock: systemClock });
  t.after(() => api.close());
  return api;
}

async function install(api: GraylogApi, options: PackOptions = DEFAULT_OPTIONS): Promise<void> {
  const state = await readState(api, signal);
  const request = { api, pack: makePack(options), options, values: values(options, TOKENS) };
  for (const { run } of await planInstall(request, state, signal)) await run(signal);
}

const instead = (graylog: FakeGraylog, answer: (request: TestRequest, response: ServerResponse) => boolean) => {
  graylog.instead = answer;
};

test("each refusal says what it was and what to do, and never the token", async (t) => {
  const graylog = await FakeGraylog.start(t);
  const api = apiOf(t, graylog.url);
  const cases: [string, RegExp, () => void][] = [
    [
      "another user's token",
      /401.*check the token/,
      () => {
        instead(graylog, (_, response) => void response.writeHead(401).end() === undefined);
      },
    ],
    [
      "a user without rights",
      /403 \(Not authorized\).*role Admin/,
      () => {
        graylog.role = "Reader";
      },
    ],
    [
      "a proxy that takes the header away",
      /proxy.*X-Requested-By/,
      () => {
        instead(graylog, ({ method }, response) => {
          if (method !== "GET")
            json(response, 400, { message: "CSRF protection header is missing. Please add a X-Requested-By header" });
          return method !== "GET";
        });
      },
    ],
    [
      "a version that is too old",
      /6\.0 or newer, found 5\.2\.7/,
      () => {
        graylog.version = "5.2.7+1";
      },
    ],
    [
      "no Graylog at all",
      /404.*Graylog 6\.0 or newer there/,
      () => {
        instead(graylog, (_, response) => void json(response, 404, {}) === undefined);
      },
    ],
    [
      "a web page",
      /expected JSON from Graylog/,
      () => {
        instead(graylog, (_, response) => void response.writeHead(200).end("<html>") === undefined);
      },
    ],
    [
      "a redirect",
      /redirects/,
      () => {
        instead(graylog, (_, response) => void response.writeHead(301, { location: "https://x/" }).end() === undefined);
      },
    ],
    [
      "a fault of its own, with the token in it",
      /500/,
      () => {
        instead(graylog, (_, response) => void json(response, 500, { message: `for ${TOKEN}` }) === undefined);
      },
    ],
    [
      "a connection that breaks",
      /closed the connection/,
      () => {
        instead(graylog, (_, response) => void response.destroy() === undefined);
      },
    ],
  ];
  for (const [name, message, arrange] of cases) {
    Object.assign(graylog, { instead: undefined, role: "Admin", version: "7.1.2" });
    arrange();
    await assert.rejects(install(api), (error: Error) => {
      assert.match(error.message, message, name);
      assert.ok(!error.message.includes(TOKEN), name);
      return true;
    });
    assert.equal(graylog.installations.length, 0, name);
  }
});

test("a port that another input has is not taken from it, and the way out is named; UDP is no obstacle", async (t) => {
  const graylog = await FakeGraylog.start(t);
  const api = apiOf(t, graylog.url);
  graylog.inputs.set("a", {
    title: "GELF UDP",
    type: "org.graylog2.inputs.gelf.udp.GELFUDPInput",
    port: 12_201,
    state: "RUNNING",
  });
  graylog.inputs.set("b", {
    title: "Wazuh raw",
    type: "org.graylog2.inputs.raw.tcp.RawTCPInput",
    port: 5555,
    state: "RUNNING",
  });
  await assert.rejects(
    install(api),
    /port 5555 belongs to the input "Wazuh raw".*--inputs gelf; what comes in by that one is parsed/,
  );
  assert.deepEqual(graylog.changes, []);
  await install(api, { ...DEFAULT_OPTIONS, inputs: ["gelf"] });
  assert.equal(graylog.inputs.size, 3);
});

test("when Graylog refuses the new one, the old one is installed again with its values and runs", async (t) => {
  const graylog = await FakeGraylog.start(t);
  const api = apiOf(t, graylog.url);
  await install(api);
  const before = graylog.installations[0]?.parameters;
  const content = JSON.stringify([...graylog.packs.values()]);
  let attempts = 0;
  graylog.failsToInstall = () => ++attempts === 1;
  await assert.rejects(
    install(api, { ...DEFAULT_OPTIONS, minScore: 90 }),
    /Failed to install.*installed before is installed again/,
  );
  assert.equal(JSON.stringify([...graylog.packs.values()]), content);
  assert.deepEqual(
    graylog.installations.map(({ parameters }) => parameters),
    [before],
  );
  assert.ok([...graylog.streams.values()].every(({ disabled }) => !disabled));
  await install(api, { ...DEFAULT_OPTIONS, minScore: 90 });
  assert.match(JSON.stringify([...graylog.packs.values()]), /tipline_score:>=90/);
});

test("who refuses an installation and repeats its values brings no token into the message", async (t) => {
  const graylog = await FakeGraylog.start(t);
  instead(graylog, ({ method, path, body }, response) => {
    const [, authorization = ""] = /(Bearer [^"]+)/.exec(body) ?? [];
    const refused = method === "POST" && path.endsWith("/installations");
    if (refused) json(response, 400, { message: `no such value: ${authorization}` });
    return refused;
  });
  await assert.rejects(install(apiOf(t, graylog.url)), (error: Error) => {
    assert.match(error.message, /no such value: Bearer \[secret\]/);
    return !error.message.includes(TOKENS.lookup);
  });
});

test("before it takes an earlier installation away it says what goes with it", async (t) => {
  const graylog = await FakeGraylog.start(t);
  const api = apiOf(t, graylog.url);
  await install(api);
  const options = { ...DEFAULT_OPTIONS, hosts: 9 };
  const request = { api, pack: makePack(options), options, values: values(options, TOKENS) };
  const [step] = await planInstall(request, await readState(api, signal), signal);
  assert.match(step?.what ?? "", /^uninstall/);
  assert.match(step?.why ?? "", /what you added to its events, stream and pipelines \(notifications,.*goes with it/);
});

test("when nothing helps, it says so, and the next run mends it", async (t) => {
  const graylog = await FakeGraylog.start(t);
  const api = apiOf(t, graylog.url);
  await install(api);
  graylog.failsToInstall = () => true;
  await assert.rejects(
    install(api, { ...DEFAULT_OPTIONS, hosts: 9 }),
    /could not be put back either.*run it again with all options and tokens/,
  );
  graylog.failsToInstall = undefined;
  await install(api, { ...DEFAULT_OPTIONS, hosts: 9 });
  assert.equal(graylog.installations.length, 1);
});

test("an installation by hand, with other words in its comment, is taken over", async (t) => {
  const graylog = await FakeGraylog.start(t);
  const api = apiOf(t, graylog.url);
  const pack = makePack(DEFAULT_OPTIONS, { allowlist: true });
  await api.uploadPack(pack, signal);
  await api.installPack(
    { id: PACK_ID, revision: PACK_REVISION, parameters: values(DEFAULT_OPTIONS, TOKENS), comment: "by hand" },
    signal,
  );
  await install(api);
  assert.equal(graylog.installations.length, 1);
  assert.equal(graylog.inputs.size, 2);
});

test("a stream that somebody deleted stops nothing", async (t) => {
  const graylog = await FakeGraylog.start(t);
  const api = apiOf(t, graylog.url);
  await install(api);
  graylog.streams.clear();
  await install(api);
});

test("options in a comment are read back; a comment that is not ours, or was changed, gives none", () => {
  const options = { ...DEFAULT_OPTIONS, inputs: ["raw"] as const, inputTls: { certFile: "/c", keyFile: "/k" } };
  assert.deepEqual(optionsIn(commentOf(options)), options);
  for (const comment of [
    undefined,
    "by hand",
    `${commentOf(options)}x`,
    commentOf({ ...options, rawPort: 0 }),
    "x".repeat(20_000),
  ])
    assert.deepEqual(optionsIn(comment), {});
});
