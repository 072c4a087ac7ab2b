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

/** The newest entries of the streams as objects, so that readers who keep up need not parse them. Only what is on disk. */
export class FindingCache {
  readonly #streams: Readonly<Record<StreamName, Map<number, Finding>>> = { raw: new Map(), out: new Map() };
  readonly #bytes: Record<StreamName, number> = { raw: 0, out: 0 };

  put(stream: StreamName, first: number, findings: readonly Finding[]): void {
    const cached = this.#streams[stream];
    for (const [i, finding] of findings.entries()) {
      cached.set(first + i, finding);
      this.#bytes[stream] += jsonOf(finding).length;
    }
    for (const [seq, finding] of cached) {
      if (this.#bytes[stream] <= MOST_BYTES) break;
      cached.delete(seq);
      this.#bytes[stream] -= jsonOf(finding).length;
    }
  }

  /** Every reader has passed the entries up to this one: held on, they would be old by the time they are garbage. */
  drop(stream: StreamName, upTo: number): void {
    const cached = this.#streams[stream];
    for (const [seq, finding] of cached) {
      if (seq > upTo) break;
      cached.delete(seq);
      this.#bytes[stream] -= jsonOf(finding).length;
    }
  }

  get(stream: StreamName, seq: number): Finding | undefined {
    return this.#streams[stream].get(seq);
  }
}
