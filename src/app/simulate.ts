import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { openUnixDatagram } from "../clients/unix-datagram.ts";
import { encodeQueueEvent } from "../clients/wazuh-event.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Scenario, Simulated } from "../setup/scenarios/scenario.ts";

/** In which shape the event is handed over. */
export type SimulateAs = "event" | "log" | "alert";

/** Where the event goes: a queue's socket, a file to append to, or nowhere (it is printed). */
export interface Target {
  readonly as: SimulateAs;
  readonly socket?: string;
  readonly file?: string;
}

/** The event in its shape. Throws when the scenario does not come that way. */
export function rendered(scenario: Scenario, of: Simulated, as: SimulateAs): string {
  if (as === "alert") return JSON.stringify(scenario.alert(of));
  if (as === "event") return scenario.event(of).message;
  if (scenario.log !== undefined) return scenario.log.line(of);
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `--as log: ${scenario.name} does not come from a log file; use --as event or --as alert`,
  );
}

/** Hands the event over; gives what was done, for people. Undefined: nothing but printing it was asked for. Throws when it cannot. */
export async function handOver(
  scenario: Scenario,
  of: Simulated,
  { as, socket, file }: Target,
): Promise<string | undefined> {
  if (file !== undefined) {
    append(file, rendered(scenario, of, as));
    return `appended to ${file}`;
  }
  if (as !== "event" || socket === undefined) return undefined;
  const event = scenario.event(of);
  const datagram = encodeQueueEvent({ ...event, agent: of.agent });
  if (datagram === undefined)
    throw new TiplineError("TIP_INTERNAL", `the event of ${scenario.name} is too long for Wazuh's queue`);
  const client = await openUnixDatagram(socket);
  try {
    const outcome = client.send(datagram);
    if (outcome.status === "sent") return `sent to ${socket} as ${event.location}`;
    const why = outcome.status === "unreachable" ? outcome.cause.message : `the queue is ${outcome.status}`;
    throw new TiplineError("TIP_INPUT_INVALID", `${socket}: ${why}`);
  } finally {
    client.close();
  }
}

/** No link is followed, and a manager's own alerts.json (a hard link to the day's file) is left alone. */
function append(path: string, line: string): void {
  let fd: number;
  try {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
    fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o640);
  } catch (cause) {
    throw new TiplineError("TIP_INPUT_INVALID", `--append ${path}: ${asError(cause).message}`, { cause });
  }
  try {
    const { nlink } = fstatSync(fd);
    if (!fstatSync(fd).isFile() || nlink > 1)
      throw new TiplineError(
        "TIP_USAGE_INVALID",
        `--append ${path}: expected a plain file with one name; it looks like a manager's own log, which only Wazuh may write`,
      );
    writeSync(fd, `${line}\n`);
  } finally {
    closeSync(fd);
  }
}
