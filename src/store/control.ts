import { chmodSync, closeSync, openSync, unlinkSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { asError, type ErrorCode, systemCode, TiplineError } from "../lib/errors.ts";
import type { JsonValue } from "../model/json.ts";

/** What a command asks of the running Tipline; a thrown TiplineError reaches the caller with its code. */
export type ControlHandler = (args: JsonValue, signal: AbortSignal) => Promise<JsonValue> | JsonValue;

/** A finding with an alert of 1 MiB, every character of it escaped, and what comes around it. */
const MOST_REQUEST_BYTES = 4 * 1024 * 1024;
const MOST_RESPONSE_BYTES = 64 * 1024 * 1024;
const MOST_CLIENTS = 16;
const IDLE_MS = 30_000;
/** How long closing waits for handlers that were told to stop. */
const STOP_MS = 10_000;
/** `sun_path` holds 108 bytes with its NUL on Linux, 104 elsewhere. */
const MOST_PATH_BYTES = 103;

/**
 * Serves `<dir>/control.sock` (0600): one JSON line in, one out, then the connection ends. Only for the holder of the state
 * lock: a socket left by a killed process is replaced. `close()` aborts the handlers under way and waits for them.
 */
export async function serveControl(
  dir: string,
  handlers: Readonly<Record<string, ControlHandler>>,
): Promise<{ close(): Promise<void> }> {
  const place = socketPlace(dir);
  const stop = new AbortController();
  const sockets = new Set<Socket>();
  const running = new Set<Promise<unknown>>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serve(socket, (line) => {
      const response = handle(line, handlers, stop.signal);
      running.add(response);
      response.catch(() => undefined).finally(() => running.delete(response));
      return response;
    });
  });
  server.maxConnections = MOST_CLIENTS;
  // Also after listening: a process short of descriptors cannot accept, and must not end over a command's call.
  server.on("error", () => undefined);
  try {
    removeIfPresent(place.path);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      // bind() happens within listen(): the socket is never open to others, not even for a moment.
      const before = process.umask(0o177);
      try {
        server.listen(place.path, resolve);
      } finally {
        process.umask(before);
      }
    });
    chmodSync(place.path, 0o600);
  } catch (cause) {
    place.release();
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `the control socket in ${dir} cannot be served: ${asError(cause).message}`,
      { cause },
    );
  }
  return {
    async close() {
      stop.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
      // What a handler is at work on (journal, generations) is closed next.
      const patience = new AbortController();
      await Promise.race([Promise.allSettled(running), systemClock.sleep(STOP_MS, patience.signal)]);
      patience.abort();
      removeIfPresent(place.path);
      place.release();
    },
  };
}

/** Asks the running Tipline; undefined when none runs on this state folder. `TIP_*` errors of the handler are thrown here. */
export async function callControl(
  dir: string,
  name: string,
  args: JsonValue,
  options: { readonly timeoutMs?: number } = {},
): Promise<JsonValue | undefined> {
  const line = `${JSON.stringify({ name, args })}\n`;
  if (Buffer.byteLength(line) > MOST_REQUEST_BYTES)
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `expected a request of at most ${MOST_REQUEST_BYTES} bytes for ${name}`,
    );
  const answer = await exchange(dir, line, options.timeoutMs ?? 60_000);
  return answer === undefined ? undefined : parseResponse(answer, name);
}

async function exchange(dir: string, line: string, timeoutMs: number): Promise<string | undefined> {
  let place: ReturnType<typeof socketPlace>;
  try {
    place = socketPlace(dir);
  } catch (thrown) {
    if (systemCode((thrown as Error).cause) === "ENOENT") return undefined;
    throw thrown;
  }
  try {
    return await new Promise<string>((resolve, reject) => {
      const socket = connect(place.path, () => socket.write(line));
      const timer = setTimeout(
        () =>
          socket.destroy(new TiplineError("TIP_INTERNAL", `no answer on the control socket within ${timeoutMs} ms`)),
        timeoutMs,
      );
      socket.once("close", () => clearTimeout(timer));
      socket.once("error", reject);
      readLine(socket, MOST_RESPONSE_BYTES, resolve, reject);
    });
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === "ENOENT" || code === "ECONNREFUSED") return undefined;
    if (thrown instanceof TiplineError) throw thrown;
    if (code === "EACCES" || code === "EPERM")
      throw new TiplineError(
        "TIP_INPUT_INVALID",
        `a Tipline runs on ${dir}, and its control socket is not for this user: run this as the user that it runs as, or as root`,
        { cause: thrown },
      );
    throw new TiplineError("TIP_INTERNAL", `the control socket in ${dir} failed: ${asError(thrown).message}`, {
      cause: thrown,
    });
  } finally {
    place.release();
  }
}

