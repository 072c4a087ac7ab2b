import { openUnixDatagram } from "../clients/unix-datagram.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";

/** What systemd hears of a service of `Type=notify`; nothing where none listens. */
export interface ServiceNotify {
  /** Everything listens and reads. */
  ready(): void;
  stopping(): void;
  close(): void;
}

const SILENT: ServiceNotify = { ready: () => undefined, stopping: () => undefined, close: () => undefined };

/**
 * Speaks sd_notify(3) over the socket that `NOTIFY_SOCKET` names. With `WatchdogSec=` it also says twice in each period that
 * the event loop turns: a loop that is stuck says nothing and is restarted. It never fails: without it the line runs as well.
 */
export async function serviceNotify(log: Log, env: NodeJS.ProcessEnv = process.env): Promise<ServiceNotify> {
  const path = env["NOTIFY_SOCKET"];
  // An abstract socket (`@…`) is what containers' supervisors use; systemd itself has a path.
  if (path === undefined || !path.startsWith("/")) return SILENT;
  try {
    const client = await openUnixDatagram(path);
    const tell = (text: string) => {
      const outcome = client.send(Buffer.from(text));
      if (outcome.status !== "sent") log.warn("systemd could not be told", { text, status: outcome.status });
    };
    const period = watchdogMs(env);
    const timer = period === undefined ? undefined : setInterval(() => tell("WATCHDOG=1"), period / 2).unref();
    return {
      ready: () => tell("READY=1\nSTATUS=following the alerts"),
      stopping: () => tell("STOPPING=1\nSTATUS=delivering what is left"),
      close() {
        clearInterval(timer);
        client.close();
      },
    };
  } catch (thrown) {
    log.warn("systemd could not be told", { error: asError(thrown) });
    return SILENT;
  }
}

/** `WATCHDOG_PID` names the process that is meant, where it is not the one that was started. */
function watchdogMs(env: NodeJS.ProcessEnv): number | undefined {
  const micros = Number(env["WATCHDOG_USEC"]);
  const pid = env["WATCHDOG_PID"];
  if (!(micros >= 2000) || (pid !== undefined && pid !== String(process.pid))) return undefined;
  return Math.min(micros / 1000, 2 ** 31 - 1);
}
