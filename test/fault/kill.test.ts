import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { type TestContext, test } from "node:test";
import {
  type ArrivalCount,
  casesOf,
  countArrivals,
  countOnDisk,
  type DiskCount,
  readDatagram,
  readNdjson,
} from "../support/independent-count.ts";
import {
  brokenLine,
  caseName,
  indicatorList,
  indicatorOf,
  matchingAlert,
  oversizedLine,
  quietAlert,
} from "../support/independent-count-alerts.ts";
import type { LineProcess } from "../support/line-process.ts";
import { LineRig } from "../support/line-process-rig.ts";
import { WazuhManager } from "../support/line-process-wazuh.ts";
import { LiveWriter } from "../support/line-process-writer.ts";
import { seeded } from "../support/random.ts";

const KILLS = Math.max(4, Number(process.env["TIPLINE_KILLS"] ?? 24));
const SEED = Number(process.env["TIPLINE_SEED"] ?? 20261121);
/** Lines written at most while one line of ours lives: a slow machine must not have more to do than a fast one. */
const PER_LIFE = 400;
const INDICATORS = PER_LIFE * (KILLS + 2);
/** Indicator of the alert that comes hours after the others and so ends every window. */
const LAST = indicatorOf(PER_LIFE);
const WINDOW_SECONDS = 60;

test("every finding arrives at every sink, whatever the moment of the kills", async (t) => {
  const random = seeded(SEED);
  const scene = await setUp(t, { storm: {} });
  const next = lineKinds(random);
  const writer = new LiveWriter({ wazuh: scene.wazuh, random, line: (n) => (n < scene.allowed ? next(n) : undefined) });
  const kills = Math.ceil((KILLS * 2) / 3);
  writer.start();
  await liveAndDie(scene, random, kills);
  await writer.stop();

  const expected = countOnDisk(scene.wazuh.files.root);
  assert.deepEqual(expected.strangers, []);
  assert.equal(written(expected), writer.written, "the writer and the count on disk agree");
  assert.ok([...expected.cases.values()].every((count) => count === 1));
  const final = scene.rig.start();
  const missing = () => {
    const there = new Set(readNdjson(scene.ndjson).map((arrival) => arrival.case));
    return casesOf(expected, "m").filter((name) => !there.has(name));
  };
  const unsent = () => {
    const sent = new Set(scene.wazuh.received.map((datagram) => readDatagram(datagram).id));
    return [...countArrivals(readNdjson(scene.ndjson)).findings.keys()].filter((id) => !sent.has(id));
  };
  await final.until("all findings in the file", () => missing().length === 0);
  await final.until("all findings in the queue", () => unsent().length === 0);
  await final.until("nothing left", () => final.isDrained());
  await endCleanly(final);

  const disk = countOnDisk(scene.wazuh.files.root);
  const file = countArrivals(readNdjson(scene.ndjson));
  const queue = countArrivals(scene.wazuh.received.map(readDatagram));
  await checkArrivals(disk, file, queue);
  await checkDeadLetters(scene.rig, disk);
  assert.equal(disk.echoes, queue.arrivals, "each datagram raised one alert");
  tell(t, scene, { kills, writer, disk, file, queue });
});

