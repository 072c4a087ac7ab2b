import type { Place } from "../lib/place.ts";
import { HuntSummary } from "../pipeline/hunt-summary.ts";
import type { HuntJob } from "../store/hunt-job.ts";
import type { HuntFile } from "./hunt-files.ts";
import { IdSet } from "./hunt-ids.ts";

/** How far a hunt is in one file. */
export interface FileProgress extends FileCounts {
  readonly identity: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** Where reading goes on; absent: nothing of it can be gone on with. */
  place?: Place;
  /** Read to its end as it was. */
  done: boolean;
  /** Why it could not be read to its end. */
  trouble?: string;
}

/** What reading a file has come to. */
export interface FileCounts {
  lines: number;
  refused: number;
  bytes: number;
  skipped: number;
}

/** Everything that a hunt has come to, and needs to go on. */
export interface StoredHunt {
  readonly generation: string;
  readonly version: string;
  readonly startedAt: number;
  readonly from: number | null;
  readonly to: number | null;
  readonly newSince: number | null;
  readonly files: readonly (readonly [string, FileProgress])[];
  readonly summary: unknown;
  readonly delivered: number;
}

/** The state of a hunt in memory, and on disk through its job. */
export class HuntState {
  readonly files = new Map<string, FileProgress>();
  readonly ids = new IdSet();
  summary = new HuntSummary();
  delivered = 0;
  readonly #job: HuntJob<StoredHunt> | undefined;

  constructor(job: HuntJob<StoredHunt> | undefined) {
    this.#job = job;
    const before = job?.before;
    if (job === undefined || before === undefined) return;
    for (const [path, progress] of before.files) this.files.set(path, progress);
    for (const [high, low] of job.ids()) this.ids.addWords(high, low);
    this.summary = HuntSummary.fromJson(before.summary);
    this.delivered = before.delivered;
  }

  /** False when a finding with this id was met before. */
  note(id: string): boolean {
    const fresh = this.ids.add(id);
    if (fresh) this.#job?.addId(id);
    return fresh;
  }

  /** What is known of a file, if it still is that file; that of one that is to be read from its start else. From now on it is held. */
  of(file: HuntFile): FileProgress {
    const progress = this.known(file);
    this.files.set(file.path, progress);
    return progress;
  }

  /** As {@link of}, for who only asks. */
  known(file: HuntFile): FileProgress {
    const known = this.files.get(file.path) ?? this.files.get(file.path.replace(/\.gz$/, ""));
    const same = known !== undefined && known.identity === file.identity && known.size <= file.size;
    // Compressed since: its content is the same, which the scan checks where it goes on.
    const packed =
      known !== undefined && file.packed && !this.files.has(file.path) && known.done && file.content === known.size;
    if (known !== undefined && (same || packed)) {
      const grown = same && known.size < file.size;
      return { ...known, done: known.done && !grown, size: file.size };
    }
    const { identity, size, mtimeMs } = file;
    return { identity, size, mtimeMs, done: false, lines: 0, refused: 0, bytes: 0, skipped: 0 };
  }
}
