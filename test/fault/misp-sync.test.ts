import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { silentLog } from "../../src/lib/log.ts";
import { openGenerations } from "../../src/store/generations.ts";
import { cli, cliCommand } from "../support/cli.ts";
import { tlsFixture } from "../support/http-server.ts";
import { ADMIN_KEY, EXPIRED_KEY } from "../support/misp-sim/defaults.ts";
import { serveMispSim } from "../support/misp-sim/http.ts";
import type { SimRequest } from "../support/misp-sim/request.ts";
import { createMispSim, type MispSim } from "../support/misp-sim/sim.ts";
import { rowsOf } from "../support/misp-sync-rig.ts";
import { tempDir } from "../support/temp.ts";

type Interfere = (request: SimRequest, response: ServerResponse) => boolean | Promise<boolean>;

/** A state folder with its configuration. */
class Installation {
  readonly dir: string;
  readonly state: string;
  readonly config: string;

  constructor(t: TestContext) {
    this.dir = tempDir(t);
    this.state = join(this.dir, "state");
    this.config = join(this.dir, "tipline.yaml");
  }

  configure(misp: Readonly<Record<string, string | number>>): void {
    const lines = Object.entries({ type: "misp-server", key: ADMIN_KEY, ...misp }).map(
      ([key, value]) => `    ${key}: ${value}`,
    );
    writeFileSync(this.config, [`state_dir: ${this.state}`, "feeds:", "  misp:", ...lines, ""].join("\n"), {
      mode: 0o600,
    });
  }

  sync(...more: string[]) {
    return cli(["sync", "--config", this.config, ...more]);
  }

  /** What is in force, read beside whoever writes. */
  read() {
    const store = openGenerations({ dir: join(this.state, "generations"), log: silentLog, readOnly: true });
    try {
      return { id: store.current()?.id, rows: rowsOf(store), partial: store.partialFeeds() };
    } finally {
      store.close();
    }
  }
}

function fill(sim: MispSim, events: number, attributes: number): void {
  for (let n = 0; n < events; n++) {
    const event = sim.edit.addEvent({ info: `campaign ${n}`, timestamp: 1_790_000_000 + n });
    for (let at = 0; at < attributes; at++)
      sim.edit.addAttribute(event, { type: "domain", value: `n${at}.campaign${n}.example.net` });
    sim.edit.publish(event);
    event.timestamp = 1_790_000_000 + n;
  }
}

