import { createSocket, type Socket } from "node:dgram";
import type { TestContext } from "node:test";
import { ChunkAssembler } from "./chunks.ts";

/** A GELF UDP input on loopback. */
export class UdpInput {
  readonly frames: Buffer[] = [];
  readonly datagrams: Buffer[] = [];
  readonly assembler = new ChunkAssembler();
  port = 0;
  #socket: Socket | undefined;

  static async start(t: Pick<TestContext, "after">): Promise<UdpInput> {
    const input = new UdpInput();
    await input.up();
    t.after(() => input.down());
    return input;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async up(): Promise<void> {
    if (this.#socket !== undefined) return;
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
    socket.on("message", (datagram) => {
      this.datagrams.push(datagram);
      const frame = this.assembler.take(datagram, Date.now());
      if (frame !== undefined) this.frames.push(frame);
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(this.port, "127.0.0.1", resolve);
    });
    this.port = socket.address().port;
    this.#socket = socket;
  }

  async down(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) await new Promise<void>((resolve) => socket.close(() => resolve()));
  }

  async quiet(): Promise<void> {
    for (let turns = 0, seen = this.datagrams.length; turns < 20; turns += 1) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (seen !== this.datagrams.length) turns = 0;
      seen = this.datagrams.length;
    }
  }
}
