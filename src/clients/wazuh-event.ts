import type { Agent } from "../model/alert.ts";
import { encodeLocation, MAX_DATAGRAM } from "./wazuh-queue.ts";

/** Which of Wazuh's decoders a datagram is for: `1` log lines, `8` file integrity, `f` Windows event channel. */
export type QueueKind = "1" | "8" | "f";

export interface QueueEvent {
  readonly kind: QueueKind;
  /** Where the event comes from: a path, `EventChannel`, `syscheck` … */
  readonly location: string;
  readonly message: string;
  /** The agent that it is about; default: the manager itself. */
  readonly agent?: Agent;
}

/** Any event as a datagram for Wazuh's queue. Undefined: it is longer than Wazuh reads, or not one line. */
export function encodeQueueEvent({ kind, location, message, agent }: QueueEvent): Buffer | undefined {
  // Of an agent's location the last part says where; for the manager there is nothing but that.
  const whole = encodeLocation(agent).replace(/misp$/, () => location.replace(/[|:]/g, "|$&"));
  const datagram = Buffer.from(`${kind}:${whole}:${message}`);
  return datagram.length > MAX_DATAGRAM || /[\0\n\r]/.test(message) ? undefined : datagram;
}
