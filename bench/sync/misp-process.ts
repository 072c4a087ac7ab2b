import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { recordedDelay, writeAnswer } from "../../test/support/misp-sim/http.ts";
import type { SimRequest } from "../../test/support/misp-sim/request.ts";
import type { SimResponse } from "../../test/support/misp-sim/respond.ts";
import { createMispSim } from "../../test/support/misp-sim/sim.ts";

/**
 * The simulator as a process of its own, filled with `argv[2]` attributes. Answers are kept, so that what is measured later is the
 * asking side. `/bench/delay/on|off` switches the recorded delays; `/bench/requests` gives what was asked and empties the list.
 */
const PER_EVENT = 500;
const TYPES = ["ip-dst", "domain", "url", "sha256", "md5"] as const;

const sim = createMispSim();
const answers = new Map<string, SimResponse>();
let asked: { readonly method: string; readonly path: string; readonly body: string }[] = [];
let delayed = false;
fill(Number(process.argv[2]));

const server = createServer((incoming, response) => {
  const pieces: Buffer[] = [];
  incoming.on("data", (piece: Buffer) => pieces.push(piece));
  incoming.on("end", async () => {
    const { method = "GET", url: path = "/", headers } = incoming;
    if (path.startsWith("/bench/")) return void response.end(control(path));
    const body = Buffer.concat(pieces);
    asked.push({ method, path, body: body.toString() });
    const request: SimRequest = { method, path, headers: headers as Record<string, string>, body, ip: "127.0.0.1" };
    const key = `${method} ${path} ${body}`;
    const answer = answers.get(key) ?? sim.handle(request);
    answers.set(key, answer);
    sim.requests.length = 0;
    if (delayed) await sleep(recordedDelay(request, answer));
    writeAnswer(response, method, answer);
  });
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));

function control(path: string): string {
  if (path.includes("delay")) delayed = path.endsWith("/on");
  if (!path.includes("requests")) return "ok";
  const list = asked;
  asked = [];
  return JSON.stringify(list);
}

function fill(count: number): void {
  for (let event = 0; event * PER_EVENT < count; event++) {
    const record = sim.edit.addEvent({ info: `bench event ${event}`, tags: ["tlp:green", "osint:lifetime"] });
    for (let n = 0; n < PER_EVENT; n++) sim.edit.addAttribute(record, attribute(event * PER_EVENT + n));
    sim.edit.publish(record);
  }
  sim.advance(3600);
}

function attribute(n: number) {
  const type = TYPES[n % TYPES.length]!;
  const hex = (Math.imul(n + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, "0");
  const value = {
    "ip-dst": `${20 + (n % 80)}.${(n >> 3) % 256}.${(n >> 11) % 256}.${1 + (n % 250)}`,
    domain: `host-${hex}.badcorp-lab.net`,
    url: `http://host-${hex}.badcorp-lab.net/path/${n}?id=${hex}`,
    sha256: hex.repeat(8),
    md5: hex.repeat(4),
  }[type];
  return { type, value, toIds: true, comment: "made for the bench" };
}
