import type { DeadLetter } from "../contract/journal.ts";
import type { SourceRecord } from "../contract/source.ts";
import type { Generation } from "../intel/generation.ts";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Finding } from "../model/finding.ts";
import type { Echo } from "../pipeline/handle.ts";
import type { MatchRecords, Matched as Result } from "../pipeline/pump.ts";
import { rememberJson } from "../store/finding-cache.ts";
import { recordLetter } from "../store/record-letter.ts";
import { type Matched, MatchThread, type ThreadParts } from "./match-thread.ts";
import type { MatchOutcome, VerdictTally } from "./match-wire.ts";

export interface MatchingParts extends ThreadParts {
  readonly threads: number;
  readonly clock: Clock;
  readonly log: Log;
  /** In this thread: what no other can handle, and everything while there is none. */
  readonly here: (source: string, records: readonly SourceRecord[]) => Promise<Result>;
  readonly generation: () => Generation;
  readonly onTally: (tally: VerdictTally) => void;
  readonly onSimulated: (mark: string, finding: Finding) => void;
  readonly onEcho: (echo: Echo, id: string) => void;
}

/** Fewer records are not shared out among threads. */
const LEAST_SHARE = 64;

/** Matches in threads of their own, so that this one has the time for the journal and the sinks. Results are in the order of the records. */
export class Matching {
  readonly #parts: MatchingParts;
  readonly #threads: readonly MatchThread[];

  constructor(parts: MatchingParts) {
    this.#parts = parts;
    this.#threads = Array.from({ length: parts.threads }, () => new MatchThread(parts));
  }

  /** Starts the threads, which take a second or two to read their lists; until then this thread matches. */
  begin(): void {
    const generation = this.#parts.generation();
    for (const thread of this.#threads) thread.follow(generation);
  }

  readonly match: MatchRecords = async (source, records) => {
    const generation = this.#parts.generation();
    const able = this.#threads.filter((thread) => thread.follow(generation)).sort((a, b) => a.load - b.load);
    if (able.length === 0 || records.length === 0) return this.#parts.here(source, records);
    const shares = shared(records, Math.min(able.length, Math.ceil(records.length / LEAST_SHARE)));
    const results = await Promise.all(shares.map((share, at) => this.#share(able[at] as MatchThread, source, share)));
    const [only] = results;
    if (results.length === 1 && only !== undefined) return only;
    return {
      findings: results.flatMap(({ findings }) => findings),
      deadLetters: results.flatMap(({ deadLetters }) => deadLetters),
      confirmed: results.flatMap(({ confirmed }) => confirmed),
    };
  };

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  async #share(thread: MatchThread, source: string, records: readonly SourceRecord[]): Promise<Result> {
    const receivedAt = this.#parts.clock.now();
    let matched: Matched;
    try {
      matched = await thread.match(source, records, receivedAt);
    } catch (thrown) {
      this.#parts.log.warn("alerts that a matching thread died over are matched here", {
        source,
        count: records.length,
        error: asError(thrown),
      });
      return this.#parts.here(source, records);
    }
    return this.#gather(matched, source, records, receivedAt);
  }

  async #gather(
    { outcomes, json }: Matched,
    source: string,
    records: readonly SourceRecord[],
    receivedAt: number,
  ): Promise<Result> {
    const findings: Finding[] = [];
    const deadLetters: DeadLetter[] = [];
    const confirmed: string[] = [];
    const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength);
    for (const outcome of outcomes) {
      const record = records[outcome.at];
      if (record === undefined) continue;
      if (outcome.kind === "finding") findings.push(this.#finding(outcome, bytes, record));
      else if (outcome.kind === "dead")
        deadLetters.push(
          recordLetter(
            { component: source, time: receivedAt, reason: outcome.reason, origin: record.origin },
            record.bytes,
          ),
        );
      else if (outcome.kind === "echo") {
        confirmed.push(outcome.id);
        this.#parts.onEcho(
          { source, ...(outcome.rule && { rule: { ...outcome.rule, description: "", groups: [] } }) },
          outcome.id,
        );
      } else {
        const own = await this.#parts.here(source, [record]);
        findings.push(...own.findings);
        deadLetters.push(...own.deadLetters);
        confirmed.push(...own.confirmed);
      }
    }
    return { findings, deadLetters, confirmed };
  }

  #finding(outcome: FindingOutcome, bytes: Buffer, record: SourceRecord): Finding {
    const { from, to, rawAt, tally, mark } = outcome;
    const finding =
      rawAt === undefined
        ? (JSON.parse(bytes.toString("utf8", from, to)) as Finding)
        : withRaw(JSON.parse(`${bytes.toString("utf8", from, rawAt)}}}`), record);
    rememberJson(finding, bytes.subarray(from, to));
    this.#parts.onTally(tally);
    if (mark !== undefined) this.#parts.onSimulated(mark, finding);
    return finding;
  }
}

type FindingOutcome = Extract<MatchOutcome, { kind: "finding" }>;

function withRaw(finding: { readonly alert: { raw?: string } }, { bytes }: SourceRecord): Finding {
  finding.alert.raw = bytes.toString("utf8");
  return finding as Finding;
}

/** In as many runs of about equal length. */
function shared<T>(items: readonly T[], shares: number): readonly (readonly T[])[] {
  const size = Math.ceil(items.length / shares);
  return Array.from({ length: shares }, (_, share) => items.slice(share * size, (share + 1) * size));
}
