import { randomUUID } from "node:crypto";
import { z } from "zod";
import { defineSource } from "../contract/define.ts";
import type { Delivery, Source, SourceLag } from "../contract/source.ts";
import type { ByteReader } from "../lib/byte-reader.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { openFile, openStream } from "../lib/input-file.ts";
import { expandInputs, STDIN, sizeOf } from "../lib/input-paths.ts";
import { type LineBatch, LineFile } from "../lib/line-file.ts";
import { brokenOff, type SortedLines, sortLines } from "../lib/line-records.ts";
import type { Log } from "../lib/log.ts";
import { FILE_START, type Place, parsePlace } from "../lib/place.ts";
import { get, type JsonValue } from "../model/json.ts";

const config = z.strictObject({
  paths: z
    .array(z.string().min(1))
    .min(1)
    .describe(
      "Files with one alert a line, plain or gzip; `*`, `?` and `**` as in a shell, `-` for standard input. Read once, in this order.",
    ),
});

export default defineSource<z.infer<typeof config>>({
  type: "file",
  summary: "Reads files, archives or standard input once, then ends.",
  config,
  create: ({ paths }, { log }) => new FileSource(paths, log),
});

/** A place in the list of files: which one, and where in it. */
interface Start {
  readonly index: number;
  readonly place: Place;
}

class FileSource implements Source {
  readonly #paths: readonly string[];
  readonly #log: Log;
  /** Standard input is another one in every run, so its ranges must differ. */
  readonly #run = randomUUID();
  #lag: SourceLag = {};
  /** The first file that could not be read to its end. */
  #trouble: string | undefined;

  constructor(paths: readonly string[], log: Log) {
    this.#paths = paths;
    this.#log = log;
  }

  lag(): SourceLag {
    return this.#lag;
  }

  async *read(checkpoint: JsonValue | undefined, signal: AbortSignal): AsyncGenerator<Delivery, void, undefined> {
    const files = expandInputs(this.#paths);
    let left = files.reduce((bytes, path) => bytes + sizeOf(path), 0);
    const start =
      checkpoint === undefined ? { index: 0, place: FILE_START } : await this.#resume(files, checkpoint, signal);
    for (const [index, path] of files.entries()) {
      left -= sizeOf(path);
      if (index < start.index) continue;
      if (signal.aborted) return;
      yield* this.#readOne(path, index === start.index ? start.place : FILE_START, left, signal);
    }
    this.#lag = { bytes: 0, ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }) };
  }

  async *#readOne(
    path: string,
    place: Place,
    left: number,
    signal: AbortSignal,
  ): AsyncGenerator<Delivery, void, undefined> {
    const deliver = (
      file: LineFile | undefined,
      { start, end }: Pick<LineBatch, "start" | "end">,
      lines: SortedLines,
    ) => this.#delivery(path, file?.place() ?? place, start, end, lines);
    let file: LineFile | undefined;
    const stop = () => void file?.close();
    signal.addEventListener("abort", stop, { once: true });
    try {
      file = await LineFile.resume(await this.#open(path, signal), place, signal);
      for (let batch = await file?.next(signal); batch !== undefined; batch = await file?.next(signal)) {
        if (signal.aborted) return;
        this.#lag = { bytes: left + Math.max(0, sizeOf(path) - batch.end) };
        yield deliver(file, batch, sortLines(path, batch.lines));
      }
      const rest = signal.aborted ? undefined : file?.rest();
      if (rest !== undefined) yield deliver(file, rest, sortLines(path, rest.lines));
    } catch (error) {
      if (signal.aborted) return;
      const offset = file?.offset ?? place.offset;
      const cause = asError(error);
      this.#trouble ??= `${path} cannot be read after byte ${offset} of its content: ${cause.message}`;
      this.#log.error("a file cannot be read on; going on with the next one", { path, offset, error: cause });
      const reason = `expected a readable file, found after byte ${offset} of its content: ${cause.message}`;
      const rest = file?.rest();
      yield deliver(file, { start: offset, end: rest?.end ?? offset }, brokenOff(path, offset, rest?.lines[0], reason));
    } finally {
      signal.removeEventListener("abort", stop);
      await file?.close();
    }
  }

  #delivery(path: string, place: Place, start: number, end: number, { records, rejected }: SortedLines): Delivery {
    const name = path === STDIN ? `${STDIN}${this.#run}` : path;
    const range = `${name}:${start}-${end}#${place.marks.at(-1)?.[2] ?? ""}`;
    const marks = place.marks.map((mark) => [...mark]);
    return { records, rejected, range, checkpoint: { version: 1, path, offset: place.offset, marks } };
  }

  async #open(path: string, signal: AbortSignal): Promise<ByteReader> {
    if (path !== STDIN) return await openFile(path);
    const stop = () => process.stdin.destroy();
    signal.addEventListener("abort", stop, { once: true });
    return await openStream(process.stdin);
  }

  /** The file that the checkpoint speaks of, by its name if its content fits, else by its content. */
  async #resume(files: readonly string[], checkpoint: JsonValue, signal: AbortSignal): Promise<Start> {
    const path = get(checkpoint, "path");
    const place = parsePlace(get(checkpoint, "offset"), get(checkpoint, "marks"));
    if (typeof path !== "string" || place === undefined) {
      throw new TiplineError("TIP_STATE_CORRUPT", "expected a checkpoint of a file source, found something else");
    }
    const named = files.indexOf(path);
    if (path === STDIN) return { index: Math.max(0, named), place: FILE_START };
    const others = [...files.keys()].filter((index) => index !== named);
    for (const index of named < 0 ? others : [named, ...others]) {
      if (await fits(files[index]!, place, signal)) return { index, place };
    }
    this.#log.warn("the file that was being read has changed or gone; it is read from its start", { path });
    return { index: Math.max(0, named), place: FILE_START };
  }
}

async function fits(path: string, place: Place, signal: AbortSignal): Promise<boolean> {
  if (path === STDIN || (place.offset > 0 && sizeOf(path) === 0)) return false;
  try {
    const file = await LineFile.resume(await openFile(path), place, signal);
    await file?.close();
    return file !== undefined;
  } catch {
    return false;
  }
}
