import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { gzipSync } from "node:zlib";
import type { Clock } from "../lib/clock.ts";
import { asError, systemCode } from "../lib/errors.ts";

/** Graylog puts together at most so many chunks. */
export const MAX_CHUNKS = 128;
/** Magic, message id, number and count. */
const HEADER_BYTES = 12;
const MAGIC = Buffer.from([0x1e, 0x0f]);

/**
 * The datagrams of a message: one if it fits, else chunks of at most `chunkBytes`; undefined when it takes more than 128. `id`: eight bytes
 * that tell its chunks from others'.
 */
export function gelfDatagrams(
  payload: Buffer,
  chunkBytes: number,
  id: Buffer = randomBytes(8),
): readonly Buffer[] | undefined {
  if (payload.length <= chunkBytes) return [payload];
  const body = chunkBytes - HEADER_BYTES;
  const count = Math.ceil(payload.length / body);
  if (count > MAX_CHUNKS) return undefined;
  return Array.from({ length: count }, (_, at) =>
    Buffer.concat([MAGIC, id, Buffer.from([at, count]), payload.subarray(at * body, (at + 1) * body)]),
  );
}

/** A message for UDP, compressed unless `gzip` is false. `write` makes it of at most so many bytes of JSON, and is asked again for less. */
export function fitDatagrams(
  write: (maxBytes: number) => string,
  { chunkBytes, gzip, maxBytes }: { readonly chunkBytes: number; readonly gzip: boolean; readonly maxBytes: number },
): readonly Buffer[] {
  for (let limit = maxBytes; ; limit = Math.floor(limit / 2)) {
    const json = Buffer.from(write(limit));
    // The fastest level: the text is small, and the network is not the bottleneck.
    const payload = gzip ? gzipSync(json, { level: 1 }) : json;
    const datagrams = gelfDatagrams(payload, chunkBytes);
    if (datagrams !== undefined || limit < 8_192) return datagrams ?? [];
  }
}

/** What came of a batch of datagrams. UDP acknowledges nothing: `sent` is "the kernel took them and nobody complained at once". */
export type UdpOutcome = { readonly status: "sent" } | { readonly status: "failed"; readonly cause: Error };

export interface UdpSender {
  send(messages: readonly (readonly Buffer[])[], signal: AbortSignal): Promise<UdpOutcome>;
  close(): void;
}

/** A host that is there but has nobody listening says so after the way there and back. */
const COMPLAINT_MS = 20;
/** A receiver's buffer holds little: a breath after so many datagrams. */
const BURST = 64;
/** A name is looked up anew after this long. */
const LOOKUP_MS = 60_000;

export function createUdpSender(
  { host, port }: { readonly host: string; readonly port: number },
  clock: Clock,
): UdpSender {
  let open: { readonly socket: Socket; readonly at: number; fault: Error | undefined } | undefined;

  const drop = () => {
    open?.socket.close();
    open = undefined;
  };
  const connected = async () => {
    if (open !== undefined && clock.now() - open.at < LOOKUP_MS && clock.now() >= open.at) return open;
    drop();
    const { address, family } = await lookup(host);
    const socket = createSocket(family === 6 ? "udp6" : "udp4");
    const made = { socket, at: clock.now(), fault: undefined as Error | undefined };
    socket.on("error", (error) => {
      made.fault = error;
    });
    // A connected socket hears of "port unreachable"; others do not.
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.connect(port, address, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    socket.unref();
    open = made;
    return made;
  };

  return {
    async send(messages, signal) {
      try {
        const made = await connected();
        let count = 0;
        for (const datagram of messages.flat()) {
          await new Promise<void>((resolve, reject) =>
            made.socket.send(datagram, (error) => (error ? reject(error) : resolve())),
          );
          count += 1;
          if (count % BURST === 0) await clock.sleep(1, signal);
          if (signal.aborted) return { status: "failed", cause: new Error("stopped while sending") };
          if (made.fault !== undefined) throw made.fault;
        }
        await clock.sleep(COMPLAINT_MS, signal);
        await new Promise((resolve) => setImmediate(resolve));
        if (made.fault !== undefined) throw made.fault;
        return { status: "sent" };
      } catch (thrown) {
        drop();
        return { status: "failed", cause: inWords(thrown, `udp://${host}:${port}`) };
      }
    },
    close: drop,
  };
}

const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there: check host and port, and that the input runs",
  ENOTFOUND: "its name does not resolve: check address and DNS",
  EAI_AGAIN: "name resolution failed: check DNS",
  EMSGSIZE: "the datagram is too large for the way there: lower chunk_bytes",
  ENETUNREACH: "no route to it: check network and firewall",
  EHOSTUNREACH: "no route to it: check network and firewall",
};

function inWords(thrown: unknown, where: string): Error {
  const code = systemCode(thrown);
  const advice = code !== undefined && Object.hasOwn(ADVICE, code) ? ADVICE[code] : asError(thrown).message;
  return new Error(`${where} cannot be reached: ${advice}`, { cause: thrown });
}
