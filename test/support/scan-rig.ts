import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { HuntedKeys, type HuntedValue } from "../../src/intel/sketch.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Place } from "../../src/lib/place.ts";
import { lookFor } from "../../src/pipeline/hunt-look.ts";
import { FileScan } from "../../src/pipeline/hunt-scan.ts";
import { Sketches } from "../../src/store/sketch.ts";
import { extractAll } from "./extractors.ts";
import { tempDir } from "./temp.ts";

export const HOUR = 3_600_000;
export const START = Date.UTC(2026, 10, 20);

/** An alert of the n-th hour, with a name in it. */
export const alert = (n: number, name: string) =>
  `${JSON.stringify({ timestamp: new Date(START + n * HOUR).toISOString().replace("Z", "+0000"), id: String(n), data: { dns: { question: { name } } } })}\n`;
const hunted = (name: string): HuntedValue => ["domain", "subdomains", name];

/** What a scan came to. */
export interface Seen {
  readonly found: readonly string[];
  readonly lines: number;
  readonly skipped: number;
  readonly bytes: number;
  readonly refused: number;
  readonly again: boolean;
  readonly place: Place | undefined;
  readonly error: string | undefined;
}

/** Scans one file, as it is now, for one name. */
export class ScanRig {
  readonly path: string;
  readonly sketchDir: string;
  version = "1";
  readonly #extract: Awaited<ReturnType<typeof extractAll>>;

  private constructor(dir: string, extract: Awaited<ReturnType<typeof extractAll>>) {
    this.path = join(dir, "day.json");
    this.sketchDir = join(dir, "sketches");
    this.#extract = extract;
  }

  static async create(t: TestContext): Promise<ScanRig> {
    return new ScanRig(tempDir(t), await extractAll());
  }

  sketches(): Sketches {
    const sketches = Sketches.open({ dir: this.sketchDir, log: silentLog, maxBytes: 2 ** 30, version: this.version });
    assert.ok(sketches);
    return sketches;
  }

  async scan(
    name: string,
    over: {
      packed?: boolean;
      from?: number;
      to?: number;
      start?: Place;
      sketches?: Sketches | undefined;
      sketching?: boolean;
    } = {},
  ): Promise<Seen> {
    const sketches = "sketches" in over ? over.sketches : this.sketches();
    const { from, to } = over;
    const path = over.packed ? `${this.path}.gz` : this.path;
    const scan = new FileScan(
      { path, packed: over.packed ?? false },
      {
        look: lookFor([hunted(name)], { extract: this.#extract }),
        wanted: {
          ...(sketches && { keys: HuntedKeys.of(sketches.seed, [hunted(name)]) }),
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
        },
        sketches,
        ...(over.sketching === undefined ? {} : { sketching: over.sketching }),
        signal: new AbortController().signal,
        ...(over.start && { start: over.start }),
      },
    );
    const seen = {
      found: [] as string[],
      lines: 0,
      skipped: 0,
      bytes: 0,
      refused: 0,
      again: false,
      place: undefined as Place | undefined,
      error: undefined as string | undefined,
    };
    try {
      for await (const step of scan.run()) {
        if (step.again) seen.again = true;
        seen.found.push(...step.candidates.map(({ bytes }) => String(JSON.parse(bytes.toString()).id)));
        seen.lines += step.lines;
        seen.skipped += step.skipped;
        seen.bytes += step.bytes;
        seen.refused += step.refused;
        seen.place = step.place ?? seen.place;
      }
    } catch (error) {
      seen.error = (error as Error).message;
    }
    return seen;
  }
}
