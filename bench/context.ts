import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { FeedPage } from "../src/contract/feed.ts";
import { SegmentBuilder } from "../src/intel/index/builder.ts";
import { silentLog } from "../src/lib/log.ts";
import type { ReportedIndicator } from "../src/model/indicator.ts";
import { openGenerations } from "../src/store/generations.ts";
import { type AlertOptions, alertLines, indicators } from "./generate.ts";
import type { BenchOptions } from "./options.ts";

/** Seed of the hashes of every index here: the same one gives the same tables. */
export const HASH_SEED = { a: 0x51ed270b, b: 0x2545f491 };

/** A segment on disk, and what it took to build. */
export interface BuiltIndex {
  /** Common part of the names of its files. */
  readonly path: string;
  readonly seconds: number;
}

/** Data of a run, made when it is first asked for and shared by all parts. */
export class BenchContext {
  readonly options: BenchOptions;
  /** Removed at the end. */
  readonly dir: string;
  readonly #segments = new Map<number, Promise<BuiltIndex>>();
  readonly #states = new Map<number, Promise<string>>();
  readonly #alerts = new Map<string, string>();

  constructor(options: BenchOptions, dir: string) {
    this.options = options;
    this.dir = dir;
  }

  /** Fewest indicators of this run; alerts carry values of these, so that any index of the run holds them. */
  get fewest(): number {
    return this.options.indicators[0] ?? 1_000_000;
  }

  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** The index of so many indicators. */
  segment(count: number): Promise<BuiltIndex> {
    let built = this.#segments.get(count);
    if (built === undefined) {
      built = this.#build(count);
      this.#segments.set(count, built);
    }
    return built;
  }

  async #build(count: number): Promise<BuiltIndex> {
    this.say(`  building an index of ${count.toLocaleString("en")} indicators …`);
    const path = join(this.dir, `index-${count}`);
    const from = performance.now();
    const builder = new SegmentBuilder(path, { seed: HASH_SEED, overlay: false });
    for (const indicator of indicators(count)) builder.add(indicator);
    await builder.finish();
    return { path, seconds: (performance.now() - from) / 1_000 };
  }

  /** A configuration whose state holds a generation of so many indicators. */
  state(count: number): Promise<string> {
    let made = this.#states.get(count);
    if (made === undefined) {
      made = this.#makeState(count);
      this.#states.set(count, made);
    }
    return made;
  }

  async #makeState(count: number): Promise<string> {
    this.say(`  building a generation of ${count.toLocaleString("en")} indicators …`);
    const stateDir = join(this.dir, `state-${count}`);
    const store = openGenerations({ dir: join(stateDir, "generations"), log: silentLog });
    const pull = { mode: "full", pages: pagesOf(count), cursor: () => null } as const;
    const { changed } = await store.update({ changes: [{ feed: "bench", pull }] });
    store.close();
    if (!changed) throw new Error("the generation was not built");
    const config = join(this.dir, `tipline-${count}.yaml`);
    // YAML holds JSON. The feed is only named: nobody pulls it again.
    const feeds = { bench: { type: "list-file", path: join(this.dir, "no-list"), format: "lines" } };
    writeFileSync(config, JSON.stringify({ state_dir: stateDir, feeds, log: { level: "error" } }));
    return config;
  }

  /** A file of alerts that all match, for warming up. */
  warmUp(): string {
    return this.alerts(1, WARM_LINES);
  }

  /** A file of alerts of which this share carry a listed value. */
  alerts(carrying = 0.01, lines = this.options.lines): string {
    const name = `alerts-${carrying}-${lines}.ndjson`;
    let path = this.#alerts.get(name);
    if (path === undefined) {
      path = join(this.dir, name);
      if (lines > 1)
        this.say(`  writing ${lines.toLocaleString("en")} alerts, ${carrying * 100}% with a listed value …`);
      writeAlerts(path, lines, { carrying, known: this.fewest });
      this.#alerts.set(name, path);
    }
    return path;
  }
}

/** Enough for the code of a match to be compiled. */
const WARM_LINES = 6_000;
const PAGE = 5_000;

async function* pagesOf(count: number): AsyncGenerator<FeedPage> {
  const page = (all: readonly ReportedIndicator[]): FeedPage => ({
    indicators: all,
    withdrawnEvents: [],
    skipped: new Map(),
    refused: [],
  });
  let all: ReportedIndicator[] = [];
  for (const indicator of indicators(count)) {
    if (all.push(indicator) < PAGE) continue;
    yield page(all);
    all = [];
  }
  yield page(all);
}

const BATCH_LINES = 2_000;

export function writeAlerts(path: string, count: number, options: AlertOptions): void {
  const fd = openSync(path, "w");
  let batch: string[] = [];
  const flush = () => {
    if (batch.length > 0) writeSync(fd, `${batch.join("\n")}\n`);
    batch = [];
  };
  for (const line of alertLines(count, options)) if (batch.push(line) === BATCH_LINES) flush();
  flush();
  closeSync(fd);
}
