// A process for the fault tests: a webhook sink that is handed numbered findings, in batches, from a number on, and delivers them to
// a receiver until it is killed. Says `added N` when findings below N are taken. Arguments: folder, url, first number (or `drain`), window.
import { writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import webhook from "../../src/sinks/webhook.ts";
import { makeFinding } from "./finding.ts";
import { SECRET } from "./webhook-receiver.ts";

const [dir = "", url = "", first = "0", window = "7d"] = process.argv.slice(2);
const never = new AbortController().signal;
const sink = await webhook.create(
  webhook.config.parse({ url, allow_private: true, secrets: [SECRET], spacing: "0s", window, max_notices: 50 }),
  {
    name: "chat",
    log: silentLog,
    clock: systemClock,
    cacheDir: join(dir, "cache"),
    keepDir: join(dir, "outbox"),
  } as Parameters<typeof webhook.create>[1],
);
void sink.outbox?.run(
  { bury: () => Promise.reject(new Error("nothing is to be buried")), attempted: () => undefined },
  never,
);
if (first === "drain") {
  while ((sink.outbox?.backlog().findings ?? 0) > 0) await pause(20);
  await sink.close?.();
  writeSync(1, "drained\n");
} else {
  for (let n = Number(first); ; ) {
    const size = 1 + (n % 37);
    const batch = Array.from({ length: size }, (_, i) =>
      makeFinding(n + i, { key: { indicator: `ip:203.0.113.${(n + i) % 50}`, entity: "agent:001" } }),
    );
    const { status } = await sink.send(batch, never);
    if (status !== "sent") throw new Error(`expected sent, got ${status}`);
    n += size;
    writeSync(1, `added ${n}\n`);
    await pause(1);
  }
}
