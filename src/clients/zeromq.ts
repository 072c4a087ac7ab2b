import { z } from "zod";
import type { Clock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { gather } from "../lib/gather.ts";
import type { Secret } from "../lib/secret.ts";
import { secretFrom, secretText } from "../lib/secret-schema.ts";

type ZeroMq = typeof import("zeromq");

const address = z
  .string()
  .regex(/^tcp:\/\/[^\s/:@]{1,253}:\d{1,5}$|^tcp:\/\/\[[0-9a-fA-F:.]{2,45}\]:\d{1,5}$/, "expected tcp://host:port");

/** Where a MISP server publishes over ZeroMQ: an address, or one with the name and password that its publisher asks for. */
export const zeroMqConfig = z
  .union([
    address.transform((at) => ({ address: at })),
    z
      .strictObject({
        address: address.describe("tcp://host:port of the publisher."),
        username: z.string().min(1).describe("Name, where the publisher asks for one."),
        password_file: z.string().optional().describe("File with the password."),
        password: secretText("The password; better by password_file or from the environment.").optional(),
      })
      .transform(({ address: at, username, password_file, password }) => ({
        address: at,
        username,
        password: secretFrom(password_file, password, "password_file"),
      })),
  ])
  .optional()
  .describe("tcp://host:port of MISP's ZeroMQ publisher: changes are live in seconds. Needs the package zeromq.");

export interface ZeroMqOptions {
  /** `tcp://host:port` of the publisher. */
  readonly address: string;
  /** PLAIN authentication, where the publisher asks for it. */
  readonly username?: string | undefined;
  readonly password?: Secret | undefined;
}

/** MISP's topics begin with this. */
const TOPICS = "misp_json";

/** A larger message makes the socket drop the connection and make it anew. */
const MAX_MESSAGE = 64 * 1024 * 1024;
/** Messages that wait in memory while nobody reads; more are dropped, which costs nothing but the hint. */
const MOST_WAITING = 10_000;
/** A publisher that went away without a word is noticed after this long. */
const HEARTBEAT_MS = 15_000;

/** The optional package, or an error that says how to get it. */
export async function loadZeroMq(): Promise<ZeroMq> {
  try {
    return await import("zeromq");
  } catch (cause) {
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `zmq: expected the package zeromq beside Tipline, it cannot be loaded (${asError(cause).message.split("\n")[0]}): run \`npm install zeromq@6\`, or leave zmq out`,
      { cause },
    );
  }
}

/**
 * Messages of a ZeroMQ publisher until `signal` aborts. It connects again by itself; what is sent meanwhile is lost, as it is
 * when messages come faster than they are read.
 */
export async function* subscribe(
  zeromq: ZeroMq,
  { address, username, password }: ZeroMqOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  if (signal.aborted) return;
  const socket = new zeromq.Subscriber({
    linger: 0,
    maxMessageSize: MAX_MESSAGE,
    receiveHighWaterMark: MOST_WAITING,
    reconnectInterval: 500,
    reconnectMaxInterval: 30_000,
    heartbeatInterval: HEARTBEAT_MS,
    heartbeatTimeout: HEARTBEAT_MS,
    ...(username === undefined ? {} : { plainUsername: username, plainPassword: password?.reveal() ?? "" }),
  });
  const close = () => socket.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    socket.subscribe(TOPICS);
    socket.connect(address);
    for await (const frames of socket) if (frames[0] !== undefined) yield frames[0];
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    signal.removeEventListener("abort", close);
    if (!socket.closed) socket.close();
  }
}

/** A burst of messages (one for each attribute of an edit) becomes one hint. */
const QUIET_MS = 200;
/** Ids of one hint; more are "too many to name". */
const MOST_IDS = 1000;

/**
 * What a publisher's messages are about (nothing without a publisher), in batches without doubles; an empty batch says that there was too much to name.
 * `about`: the id that a message names, if any.
 */
export async function* zeroMqHints(
  options: ZeroMqOptions | undefined,
  about: (message: Buffer) => string | undefined,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  if (options === undefined) return;
  const messages = subscribe(await loadZeroMq(), options, signal);
  async function* named(): AsyncGenerator<string> {
    for await (const message of messages) {
      const id = about(message);
      if (id !== undefined) yield id;
    }
  }
  yield* gather(named(), clock, QUIET_MS, MOST_IDS, signal);
}