test("storm control counts every repeat once, whatever the moment of the kills", async (t) => {
  const random = seeded(SEED + 1);
  const scene = await setUp(t, { storm: { window: `${WINDOW_SECONDS}s` }, flushMs: 80 });
  const start = Date.now() - 6 * 3_600_000;
  const lines: string[] = [];
  const line = (n: number): string | undefined => {
    if (n >= scene.allowed) return undefined;
    const indicator = indicatorOf(Math.floor(random() * 8));
    const agent = 1 + Math.floor(random() * 3);
    const text = matchingAlert(n, { name: `www.${indicator}`, agent, time: start + n * 500 });
    lines[n] = text;
    return text;
  };
  const writer = new LiveWriter({ wazuh: scene.wazuh, random, line });
  const kills = Math.floor(KILLS / 3);
  writer.start();
  await liveAndDie(scene, random, kills);
  await writer.stop();
  const expected = perKey(scene.wazuh, lines);
  const hoursLater = { name: `www.${LAST}`, time: start + 5 * 3_600_000 };
  scene.wazuh.files.appendLine(matchingAlert(writer.written, hoursLater));
  const final = scene.rig.start();
  await final.until("the last alert at both sinks", async () => {
    const has = (values: readonly { readonly value: string }[]) => values.some(({ value }) => value === LAST);
    return (
      has(readNdjson(scene.ndjson)) &&
      has(scene.wazuh.received.map((datagram) => readDatagram(datagram))) &&
      (await final.isDrained())
    );
  });
  await endCleanly(final);

  const disk = countOnDisk(scene.wazuh.files.root);
  const file = countArrivals(readNdjson(scene.ndjson));
  const queue = countArrivals(scene.wazuh.received.map(readDatagram));
  for (const { findings, different } of [file, queue]) {
    assert.deepEqual(different, []);
    const counted = new Map<string, number>();
    for (const { value, agent, repeats } of findings.values()) {
      const key = `${value} ${agent}`;
      counted.set(key, (counted.get(key) ?? 0) + (repeats === 0 ? 1 : repeats));
    }
    counted.delete(`${LAST} 001`);
    assert.deepEqual(new Map([...counted].sort()), new Map([...expected].sort()), "first ones and repeats make all");
  }
  assert.deepEqual([...queue.findings.keys()].sort(), [...file.findings.keys()].sort());
  const repeats = [...file.findings.values()].filter((arrival) => arrival.repeats > 0);
  assert.ok(repeats.length > 0, "storm control held something back");
  await checkDeadLetters(scene.rig, disk);
  tell(t, scene, { kills, writer, disk, file, queue });
});

interface Scene {
  readonly rig: LineRig;
  readonly wazuh: WazuhManager;
  readonly ndjson: string;
  readonly faults: string[];
  /** Lines that may be written by now. */
  allowed: number;
}

async function setUp(
  t: TestContext,
  { storm, flushMs = 0 }: { readonly storm: object; readonly flushMs?: number },
): Promise<Scene> {
  let wazuh: WazuhManager | undefined;
  const rig = await LineRig.create(
    t,
    (rig) => {
      wazuh = new WazuhManager(rig.dir, { flushMs });
      return {
        sources: { wazuh: { type: "wazuh-alerts", path: wazuh.files.path, start: "beginning" } },
        feeds: { numbered: { type: "list-file", path: rig.write("feed.txt", indicatorList(INDICATORS)) } },
        sinks: {
          wazuh: { type: "wazuh", socket: wazuh.socketPath, required: true },
          file: { type: "ndjson", path: rig.path("findings.ndjson"), required: true },
        },
        storm,
      };
    },
    () => wazuh?.close(),
  );
  assert.ok(wazuh);
  wazuh.receiver.start();
  return { rig, wazuh, ndjson: rig.path("findings.ndjson"), faults: [], allowed: 0 };
}

/**
 * One life after the other, each ended by SIGKILL: some while starting, most a moment after new findings were seen to arrive.
 */
async function liveAndDie(scene: Scene, random: () => number, kills: number): Promise<void> {
  for (let life = 0; life < kills; life += 1) {
    // Now and then the manager goes on alone for a while.
    if (life % 5 === 4) await pause(random() * 800);
    scene.allowed += PER_LIFE;
    const line = scene.rig.start();
    if (life % 4 === 3) await pause(random() * 900);
    else {
      const before = arrived(scene);
      await line.until("new findings", () => arrived(scene) > before);
      await pause(random() * 600);
    }
    const exit = await line.kill();
    assert.equal(exit.signal, "SIGKILL", `life ${life} ended by itself:\n${line.stderr.slice(-4000)}`);
    scene.faults.push(...errorsOf(line));
  }
}

