import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { TcpIntake } from "../../src/clients/tcp-intake.ts";
import type { Context } from "../../src/contract/define.ts";
import type { Source } from "../../src/contract/source.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { parseListenAddress } from "../../src/lib/http-front-listen.ts";
import { silentLog } from "../../src/lib/log.ts";
import graylog from "../../src/sources/graylog.ts";
import http from "../../src/sources/http.ts";
import { journaled, pushRig } from "../support/push-source.ts";
import { type OpenSource, testSource } from "./source.contract.ts";

/** Posts all that was written, again to each new source: a sender that heard no answer. */
const posting =
  (
    make: (context: Context) => Source | Promise<Source>,
    path: string,
    body: (lines: string, n: number) => string,
  ): OpenSource =>
  (t) => {
    const bodies: string[] = [];
    let torn = "";
    let over = false;
    t.after(() => {
      over = true;
    });
    return {
      async source() {
        const { source, url } = await pushRig(t, make);
        void post(`${url}${path}`, bodies, () => over);
        return journaled(source);
      },
      write(bytes) {
        const end = (torn + bytes).lastIndexOf("\n") + 1;
        const whole = (torn + bytes).slice(0, end);
        torn = (torn + bytes).slice(end);
        if (whole !== "") bodies.push(body(whole, bodies.length));
      },
      turn: () => undefined,
    };
  };

async function post(url: string, bodies: readonly string[], isOver: () => boolean): Promise<void> {
  for (let at = 0; !isOver(); ) {
    const body = bodies[at];
    const status = body === undefined ? 0 : await postOne(url, body);
    if (status === 200) at += 1;
    else await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function postOne(url: string, body: string): Promise<number> {
  try {
    const headers = { "content-type": "application/x-ndjson" };
    const response = await fetch(url, { method: "POST", body, headers });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

testSource(
  "http",
  posting(
    (context) => http.create(http.config.parse({}), context),
    "/v1/alerts",
    (lines) => lines,
  ),
  { follows: true },
);

testSource(
  "graylog",
  posting(
    (context) => graylog.create(graylog.config.parse({}), context),
    "/v1/graylog",
    (lines, n) =>
      JSON.stringify({
        event: { id: `01HZ${n}` },
        backlog: lines
          .trimEnd()
          .split("\n")
          .map((message) => ({ message, fields: {} })),
      }),
  ),
  { follows: true, lines: false },
);

/** One connection after the other, each as long as nothing turns; the source listens on a port of its own. */
const overTcp: OpenSource = (t: TestContext) => {
  const written: (string | undefined)[] = [];
  const intake = new TcpIntake({
    address: parseListenAddress("127.0.0.1:0", "listen"),
    owner: "sources.raw",
    maxConnections: 10,
    clock: systemClock,
    log: silentLog,
  });
  let over = false;
  t.after(() => {
    over = true;
  });
  void (async () => {
    let socket: Socket | undefined;
    while (!over) {
      const next = intake.port === undefined ? undefined : written.shift();
      if (next === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
      else if (next === "turn") {
        socket?.end();
        socket = undefined;
      } else {
        socket ??= connect(intake.port as number, "127.0.0.1").on("error", () => undefined);
        socket.write(next);
      }
    }
    socket?.destroy();
  })();
  return {
    source: () => ({ read: (_, signal) => intake.read(signal), lag: () => intake.lag() }),
    write: (bytes) => void written.push(bytes),
    turn: () => undefined,
  };
};

testSource("tcp", overTcp, { follows: true, replays: false });