function serve(socket: Socket, respond: (line: string) => Promise<unknown>): void {
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  const refuse = (error: Error) => answer(socket, failure(error));
  readLine(
    socket,
    MOST_REQUEST_BYTES,
    (line) => {
      // The handler may take longer than a caller may idle.
      socket.setTimeout(0);
      respond(line).then((response) => answer(socket, response), refuse);
    },
    refuse,
  );
}

async function handle(line: string, handlers: Readonly<Record<string, ControlHandler>>, signal: AbortSignal) {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch (cause) {
    throw new TiplineError("TIP_USAGE_INVALID", "expected one line of JSON as request", { cause });
  }
  const { name, args } = (request ?? {}) as { name?: unknown; args?: JsonValue };
  if (typeof name !== "string" || !Object.hasOwn(handlers, name))
    throw new TiplineError("TIP_USAGE_INVALID", `expected one of ${Object.keys(handlers).join(", ")} as request name`);
  return { ok: true, result: (await handlers[name]?.(args ?? null, signal)) ?? null };
}

function answer(socket: Socket, response: unknown): void {
  const line = `${JSON.stringify(response)}\n`;
  const fits = Buffer.byteLength(line) <= MOST_RESPONSE_BYTES;
  socket.end(fits ? line : `${JSON.stringify(failure(new Error("the answer is too long; ask for less")))}\n`);
}

function failure(error: Error) {
  const code = error instanceof TiplineError ? error.code : "TIP_INTERNAL";
  return { ok: false, error: { code, message: error.message } };
}

function parseResponse(line: string, name: string): JsonValue {
  let response: { ok?: unknown; result?: JsonValue; error?: { code?: ErrorCode; message?: unknown } };
  try {
    response = JSON.parse(line);
  } catch (cause) {
    throw new TiplineError("TIP_INTERNAL", `the answer to ${name} on the control socket is not JSON`, { cause });
  }
  if (response.ok === true) return response.result ?? null;
  throw new TiplineError(response.error?.code ?? "TIP_INTERNAL", String(response.error?.message ?? `${name} failed`));
}

/** Calls back once: with the first line, or with an error when it is too long or the peer ends first. */
function readLine(socket: Socket, most: number, resolve: (line: string) => void, reject: (error: Error) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const finish = (act: () => void) => {
    socket.removeAllListeners("data");
    socket.removeAllListeners("end");
    act();
  };
  socket.on("data", (chunk: Buffer) => {
    const end = chunk.indexOf(10);
    const part = end < 0 ? chunk : chunk.subarray(0, end);
    size += part.length;
    if (size > most)
      return finish(() => reject(new TiplineError("TIP_USAGE_INVALID", `expected a line of at most ${most} bytes`)));
    chunks.push(part);
    if (end >= 0) finish(() => resolve(Buffer.concat(chunks).toString("utf8")));
  });
  socket.on("end", () =>
    finish(() => reject(new TiplineError("TIP_INTERNAL", "the peer ended the connection before a whole line"))),
  );
}

/** A path short enough for a unix socket: through the open folder where the plain one is too long (Linux). */
function socketPlace(dir: string): { readonly path: string; release(): void } {
  const path = join(dir, "control.sock");
  if (Buffer.byteLength(path) <= MOST_PATH_BYTES) return { path, release: () => undefined };
  try {
    if (process.platform !== "linux") throw new Error(`the path of a socket holds at most ${MOST_PATH_BYTES} bytes`);
    const fd = openSync(dir, "r");
    return { path: `/proc/self/fd/${fd}/control.sock`, release: () => closeSync(fd) };
  } catch (cause) {
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `expected a shorter state_dir than ${dir}: ${asError(cause).message}`,
      {
        cause,
      },
    );
  }
}

function removeIfPresent(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    if (systemCode(thrown) !== "ENOENT") throw thrown;
  }
}
