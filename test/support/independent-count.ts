import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/**
 * Counters of what is on disk and at receivers that share no code with what they check. Every alert of these tests carries a
 * case: `m-000123` matches, `q-` does not, `b-` is broken, `o-` is over the line limit.
 */
export interface DiskCount {
  readonly lines: number;
  /** How often each case stands in the log, by its whole name. */
  readonly cases: ReadonlyMap<string, number>;
  /** Lines that the manager wrote for our own findings. */
  readonly echoes: number;
  /** Lines that are none of these. */
  readonly strangers: readonly string[];
}

const CASE = /"case":"([a-z]-[0-9]{6})"/;

/** All lines of a simulated log tree, in its daily files and their archives; alerts.json is one of them by another name. */
export function countOnDisk(root: string): DiskCount {
  const cases = new Map<string, number>();
  const strangers: string[] = [];
  let lines = 0;
  let echoes = 0;
  for (const path of dailyFiles(root)) {
    const content = path.endsWith(".gz") ? gunzipSync(readFileSync(path)) : readFileSync(path);
    for (const line of linesOf(content.toString("latin1"))) {
      lines += 1;
      const name = CASE.exec(line)?.[1];
      if (name !== undefined) cases.set(name, (cases.get(name) ?? 0) + 1);
      else if (line.includes('"id":"100622"')) echoes += 1;
      else strangers.push(line.slice(0, 200));
    }
  }
  return { lines, cases, echoes, strangers };
}

/** Names of the cases of a kind, in order. */
export function casesOf({ cases }: Pick<DiskCount, "cases">, kind: string): string[] {
  return [...cases.keys()].filter((name) => name.startsWith(`${kind}-`)).sort();
}

/** One finding as it arrived somewhere. */
export interface Arrival {
  readonly id: string;
  /** Of the alert it is about; undefined where the receiver gets no such field. */
  readonly case?: string;
  readonly value: string;
  readonly agent: string;
  readonly repeats: number;
  readonly spread: boolean;
  /** Exactly what arrived. */
  readonly text: string;
}

export interface ArrivalCount {
  readonly arrivals: number;
  /** By finding id, the first arrival. */
  readonly findings: ReadonlyMap<string, Arrival>;
  readonly duplicates: number;
  /** Arrivals that carry a known id and something else beside it. */
  readonly different: readonly string[];
}

/** Counts arrivals by finding id. */
export function countArrivals(arrivals: readonly Arrival[]): ArrivalCount {
  const findings = new Map<string, Arrival>();
  const different: string[] = [];
  for (const arrival of arrivals) {
    const first = findings.get(arrival.id);
    if (first === undefined) findings.set(arrival.id, arrival);
    else if (first.text !== arrival.text) different.push(`${first.text}\n  is not\n${arrival.text}`);
  }
  return { arrivals: arrivals.length, findings, duplicates: arrivals.length - findings.size, different };
}

/** What an NDJSON file holds; a last line that stays torn is an error of the test. */
export function readNdjson(path: string): readonly Arrival[] {
  if (!existsSync(path)) return [];
  let content = readFileSync(path, "utf8");
  // Another process may be in the middle of a write.
  for (let left = 100; left > 0 && content !== "" && !content.endsWith("\n"); left--) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    content = readFileSync(path, "utf8");
  }
  return linesOf(content).map((text) => {
    const alert = JSON.parse(text) as { agent?: { id?: string }; data: { misp: Misp } };
    return arrivalOf(alert.data.misp, alert.agent?.id ?? "", CASE.exec(text)?.[1], text);
  });
}

/** A datagram of Wazuh's queue, `1:[001] (name) 10.0.0.1->misp:{…}`. */
export function readDatagram(datagram: Buffer): Arrival {
  const text = datagram.toString("utf8");
  const start = text.indexOf('misp:{"integration":"misp",');
  if (!text.startsWith("1:") || start < 0) throw new Error(`not a datagram of ours: ${text.slice(0, 200)}`);
  const { misp } = JSON.parse(text.slice(start + "misp:".length)) as { misp: Misp };
  return arrivalOf(misp, /^1:\[([^\]]*)\]/.exec(text)?.[1] ?? "", undefined, text);
}

interface Misp {
  readonly finding_id: string;
  readonly value: string;
  readonly repeat_count?: string;
  readonly entities_count?: string;
}

function arrivalOf(misp: Misp, agent: string, name: string | undefined, text: string): Arrival {
  return {
    id: misp.finding_id,
    ...(name === undefined ? {} : { case: name }),
    value: misp.value,
    agent,
    repeats: Number(misp.repeat_count ?? 0),
    spread: misp.entities_count !== undefined,
    text,
  };
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  const rest = lines.pop();
  if (rest !== "") throw new Error(`the last line has no end: ${rest?.slice(0, 200)}`);
  return lines;
}

function dailyFiles(root: string): string[] {
  const months = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((year) => readdirSync(join(root, year.name)).map((month) => join(root, year.name, month)));
  return months.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /\.json(?:\.gz)?$/.test(name))
      .map((name) => join(folder, name)),
  );
}
