import { type ByteReader, PlainReader, type Region } from "./byte-reader.ts";
import { LINE_LIMIT, type Line, LineSplitter } from "./lines.ts";
import { contentHash, FILE_START, MARK_BYTES, type Mark, type Place } from "./place.ts";

/** Bounds of one batch. */
export const BATCH_LINES = 1_000;
export const BATCH_BYTES = 4 * 1024 * 1024;
export interface LineBatch {
  /** Blank lines left out. */
  readonly lines: readonly Line[];
  /** Byte range that the batch covers, blank lines included. */
  readonly start: number;
  readonly end: number;
}

/** Narrower bounds of a batch. */
export interface BatchBounds {
  /** No line that begins here or later. */
  readonly until?: number;
  /** Lines. */
  readonly most?: number;
}

/** Bytes and where they stood. */
interface Stretch {
  readonly at: number;
  readonly bytes: Buffer;
}

/** Lines of one file or stream, in batches, with the place that each batch ends at. */
export class LineFile {
  readonly reader: ByteReader;
  readonly #splitter: LineSplitter;
  /** The first MARK_BYTES of the content, as far as they are known. */
  #head: Buffer;
  #headHash: Mark | undefined;
  #last: Stretch | undefined;
  #offset: number;
  #ended = false;
  /** The last bytes read, of a line whose end was not there yet. */
  #tornEnd: Stretch | undefined;
  #before: { readonly offset: number; readonly last: Stretch | undefined; readonly evidence: readonly Stretch[] };

  private constructor(reader: ByteReader, offset: number, head: Buffer, last?: Stretch) {
    this.reader = reader;
    this.#splitter = new LineSplitter(offset);
    this.#offset = offset;
    this.#head = Buffer.from(head);
    this.#last = last;
    this.#before = { offset, last, evidence: [] };
  }

  /** The lines after `place`, or undefined (and the reader closed) when the content does not fit it. */
  static async resume(reader: ByteReader, place: Place, signal?: AbortSignal): Promise<LineFile | undefined> {
    const headLength = Math.min(MARK_BYTES, place.offset);
    const regions: Region[] = [{ at: 0, length: headLength }, ...place.marks.map(([at, length]) => ({ at, length }))];
    try {
      const [head, ...found] = (await reader.seek(place.offset, regions, signal)) ?? [];
      if (place.offset === 0) return new LineFile(reader, 0, Buffer.alloc(0));
      if (head !== undefined && place.marks.every(([, , hash], index) => contentHash(found[index]!) === hash)) {
        const last = place.marks.length > 1 ? { at: place.marks[1]![0], bytes: found[1]! } : undefined;
        return new LineFile(reader, place.offset, head, last);
      }
    } catch (error) {
      await reader.close();
      throw error;
    }
    await reader.close();
    return undefined;
  }

  /** The lines that come after the last line end there is now. A packed file is read through to its end. */
  static async atEnd(reader: ByteReader, signal?: AbortSignal): Promise<LineFile> {
    if (reader instanceof PlainReader) {
      const offset = await reader.lastLineEnd(LINE_LIMIT);
      const [head] = (await reader.seek(offset, [{ at: 0, length: Math.min(MARK_BYTES, offset) }])) ?? [];
      return new LineFile(reader, offset, head ?? Buffer.alloc(0));
    }
    const file = new LineFile(reader, 0, Buffer.alloc(0));
    while ((await file.next(signal)) !== undefined);
    return file;
  }

  /** Offset after the last line given; what follows is not given yet. */
  get offset(): number {
    return this.#offset;
  }

  /** The start of the last line given or passed over; undefined before the first. */
  get lastLine(): Buffer | undefined {
    return this.#last?.bytes;
  }

  /** Bytes read after the last line end: the start of a line whose end is not there yet. */
  get torn(): number {
    return this.#splitter.fed - this.#splitter.offset;
  }

  /** True when a reader that ends has ended and all lines were given. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Where reading goes on after the last batch. */
  place(): Place {
    if (this.#offset === 0) return FILE_START;
    return { offset: this.#offset, marks: [this.#headMark(), ...this.#lastMark()] };
  }

  /** Whole lines, as many as there are within the bounds; undefined when there is none now. */
  async next(
    signal?: AbortSignal,
    { until = Number.POSITIVE_INFINITY, most = BATCH_LINES }: BatchBounds = {},
  ): Promise<LineBatch | undefined> {
    const lines: Line[] = [];
    const start = this.#offset;
    this.#remember();
    let bytes = 0;
    const isFull = () => lines.length >= most || bytes > BATCH_BYTES - LINE_LIMIT || this.#offset >= until;
    while (!isFull() && !signal?.aborted) {
      const line = this.#splitter.next();
      if (line === undefined) {
        if ((lines.length > 0 && this.reader.drained) || !(await this.#feedAfter(lines.length))) break;
        continue;
      }
      this.#pass(line);
      if (line.length === 0) continue;
      const kept = line.start === 0 ? withoutBom(line) : line;
      lines.push(kept);
      bytes += kept.bytes.length;
    }
    return lines.length === 0 ? undefined : { lines, start, end: this.#offset };
  }

  /** The bytes after the last line end as a batch of one line; undefined when there are none. For a file that is over. */
  rest(): LineBatch | undefined {
    const line = this.#splitter.rest();
    if (line === undefined) return undefined;
    this.#pass(line);
    return { lines: [line.start === 0 ? withoutBom(line) : line], start: line.start, end: line.end };
  }

  /**
   * False when what had been read before the last `next()` no longer stands in the file: it was emptied or written anew in
   * place, so what `next()` gave may be a mixture. Only a plain file can tell. Costs two small reads.
   */
  async isStillThere(): Promise<boolean> {
    const { reader } = this;
    if (!(reader instanceof PlainReader)) return true;
    if ((await reader.stat()).size < reader.position) return false;
    for (const { at, bytes } of this.#before.evidence) {
      const found = await reader.peek({ at, length: bytes.length });
      if (found === undefined || !found.equals(bytes)) return false;
    }
    return true;
  }

  /** Where the last `next()` began, for when its outcome is not wanted. */
  placeBefore(): Place {
    this.#offset = this.#before.offset;
    this.#last = this.#before.last;
    return this.place();
  }

  async close(): Promise<void> {
    await this.reader.close();
  }

  #remember(): void {
    const last = this.#last ?? { at: 0, bytes: this.#head.subarray(0, this.#offset) };
    const torn = this.torn > 0 && this.#tornEnd !== undefined ? [this.#tornEnd] : [];
    this.#before = { offset: this.#offset, last: this.#last, evidence: [last, ...torn] };
  }

  /** Lines already in hand go out before a read error does; the reader gives it again. */
  async #feedAfter(lines: number): Promise<boolean> {
    try {
      return await this.#feed();
    } catch (error) {
      if (lines > 0) return false;
      throw error;
    }
  }

  #pass(line: Line): void {
    this.#offset = line.end;
    if (line.length > 0) this.#last = { at: line.start, bytes: line.bytes.subarray(0, MARK_BYTES) };
  }

  async #feed(): Promise<boolean> {
    const chunk = await this.reader.read();
    if (chunk === undefined) {
      this.#ended = this.reader.ends;
      return false;
    }
    if (this.#head.length < MARK_BYTES) {
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, MARK_BYTES - this.#head.length)]);
    }
    const end = chunk.subarray(-MARK_BYTES);
    this.#tornEnd = { at: this.reader.position - end.length, bytes: end };
    this.#splitter.feed(chunk);
    return true;
  }

  #headMark(): Mark {
    const length = Math.min(MARK_BYTES, this.#offset);
    if (this.#headHash?.[1] !== length) this.#headHash = [0, length, contentHash(this.#head.subarray(0, length))];
    return this.#headHash;
  }

  #lastMark(): readonly Mark[] {
    const last = this.#last;
    return last === undefined ? [] : [[last.at, last.bytes.length, contentHash(last.bytes)]];
  }
}

/** Some tools put a byte order mark before the first line; `length` and the offsets still count it. */
function withoutBom(line: Line): Line {
  const { bytes } = line;
  const marked = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return marked ? { ...line, bytes: bytes.subarray(3) } : line;
}
