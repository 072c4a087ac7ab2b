import { connect, type Socket } from "node:net";
import { asError, systemCode } from "../lib/errors.ts";
import { get, isJsonObject, type JsonObject, type JsonValue } from "../model/json.ts";

/** What came of one question to a daemon of Wazuh. */
export type DaemonAnswer =
  | { readonly status: "answered"; readonly body: JsonObject }
  /** Nobody there, not for us, no answer in time, or no answer that can be read. `code`: errno's name, `ETIMEDOUT`, `EBADMSG`, `ABORTED`. */
  | { readonly status: "unreachable"; readonly code: string; readonly cause: Error };

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Wazuh's OS_MAXSTR: longer messages its own clients cannot read either. */
const MOST_BYTES = 65_536;
const HEADER_BYTES = 4;
/** A ruleset with a warning for each of its rules makes long answers. */
const MOST_ANSWER_BYTES = 16 * 2 ** 20;

/**
 * Asks a daemon on a stream socket of the installation (`queue/sockets/analysis`, `logtest` …): one message each way, each a
 * length of four bytes, little-endian, and JSON. Never throws.
 */
export async function askDaemon(path: string, question: JsonObject, options: AskOptions): Promise<DaemonAnswer> {
  const { timeoutMs, signal } = options;
  const text = Buffer.from(JSON.stringify(question));
  if (text.length > MOST_BYTES) return failed("EMSGSIZE", new Error(`the question has ${text.length} bytes`));
  if (signal.aborted) return failed("ABORTED", new Error("stopped"));
  const socket = connect({ path });
  const stop = () => socket.destroy(coded("ABORTED", "stopped before there was an answer"));
  const timer = setTimeout(
    () => socket.destroy(coded("ETIMEDOUT", `no answer on ${path} within ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  signal.addEventListener("abort", stop, { once: true });
  try {
    socket.write(framed(text));
    return readAnswer(await received(socket, path));
  } catch (thrown) {
    const cause = asError(thrown);
    return failed(systemCode(cause) ?? "EIO", cause);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    socket.destroy();
  }
}

/** The frame of one message. */
export function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + message.length);
  frame.writeUInt32LE(message.length, 0);
  message.copy(frame, HEADER_BYTES);
  return frame;
}

/** Collects one framed message. */
function received(socket: Socket, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let whole: number | undefined;
    // Kept for good: a daemon may break off after its answer is whole.
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (whole === undefined && size >= HEADER_BYTES) whole = HEADER_BYTES + Buffer.concat(chunks).readUInt32LE(0);
      if (whole === undefined) return;
      if (whole > MOST_ANSWER_BYTES) reject(coded("EBADMSG", `an answer of ${whole} bytes was announced on ${path}`));
      else if (size >= whole) resolve(Buffer.concat(chunks).subarray(HEADER_BYTES, whole));
    });
    socket.once("close", () => reject(coded("EBADMSG", `${path} was closed before a whole answer`)));
  });
}

function readAnswer(bytes: Buffer): DaemonAnswer {
  // OS_SendSecureTCP counts no terminating NUL, older daemons send one.
  const text = bytes.toString("utf8").replace(/\0+$/, "");
  let body: JsonValue;
  try {
    body = JSON.parse(text) as JsonValue;
  } catch (cause) {
    return failed("EBADMSG", new Error("the answer is no JSON", { cause }));
  }
  return isJsonObject(body)
    ? { status: "answered", body }
    : failed("EBADMSG", new Error("the answer is no JSON object"));
}

/** What a peer on a local socket says in a list of texts; bounded. */
export function textsOf(value: JsonValue | undefined, most = 1000): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((item): item is string => typeof item === "string" && item !== "").slice(0, most);
}

/** A number in a daemon's answer, wherever it has one. */
export function numberOf(body: JsonObject, ...path: string[]): number | undefined {
  const value = get(body, ...path);
  return typeof value === "number" ? value : undefined;
}

const failed = (code: string, cause: Error): DaemonAnswer => ({ status: "unreachable", code, cause });
const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });
