import { type ByteReader, PlainReader } from "../lib/byte-reader.ts";
import { asError } from "../lib/errors.ts";
import { openFile, openStream } from "../lib/input-file.ts";
import { STDIN } from "../lib/input-paths.ts";
import { type Cut, LEAST_BUFFER, LineCutter } from "../lib/line-cutter.ts";

/** An open file that is closed when nobody reads it any more. */
export class OpenFile {
  readonly #reader: PlainReader;
  #users = 1;

  constructor(reader: PlainReader) {
    this.#reader = reader;
  }

  /** Good in every thread. */
  get fd(): number {
    return this.#reader.fd;
  }

  use(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users === 0) void this.#reader.close();
  }
}

/** A part of one file, in order. */
export type InputPart =
  | { readonly kind: "range"; readonly file: OpenFile; readonly from: number; readonly to: number }
  | { readonly kind: "piece"; readonly at: number; readonly bytes: Uint8Array<SharedArrayBuffer> }
  | Extract<Cut, { kind: "long" }>
  /** What of the file's content could be read ends at `offset`. */
  | { readonly kind: "broken"; readonly offset: number; readonly rest: Cut | undefined; readonly message: string };

export interface InputOptions {
  /** Bytes of a range, asked for each. */
  readonly rangeBytes: () => number;
  /** Bytes of a piece. */
  readonly pieceBytes: number;
  /** Whether somebody waits for a part: then what has come of a stream is not kept waiting for more. */
  readonly hurry: () => boolean;
  readonly signal: AbortSignal;
}

/**
 * One input in parts. An ordinary file comes as ranges up to where it reached when it was opened, each to be read by whoever gets it;
 * packed files, pipes and standard input come as bytes.
 */
export async function* readParts(path: string, options: InputOptions): AsyncGenerator<InputPart, void, undefined> {
  const { signal } = options;
  let reader: ByteReader | undefined;
  const stop = () => void (path === STDIN ? process.stdin.destroy() : reader?.close());
  signal.addEventListener("abort", stop, { once: true });
  try {
    try {
      reader = path === STDIN ? await openStream(process.stdin) : await openFile(path);
    } catch (thrown) {
      yield { kind: "broken", offset: 0, rest: undefined, message: asError(thrown).message };
      return;
    }
    const size = reader instanceof PlainReader ? (await reader.stat()).size : 0;
    // Some files of the kernel's say that they have no size.
    if (reader instanceof PlainReader && size > 0) {
      const file = new OpenFile(reader);
      reader = undefined;
      yield* ranges(file, size, options);
    } else yield* pieces(reader, options);
  } finally {
    signal.removeEventListener("abort", stop);
    await reader?.close();
  }
}

function* ranges(file: OpenFile, size: number, { rangeBytes, signal }: InputOptions): Generator<InputPart> {
  try {
    for (let from = 0, to = 0; from < size && !signal.aborted; from = to) {
      to = Math.min(size, from + rangeBytes());
      yield { kind: "range", file, from, to };
    }
  } finally {
    file.release();
  }
}

async function* pieces(
  reader: ByteReader,
  { pieceBytes, hurry, signal }: InputOptions,
): AsyncGenerator<InputPart, void, undefined> {
  const cutter = new LineCutter(0, Buffer.allocUnsafeSlow(LEAST_BUFFER + pieceBytes));
  try {
    for (;;) {
      const chunk = await reader.read();
      if (chunk === undefined || signal.aborted) break;
      for (let at = 0; at < chunk.length; ) {
        const room = cutter.room();
        const taken = chunk.copy(room, 0, at);
        cutter.filled(taken);
        at += taken;
        if (taken < room.length && cutter.held < pieceBytes && !hurry()) continue;
        for (let cut = cutter.next(); cut !== undefined; cut = cutter.next()) yield asPart(cut);
      }
    }
  } catch (thrown) {
    for (let cut = cutter.next(); cut !== undefined; cut = cutter.next()) yield asPart(cut);
    const { offset } = cutter;
    yield { kind: "broken", offset, rest: cutter.rest(), message: asError(thrown).message };
    return;
  }
  if (signal.aborted) return;
  for (let cut = cutter.next(); cut !== undefined; cut = cutter.next()) yield asPart(cut);
  const last = cutter.rest();
  if (last !== undefined) yield asPart(last);
}

/** In memory that threads share: it need be neither copied nor given away. */
function asPart(cut: Cut): InputPart {
  if (cut.kind === "long") return cut;
  const bytes = new Uint8Array(new SharedArrayBuffer(cut.bytes.length));
  bytes.set(cut.bytes);
  return { kind: "piece", at: cut.at, bytes };
}