test("a first sync that is killed goes on where it was, and ends as if nothing had happened", async (t) => {
  const sim = createMispSim({ clock: Date.now });
  fill(sim, 60, 70);
  const killed = new Installation(t);
  const smooth = new Installation(t);
  let doomed: (() => void) | undefined;
  let afterFirstPart = 0;
  const interfere: Interfere = ({ path }) => {
    if (doomed === undefined || path !== "/attributes/restSearch") return false;
    if (existsSync(join(killed.state, "generations", "current")) && ++afterFirstPart === 4) doomed();
    return false;
  };
  const url = await serveMispSim(t, sim, { interfere, delay: () => 5 });
  const settings = { url, page_size: 100, events_per_request: 5, part_size: 1000, concurrency: 1 };
  killed.configure(settings);
  smooth.configure(settings);

  const [command = "", ...before] = cliCommand();
  const child = spawn(command, [...before, "sync", "--config", killed.config], {
    env: { ...process.env, NODE_TEST_CONTEXT: "" },
    stdio: "ignore",
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once("close", (_code, signal) => resolve(signal)),
  );
  doomed = () => child.kill("SIGKILL");
  assert.equal(await ended, "SIGKILL");
  doomed = undefined;
  const half = killed.read();
  assert.deepEqual(half.partial, ["misp"]);
  assert.ok(half.rows.size >= 10 && half.rows.size < 40, `${half.rows.size} events after one part of several`);

  sim.requests.length = 0;
  const second = await killed.sync();
  assert.equal(second.code, 0, second.stderr);
  const asked = sim.requests
    .filter(({ path }) => path === "/attributes/restSearch")
    .flatMap(({ body }) => JSON.parse(body.toString()).eventid as string[]);
  for (const id of asked) assert.ok(!half.rows.has(sim.state.event(id)?.uuid ?? ""), `event ${id} was read twice`);
  const whole = killed.read();
  assert.deepEqual(whole.partial, []);
  assert.equal((await smooth.sync()).code, 0);
  assert.deepEqual(whole.rows, smooth.read().rows);
  assert.equal(whole.rows.size, 60);
});

test("whatever the server does, the last good generation serves, and the error says what to do", async (t) => {
  const sim = createMispSim({ clock: Date.now });
  fill(sim, 6, 60);
  let interfere: Interfere = () => false;
  const url = await serveMispSim(t, sim, { tls: true, interfere: (request, response) => interfere(request, response) });
  const installation = new Installation(t);
  const good = { url, ca_file: tlsFixture("ca.pem"), events_per_request: 2, page_size: 100 };
  installation.configure(good);
  const first = await installation.sync();
  assert.equal(first.code, 0, first.stderr);
  const before = installation.read();
  assert.equal(before.rows.size, 6);
  // Something to read, so that every fault can strike in the middle of it.
  for (const event of sim.state.events.values()) sim.edit.publish(sim.edit.editEvent(event, { info: "edited" }));

  const onSearch =
    (strike: (response: ServerResponse) => void): Interfere =>
    ({ path }, response) => {
      if (path !== "/attributes/restSearch") return false;
      strike(response);
      return true;
    };
  const faults: readonly {
    readonly what: string;
    readonly settings?: Readonly<Record<string, string | number>>;
    readonly interfere?: Interfere;
    readonly says: RegExp;
  }[] = [
    {
      what: "down",
      settings: { url: "https://127.0.0.1:9" },
      says: /127\.0\.0\.1:9.*(?:nothing listens|cannot be reached)/,
    },
    {
      what: "slow",
      settings: { timeout_seconds: 1 },
      interfere: ({ path }) => path.startsWith("/events/index") && new Promise(() => undefined),
      says: /timeout_seconds|no answer|silent/,
    },
    {
      what: "a web page",
      interfere: onSearch((response) => {
        response.writeHead(200, { "content-type": "text/html" });
        response.end("<!doctype html><title>Maintenance</title>");
      }),
      says: /web page.*check the URL and any proxy/,
    },
    {
      what: "500",
      interfere: onSearch((response) => {
        response.writeHead(500, { "content-type": "application/json" });
        response.end('{"name":"An Internal Error Has Occurred."}');
      }),
      says: /answered 500.*error log/,
    },
    {
      what: "a connection that is cut in the middle of a page",
      interfere: onSearch((response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "100000" });
        response.write('{"response": {"Attribute": [{"id": "1", ', () => response.destroy());
      }),
      says: /broke off|cut|closed|ended/,
    },
    { what: "an expired key", settings: { key: EXPIRED_KEY }, says: /refuses the key.*unexpired/ },
    {
      what: "another authority",
      settings: { ca_file: tlsFixture("server.pem") },
      says: /certificate.*ca_file|ca_file/,
    },
  ];
  for (const fault of faults) {
    interfere = fault.interfere ?? (() => false);
    installation.configure({ ...good, ...fault.settings });
    const { code, stderr } = await installation.sync();
    t.diagnostic(`${fault.what}: ${stderr.trim().split("\n")[0]}`);
    assert.equal(code, 1, fault.what);
    assert.match(stderr, fault.says, fault.what);
    assert.ok(!stderr.includes(ADMIN_KEY) && !stderr.includes(EXPIRED_KEY));
    const now = installation.read();
    assert.equal(now.id, before.id, fault.what);
    assert.deepEqual(now.rows, before.rows, fault.what);
  }
  installation.configure(good);
  const found = await cli(["lookup", "n3.campaign2.example.net", "--config", installation.config]);
  assert.equal(found.code, 0, found.stderr);
  assert.match(found.stdout, /campaign 2/);
  const stats = await cli(["index", "stats", "--config", installation.config]);
  assert.match(stats.stdout, /generation\s+\S+, \S.* old/);

  interfere = () => false;
  const healed = await installation.sync();
  assert.equal(healed.code, 0, healed.stderr);
  assert.ok([...installation.read().rows.values()].flat().every((row) => row.includes('"edited"')));
});
