import { type FileHandle, open, stat } from "node:fs/promises";

const CHUNK = 1 << 16;
/** More than that between two looks is skipped: a tail is for people who wait, not for not losing lines. */
const MOST_BYTES = 64 * 2 ** 20;
const MOST_LINE = 1 << 20;

/** Whole lines that are appended to a file from now on, through rotation; for a short watch. */
export class LineTail {
  readonly path: string;
  #inode = 0;
  #offset = 0;
  #rest = "";

  private constructor(path: string) {
    this.path = path;
  }

  /** Begins at the file's end, or at its beginning once it is there. */
  static async open(path: string): Promise<LineTail> {
    const tail = new LineTail(path);
    const now = await stat(path).catch(() => undefined);
    if (now !== undefined) {
      tail.#inode = now.ino;
      tail.#offset = now.size;
    }
    return tail;
  }

  /** Lines since the last call; throws what the file system throws, except that the file is not there. */
  async lines(): Promise<readonly string[]> {
    const file = await open(this.path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (file === undefined) return [];
    try {
      const { ino, size } = await file.stat();
      if (ino !== this.#inode || size < this.#offset) {
        this.#inode = ino;
        this.#offset = 0;
        this.#rest = "";
      }
      if (size - this.#offset > MOST_BYTES) this.#offset = size - MOST_BYTES;
      return await this.#read(file, size);
    } finally {
      await file.close();
    }
  }

  async #read(file: FileHandle, end: number): Promise<readonly string[]> {
    const lines: string[] = [];
    const buffer = Buffer.alloc(CHUNK);
    while (this.#offset < end) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, end - this.#offset), this.#offset);
      if (bytesRead === 0) break;
      this.#offset += bytesRead;
      // One byte a character: a line may be cut within one.
      const parts = (this.#rest + buffer.toString("latin1", 0, bytesRead)).split("\n");
      this.#rest = (parts.pop() ?? "").slice(-MOST_LINE);
      lines.push(...parts.map((part) => Buffer.from(part, "latin1").toString("utf8")));
    }
    return lines;
  }
}
