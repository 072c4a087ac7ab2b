/** One message with its delimiter. `key` is the finding's id: a message given again by the same key is not written twice to one connection. */
export interface Frame {
  readonly key: string;
  readonly bytes: Buffer;
}

const MAX_FRAMES = 1_000;
const MAX_BYTES = 8 * 1024 * 1024;

/** Messages that were sent and of which nothing proves that the receiver read them; oldest first, bounded by `letGo`. */
export class Unproven {
  #frames: Frame[] = [];
  #bytes = 0;

  get frames(): readonly Frame[] {
    return this.#frames;
  }

  get length(): number {
    return this.#frames.length;
  }

  /** More should not wait. */
  get isFull(): boolean {
    return this.#frames.length > MAX_FRAMES || this.#bytes > MAX_BYTES;
  }

  add(frames: readonly Frame[]): void {
    for (const frame of frames) {
      this.#frames.push(frame);
      this.#bytes += frame.bytes.length;
    }
  }

  /** Takes the newest out again. */
  takeBack(count: number): void {
    for (const { bytes } of this.#frames.splice(this.#frames.length - count)) this.#bytes -= bytes.length;
  }

  /** Drops the oldest until there is room again; how many. */
  letGo(): number {
    if (!this.isFull) return 0;
    let gone = 0;
    while (this.#frames.length - gone > MAX_FRAMES / 2 || this.#bytes > MAX_BYTES / 2) {
      this.#bytes -= this.#frames[gone]?.bytes.length ?? 0;
      gone += 1;
    }
    this.#frames.splice(0, gone);
    return gone;
  }

  /** All of them, which wait no more. */
  takeAll(): readonly Frame[] {
    const all = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return all;
  }
}
