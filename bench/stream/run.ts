import { closeSync, openSync } from "node:fs";
import { type Range, streamLines } from "./lines.ts";
import { type Counts, createWay, type WayName, type WayOptions } from "./ways.ts";

/** Goes over a file from start to end so many times. */
export interface StreamJob {
  readonly file: string;
  readonly passes: number;
}

/** What a thread is asked for: its part of a job. */
export interface ThreadJob extends StreamJob {
  readonly range: Range;
}

/** Does a job, its parts by the threads there are. */
export type Run = (jobs: readonly ThreadJob[]) => Counts | Promise<Counts>;

/** Does a part in this thread. */
export function inline({
  way,
  ...options
}: WayOptions & { readonly way: WayName }): (jobs: readonly ThreadJob[]) => Counts {
  const { buffer, counts, take, finish } = createWay(way, options);
  return ([job]) => {
    if (job === undefined) throw new Error("a job without a part");
    Object.assign(counts, { lines: 0, flagged: 0, matched: 0 });
    const fd = openSync(job.file, "r");
    for (let pass = 0; pass < job.passes; pass++) streamLines(fd, job.range, buffer, take);
    finish?.();
    closeSync(fd);
    return { ...counts };
  };
}
