import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Whether the process of that number is the daemon of that name. */
export type IsDaemon = (pid: number, daemon: string) => boolean;

/** Linux cuts the name of a process. */
const COMM_LENGTH = 15;
const MOST_PROCESSES = 50_000;

export const isDaemon: IsDaemon = (pid, daemon) => commOf(String(pid)) === daemon.slice(0, COMM_LENGTH);

/** Some process of this host is that daemon. */
export function runs(daemon: string): boolean {
  try {
    const processes = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
    return processes.slice(0, MOST_PROCESSES).some((pid) => isDaemon(Number(pid), daemon));
  } catch {
    return false;
  }
}

/**
 * By the files `<prefix>/var/run/DAEMON-PID.pid`, whether a daemon of this manager lives. Undefined where that cannot be seen: the
 * folder is not here, or wazuh-analysisd is no process of its number either, as where the manager runs in a container.
 */
export function livesBy(prefix: string, daemon: string, is: IsDaemon = isDaemon): boolean | undefined {
  const alive = (name: string) => pidsOf(prefix, name)?.some((pid) => is(pid, name));
  return alive("wazuh-analysisd") === true ? alive(daemon) : undefined;
}

function pidsOf(prefix: string, daemon: string): readonly number[] | undefined {
  try {
    return readdirSync(join(prefix, "var/run")).flatMap((name) => {
      const pid = name.startsWith(`${daemon}-`)
        ? /^([1-9]\d{0,9})\.pid$/.exec(name.slice(daemon.length + 1))?.[1]
        : undefined;
      return pid === undefined ? [] : [Number(pid)];
    });
  } catch {
    return undefined;
  }
}

function commOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "latin1").trim();
  } catch {
    return "";
  }
}
