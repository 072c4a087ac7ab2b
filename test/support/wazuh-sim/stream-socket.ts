import { chmodSync, chownSync, existsSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { DaemonUser } from "./rule-loader.ts";

const MAX_MESSAGE = 65_536;

/** A local request socket of analysisd: four bytes of length (little endian), then JSON; one question, one answer, closed. */
export class StreamSocket {
  readonly path: string;
  readonly #answer: (question: unknown) => unknown;
  readonly #user: DaemonUser;
  readonly #open = new Set<Socket>();
  #server: Server | undefined;

  constructor(path: string, user: DaemonUser, answer: (question: unknown) => unknown) {
    this.path = path;
    this.#user = user;
    this.#answer = answer;
  }

  async start(): Promise<void> {
    const server = createServer((socket) => this.#serve(socket));
    // Bound under another name and renamed, so that closing leaves the dead file (ECONNREFUSED), as a daemon does.
    const binding = `${this.path}.b`;
    rmSync(binding, { force: true });
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(binding, resolve));
    chmodSync(binding, 0o660);
    if (process.getuid?.() === 0) chownSync(binding, this.#user.uid, this.#user.gid);
    renameSync(binding, this.path);
    this.#server = server;
  }

  async stop({ remove = false } = {}): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) {
      for (const socket of this.#open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
    if (remove && existsSync(this.path)) rmSync(this.path);
  }

  #serve(socket: Socket): void {
    let bytes = Buffer.alloc(0);
    this.#open.add(socket);
    socket.on("close", () => this.#open.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < 4) return;
      const length = bytes.readUInt32LE(0);
      if (length > MAX_MESSAGE) socket.destroy();
      else if (bytes.length >= 4 + length) {
        const answer = Buffer.from(JSON.stringify(this.#answer(parse(bytes.subarray(4, 4 + length)))));
        const head = Buffer.alloc(4);
        head.writeUInt32LE(answer.length);
        socket.end(Buffer.concat([head, answer]));
      }
    });
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(String(bytes));
  } catch {
    return undefined;
  }
}
