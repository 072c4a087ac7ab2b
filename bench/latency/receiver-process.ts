import { appendFileSync, writeFileSync } from "node:fs";
import { DatagramReceiver } from "../../test/support/datagram-receiver.ts";

/**
 * Where the datagrams arrive: notes when, and, if ALERTS is not empty, writes each finding back into it once a second, as Wazuh
 * does. Asked to count, it answers; told to
 * end, it writes what it noted to OUT as JSON.
 *
 *   receiver-process.js QUEUE FLOOR ALERTS OUT
 */
const [queue = "", floor = "", alerts = "", out = ""] = process.argv.slice(2);
const arrived: [n: number, at: string][] = [];
const floors: number[] = [];
let echoes: string[] = [];
const receivers = [
  new DatagramReceiver(queue, (datagram) => {
    const at = process.hrtime.bigint();
    const text = datagram.toString("utf8");
    const n = /"alert_id":"\d+\.(\d+)"/.exec(text)?.[1];
    if (n === undefined) return;
    arrived.push([Number(n), String(at)]);
    if (alerts === "") return;
    const message = text.slice(text.indexOf(":{") + 1);
    echoes.push(
      `{"timestamp":"2026-11-21T21:45:51.000+0000","rule":{"level":12,"description":"MISP","id":"100622","groups":["misp","misp_alert"]},"agent":{"id":"001","name":"web-001"},"manager":{"name":"bench"},"id":"1795297551.${n}","decoder":{"name":"json"},"data":${message},"location":"misp"}\n`,
    );
  }),
  new DatagramReceiver(floor, (datagram) => {
    floors.push(Number(process.hrtime.bigint() - BigInt(datagram.toString())) / 1e6);
  }),
];
for (const receiver of receivers) receiver.start();
const flush = setInterval(() => {
  if (alerts !== "" && echoes.length > 0) appendFileSync(alerts, echoes.join(""));
  echoes = [];
}, 1000);
process.on("message", async (message) => {
  if (message === "count") {
    process.send?.(new Set(arrived.map(([n]) => n)).size);
    return;
  }
  clearInterval(flush);
  for (const receiver of receivers) await receiver.stop();
  writeFileSync(out, JSON.stringify({ arrived, floors }));
  process.disconnect();
});
process.send?.("ready");
