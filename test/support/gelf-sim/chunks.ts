import { gunzipSync, inflateSync } from "node:zlib";

const HEADER = 12;
const MOST_CHUNKS = 128;
const VALID_MS = 5_000;
const UNPACKED_LIMIT = 8 * 1024 * 1024;

/** Puts datagrams together as Graylog does; whole messages come out unpacked. Time is given, so that tests count it. */
export class ChunkAssembler {
  /** Messages or datagrams that came to nothing, and why. */
  readonly lost: string[] = [];
  readonly #open = new Map<
    string,
    { readonly since: number; readonly count: number; readonly parts: Map<number, Buffer> }
  >();

  take(datagram: Buffer, now: number): Buffer | undefined {
    this.expire(now);
    if (datagram[0] !== 0x1e || datagram[1] !== 0x0f) return unpack(datagram);
    if (datagram.length < HEADER) return this.#lose("a chunk without a header");
    const id = datagram.toString("hex", 2, 10);
    const at = datagram[10] ?? 0;
    const count = datagram[11] ?? 0;
    if (count === 0 || count > MOST_CHUNKS || at >= count) return this.#lose(`chunk ${at} of ${count}`);
    const message = this.#open.get(id) ?? { since: now, count, parts: new Map<number, Buffer>() };
    this.#open.set(id, message);
    message.parts.set(at, datagram.subarray(HEADER));
    if (message.parts.size < count) return undefined;
    this.#open.delete(id);
    return unpack(Buffer.concat([...message.parts].sort(([a], [b]) => a - b).map(([, part]) => part)));
  }

  expire(now: number): void {
    for (const [id, { since, count, parts }] of this.#open)
      if (now - since > VALID_MS) {
        this.#open.delete(id);
        this.lost.push(`${parts.size} of ${count} chunks within 5 s`);
      }
  }

  #lose(why: string): undefined {
    this.lost.push(why);
  }
}

/** By the first bytes; cut in silence at the limit. */
function unpack(payload: Buffer): Buffer {
  const [first = 0, second = 0] = payload;
  const limited = (unpacked: Buffer) => unpacked.subarray(0, UNPACKED_LIMIT);
  if (first === 0x1f && second === 0x8b) return limited(gunzipSync(payload));
  if (first === 0x78 && (256 * first + second) % 31 === 0) return limited(inflateSync(payload));
  return payload;
}
