import type { StreamName } from "../contract/journal.ts";
import type { Finding } from "../model/finding.ts";
import { ROOM_OF_STATE, roomFor } from "./file-room.ts";

const MOST_BYTES = 16 * 2 ** 20;

/** JSON of findings that are in memory anyway: they are written two or three times on their way and never change. */
const written = new WeakMap<Finding, Buffer>();

/** The finding's JSON in UTF-8, made once per object. Not to be written to. */
export function jsonOf(finding: Finding): Buffer {
  let json = written.get(finding);
  if (json === undefined) {
    json = Buffer.from(JSON.stringify(finding), "utf8");
    written.set(finding, json);
  }
  return json;
}

/** Bytes of the journal's file that findings may take, with what a stage writes about them. */
export function roomForFindings(findings: readonly Finding[]): number {
  return findings.reduce((sum, finding) => sum + roomFor(jsonOf(finding).length) + ROOM_OF_STATE, 0);
}

/** Takes JSON that was made of the finding elsewhere. */
export function rememberJson(finding: Finding, json: Buffer): void {
  written.set(finding, json);
}

/** Entries one after the other. */
interface Run {
  /** Number of the first of them. */
  first: number;
  readonly findings: Finding[];
  bytes: number;
}

/**
 * The newest entries of the streams as objects, so that readers who keep up need not parse them. Only what is on disk.
 *
 * Arrays and no Maps: a Map that is filled and emptied all the time leaves a chain of its former tables, which V8 collects only together
 * with its old objects, and with everything that was in them.
 */
export class FindingCache {
  readonly #runs: Readonly<Record<StreamName, Run>> = {
    raw: { first: 0, findings: [], bytes: 0 },
    out: { first: 0, findings: [], bytes: 0 },
  };

  put(stream: StreamName, first: number, findings: readonly Finding[]): void {
    const run = this.#runs[stream];
    if (first !== run.first + run.findings.length) {
      forget(run, run.findings.length);
      run.first = first;
    }
    for (const finding of findings) {
      run.findings.push(finding);
      run.bytes += jsonOf(finding).length;
    }
    let surplus = 0;
    for (let left = run.bytes; left > MOST_BYTES && surplus < run.findings.length; surplus++)
      left -= sizeAt(run, surplus);
    forget(run, surplus);
  }

  /** Every reader has passed the entries up to this one: held on, they would be old by the time they are garbage. */
  drop(stream: StreamName, upTo: number): void {
    const run = this.#runs[stream];
    forget(run, Math.min(run.findings.length, upTo - run.first + 1));
  }

  get(stream: StreamName, seq: number): Finding | undefined {
    const { first, findings } = this.#runs[stream];
    return findings[seq - first];
  }
}

function forget(run: Run, count: number): void {
  if (count <= 0) return;
  for (let at = 0; at < count; at++) run.bytes -= sizeAt(run, at);
  run.findings.splice(0, count);
  run.first += count;
}

function sizeAt({ findings }: Run, at: number): number {
  const finding = findings[at];
  return finding === undefined ? 0 : jsonOf(finding).length;
}