/** Something that grows with every delivery. */
function arrived({ ndjson, wazuh }: Scene): number {
  return wazuh.received.length + (existsSync(ndjson) ? statSync(ndjson).size : 0);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Errors in the log, and what is no log at all: a crash. */
function errorsOf(line: LineProcess): string[] {
  return line.logs.filter(({ level }) => !(Number(level) < 50)).map((entry) => JSON.stringify(entry));
}

async function endCleanly(line: LineProcess): Promise<void> {
  const exit = await line.kill("SIGTERM");
  assert.deepEqual(exit, { code: 0, signal: null }, line.stderr.slice(-4000));
  assert.deepEqual(errorsOf(line), []);
}

/** Of ten lines about four match; some are broken or far too long. */
function lineKinds(random: () => number): (n: number) => string {
  let oversized = 0;
  const kind = (n: number): string => {
    const draw = random();
    if (draw < 0.004 && oversized < 12) {
      oversized += 1;
      return oversizedLine(n);
    }
    if (draw < 0.03) return brokenLine(n);
    return draw < 0.45 ? matchingAlert(n) : quietAlert(n, { agent: 1 + (n % 20) });
  };
  return kind;
}

function written({ cases }: DiskCount): number {
  return [...cases.values()].reduce((sum, count) => sum + count, 0);
}

function perKey(wazuh: WazuhManager, lines: readonly string[]): Map<string, number> {
  const disk = countOnDisk(wazuh.files.root);
  const counts = new Map<string, number>();
  for (const [n, line] of lines.entries()) {
    const times = disk.cases.get(caseName("m", n));
    assert.equal(times, 1, "the writer and the count on disk agree");
    const key = `${/n[0-9]{6}\.tipline-kill\.net/.exec(line)?.[0]} ${/"agent":\{"id":"([0-9]{3})"/.exec(line)?.[1]}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Every expected finding at both receivers at least once, one id each, and nothing else. */
async function checkArrivals(disk: DiskCount, file: ArrivalCount, queue: ArrivalCount): Promise<void> {
  const cases = [...file.findings.values()].map((arrival) => arrival.case);
  assert.deepEqual(cases.sort(), casesOf(disk, "m"), "one finding for each matching line on disk");
  assert.deepEqual([...queue.findings.keys()].sort(), [...file.findings.keys()].sort(), "both sinks got the same");
  assert.deepEqual([...file.different, ...queue.different], [], "equal ids, equal findings");
  for (const { value, case: name } of file.findings.values())
    assert.equal(value, indicatorOf(Number(name?.slice(2))), "each was matched by its own indicator");
}

/** One dead letter for each broken and each overlong line, and no other. */
async function checkDeadLetters(rig: LineRig, disk: DiskCount): Promise<void> {
  const letters = await rig.deadLetters();
  const names = letters.map(({ text, reason }) => /"case":"([bo]-[0-9]{6})"/.exec(text ?? "")?.[1] ?? reason);
  assert.deepEqual(names.sort(), [...casesOf(disk, "b"), ...casesOf(disk, "o")].sort());
  assert.equal(new Set(letters.map(({ origin }) => origin)).size, letters.length, "each from a place of its own");
}

function tell(
  t: TestContext,
  scene: Scene,
  {
    kills,
    writer,
    disk,
    file,
    queue,
  }: {
    readonly kills: number;
    readonly writer: LiveWriter;
    readonly disk: DiskCount;
    readonly file: ArrivalCount;
    readonly queue: ArrivalCount;
  },
): void {
  assert.deepEqual(scene.faults, [], "no life logged an error");
  t.diagnostic(
    `${kills} kills, seed ${SEED}; ${disk.lines} lines on disk in ${writer.rotations} rotations, ` +
      `${writer.compressions} compressed days, ${writer.torn} lines in halves, ${writer.late} late; ` +
      `${casesOf(disk, "m").length} matching, ${casesOf(disk, "b").length} broken, ${casesOf(disk, "o").length} too long; ` +
      `file ${file.findings.size} findings and ${file.duplicates} duplicates, ` +
      `queue ${queue.findings.size} findings and ${queue.duplicates} duplicates`,
  );
}
