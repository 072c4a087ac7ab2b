import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { serviceNotify } from "../../../src/app/service-notify.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { DatagramReceiver } from "../../support/datagram-receiver.ts";
import { until } from "../../support/pipeline.ts";
import { tempDir } from "../../support/temp.ts";

test("systemd hears that the line is ready, that its loop turns, and that it stops", async (t) => {
  const heard: string[] = [];
  const receiver = new DatagramReceiver(join(tempDir(t), "notify"), (datagram) => heard.push(datagram.toString()));
  receiver.start();
  t.after(() => receiver.stop());
  const env = { NOTIFY_SOCKET: receiver.path, WATCHDOG_USEC: "20000", WATCHDOG_PID: String(process.pid) };
  const service = await serviceNotify(silentLog, env);
  service.ready();
  // An interval that does not hold the process, as that of a line that has ended.
  await until("two signs of life", () => heard.filter((text) => text === "WATCHDOG=1").length >= 2);
  service.stopping();
  await until("the end", () => heard.some((text) => text.startsWith("STOPPING=1\n")));
  service.close();
  assert.ok(heard.some((text) => text.startsWith("READY=1\n")));
});

test("without systemd, with another's watchdog or a socket that is gone, nothing fails", async (t) => {
  const heard: string[] = [];
  const receiver = new DatagramReceiver(join(tempDir(t), "notify"), (datagram) => heard.push(datagram.toString()));
  receiver.start();
  t.after(() => receiver.stop());
  for (const env of [
    {},
    { NOTIFY_SOCKET: "@abstract" },
    { NOTIFY_SOCKET: "/nowhere/at/all" },
    { NOTIFY_SOCKET: `/${"x".repeat(200)}` },
    { NOTIFY_SOCKET: receiver.path, WATCHDOG_USEC: "20000", WATCHDOG_PID: "1" },
  ]) {
    const service = await serviceNotify(silentLog, env);
    service.ready();
    service.stopping();
    service.close();
  }
  await until("the only one that is listened to", () => heard.length === 2);
  assert.ok(!heard.includes("WATCHDOG=1"));
});
