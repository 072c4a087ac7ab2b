import { join } from "node:path";
import { z } from "zod";
import { type DatagramOutcome, openUnixDatagram, type UnixDatagramClient } from "../clients/unix-datagram.ts";
import { confirmationKeys, confirmationOf } from "../clients/wazuh-confirmation.ts";
import { type Congestion, createCongestion } from "../clients/wazuh-congestion.ts";
import { encodeDatagram } from "../clients/wazuh-queue.ts";
import { defineSink } from "../contract/define.ts";
import type { SendResult, Sink } from "../contract/sink.ts";
import type { Clock } from "../lib/clock.ts";
import { createPacer, type Pacer } from "../lib/pacer.ts";
import type { Finding } from "../model/finding.ts";

const config = z.strictObject({
  socket: z
    .string()
    .min(1)
    .default("/var/ossec/queue/sockets/queue")
    .describe("Wazuh's queue socket; owner wazuh:wazuh, mode 0660, so Tipline's user must be in group wazuh."),
  rate: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(5_000)
    .describe(
      "Findings a second at most. Wazuh drops events inside when it gets them much faster than it can analyse.",
    ),
  state_file: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Counters of wazuh-analysisd; while its events_dropped rises, findings are sent more slowly. Default: var/run/wazuh-analysisd.state of the socket's installation.",
    ),
  confirm: z
    .boolean()
    .default(true)
    .describe("A finding counts as delivered when its alert is read back; false where alerts.json cannot be read."),
  ...confirmationKeys,
});

/** How long one call waits in all while Wazuh's queue is full. */
const FULL_WAIT_MS = 5_000;
const WAIT_SLICE_MS = 250;
/** A full queue is first waited for on the spot, so long at once and so long in one call: a receiver at work needs less. */
const BLOCK_MS = 1;
const MOST_BLOCKED_MS = 5;
/** Pacing may hold a call this long; then it ends with what was taken, so that little would be sent twice after a crash. */
const PACE_MS = 1_000;

/** Findings into Wazuh's own analysis, as events of the agent that they are about. */
export default defineSink({
  type: "wazuh",
  summary: "Wazuh's queue socket: each finding becomes an alert of the agent it is about (rule 100622).",
  config,
  async create(options, context) {
    const { clock, log } = context;
    const client = await openUnixDatagram(options.socket);
    const pacer = createPacer(options.rate, clock);
    const path = options.state_file ?? stateFile(options.socket);
    const congestion = createCongestion({ path, rate: options.rate, pacer, clock, log });
    return createSink(
      { client, pacer, congestion, clock },
      {
        batchSize: Math.min(100, options.rate),
        ...confirmationOf(options),
      },
    );
  },
});

/** `<prefix>/queue/sockets/queue` → `<prefix>/var/run/wazuh-analysisd.state`. */
const stateFile = (socket: string): string => join(socket, "../../../var/run/wazuh-analysisd.state");

interface Parts {
  readonly client: UnixDatagramClient;
  readonly pacer: Pacer;
  readonly congestion: Congestion;
  readonly clock: Clock;
}

function createSink(
  { client, pacer, congestion, clock }: Parts,
  traits: Pick<Sink, "confirmation" | "batchSize">,
): Sink {
  return {
    ...traits,
    async send(findings, signal) {
      await congestion.look();
      const deadline = clock.now() + FULL_WAIT_MS;
      const waiting = { ms: 0, blockMs: MOST_BLOCKED_MS };
      for (const [taken, finding] of findings.entries()) {
        if (taken > 0 && waiting.ms >= PACE_MS) return paced(taken, congestion.rate);
        const outcome = await sendOne(finding, deadline, waiting, signal);
        if (outcome.status !== "sent") return answer(outcome, finding, taken);
      }
      return { status: "sent" };
    },
    async close() {
      client.close();
    },
  };

  /** True when there may be room. A receiver that took nothing meanwhile is not waited for like this again. */
  function blockFor(waiting: Waiting): boolean {
    if (waiting.blockMs <= 0) return false;
    const since = performance.now();
    const room = client.writableWithin(BLOCK_MS);
    waiting.blockMs = room ? waiting.blockMs - (performance.now() - since) : 0;
    return room;
  }

  async function sendOne(finding: Finding, deadline: number, waiting: Waiting, signal: AbortSignal): Promise<Outcome> {
    const datagram = encodeDatagram(finding.misp, finding.alert.agent);
    if (datagram === undefined) return { status: "too-large" };
    if (!pacer.tryTake()) {
      const since = clock.now();
      if (!(await pacer.take(signal))) return { status: "aborted" };
      waiting.ms += clock.now() - since;
    }
    let outcome = client.send(datagram);
    if (outcome.status === "full" && blockFor(waiting)) outcome = client.send(datagram);
    while (outcome.status === "full") {
      const left = deadline - clock.now();
      if (left <= 0) return outcome;
      await client.writable(Math.min(left, WAIT_SLICE_MS), signal);
      if (signal.aborted) return { status: "aborted" };
      outcome = client.send(datagram);
      // Others send too and may have been faster; a kernel short of memory even says "writable" all the time.
      if (outcome.status === "full") await clock.sleep(1, signal);
    }
    return outcome;
  }
}

/** Of one call. */
interface Waiting {
  /** Pacing has held it so long. */
  ms: number;
  /** It may block the thread so long. */
  blockMs: number;
}

type Outcome = DatagramOutcome | { readonly status: "aborted" };

function answer(outcome: Exclude<Outcome, { status: "sent" }>, finding: Finding, taken: number): SendResult {
  if (outcome.status === "unreachable") return { status: "retry", cause: wazuhCause(outcome), taken };
  if (outcome.status === "aborted") return { status: "retry", cause: new Error("stopped while sending"), taken };
  if (outcome.status === "full") {
    const cause = new Error(
      `EAGAIN: Wazuh's queue stayed full for ${FULL_WAIT_MS / 1000} s: wazuh-analysisd is overloaded or hangs; see events_dropped in var/run/wazuh-analysisd.state`,
    );
    return { status: "retry", cause, taken };
  }
  const cause = new Error(
    `EMSGSIZE: the kernel refuses a datagram for finding ${finding.id}; expected net.core.wmem_default and wmem_max of at least 212992`,
  );
  // What came before it did arrive: answering `rejected` for the whole batch would send that twice.
  return taken > 0 ? { status: "retry", cause, taken, afterMs: 0 } : { status: "rejected", cause };
}

function paced(taken: number, rate: number): SendResult {
  return { status: "retry", paced: true, taken, afterMs: 0, cause: new Error(`sending ${rate} findings a second`) };
}

function wazuhCause(outcome: Extract<DatagramOutcome, { status: "unreachable" }>): Error {
  const advice: Readonly<Record<string, string>> = {
    ENOENT: "is the manager running on this host, and is this its prefix?",
    ECONNREFUSED: "wazuh-analysisd is down: see wazuh-control status and logs/ossec.log",
    EACCES: "Wazuh's group is usually `wazuh`",
  };
  const more = Object.hasOwn(advice, outcome.code) ? `; ${advice[outcome.code]}` : "";
  return Object.assign(new Error(`${outcome.cause.message}${more}`, { cause: outcome.cause }), { code: outcome.code });
}
