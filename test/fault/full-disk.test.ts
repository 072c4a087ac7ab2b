import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { casesOf, countArrivals, countOnDisk, readNdjson } from "../support/independent-count.ts";
import { indicatorList, indicatorOf } from "../support/independent-count-alerts.ts";
import type { LineProcess } from "../support/line-process.ts";
import { LineRig } from "../support/line-process-rig.ts";
import { WazuhFiles } from "../support/wazuh-files.ts";

/** How a disk is made full and gets room again. */
interface Disk {
  fill(line?: LineProcess): void;
  free(line?: LineProcess): void;
  /** What the log says while nothing can be written. */
  readonly says: RegExp;
}

const MIB = 2 ** 20;
const FIRST = 60;
const SECOND = 300;

test("a disk without room: it is said, nothing is lost, and the line goes on when there is room", async (t) => {
  const mounted = canMount();
  t.diagnostic(mounted ? "state on a small tmpfs" : "no right to mount: only the limit of a file's size is tried");
  if (mounted) await t.test("state on a tmpfs that is full", (t) => goesOn(t, tmpfs));
  await t.test("files of the process cannot grow (RLIMIT_FSIZE)", (t) => goesOn(t, fileLimit));
});

test("a start on a full disk fails with what is wrong, and works when there is room", async (t) => {
  if (!canMount()) {
    t.diagnostic("no right to mount: tried with a limit on the size of files only");
    return;
  }
  const { rig, files, disk } = await setUp(t, tmpfs);
  disk.fill();
  const line = rig.start();
  const exit = await line.gone;
  assert.equal(exit.code, 1, line.stderr);
  assert.match(line.stderr, /tipline: .*(?:ENOSPC|no space|room)/i);
  disk.free();
  for (let n = 0; n < FIRST; n += 1) files.appendLine(bigAlert(n));
  const again = rig.start();
  await again.until("the findings", () => readNdjson(rig.path("findings.ndjson")).length >= FIRST);
  await end(again);
});

type MakeDisk = (t: TestContext, stateDir: string) => Disk;

async function goesOn(t: TestContext, makeDisk: MakeDisk): Promise<void> {
  const { rig, files, disk } = await setUp(t, makeDisk);
  const path = rig.path("findings.ndjson");
  for (let n = 0; n < FIRST; n += 1) files.appendLine(bigAlert(n));
  const line = rig.start();
  await line.until("the first findings", () => readNdjson(path).length >= FIRST);
  disk.fill(line);
  for (let n = FIRST; n < FIRST + SECOND; n += 1) files.appendLine(bigAlert(n));
  await line.until("the full disk to be told", () => disk.says.test(line.stderr));
  await line.until("health to fail", async () => (await line.health())?.status === 503);
  assert.ok(readNdjson(path).length < FIRST + SECOND, "not all of it had room");
  disk.free(line);
  await line.until("all findings", () => readNdjson(path).length >= FIRST + SECOND);
  await line.until("nothing left", () => line.isDrained());
  await line.until("health", async () => (await line.health())?.status === 200);
  await end(line);
  await check(rig, files);
  t.diagnostic(
    `${readNdjson(path).length} findings, journal ${statSync(join(rig.stateDir, "journal/data.mdb")).size} bytes`,
  );
}

async function setUp(t: TestContext, makeDisk: MakeDisk): Promise<{ rig: LineRig; files: WazuhFiles; disk: Disk }> {
  let files: WazuhFiles | undefined;
  let disk: Disk | undefined;
  const cleanUps: (() => void)[] = [];
  const rig = await LineRig.create(
    t,
    (rig) => {
      files = new WazuhFiles(rig.path("logs"));
      mkdirSync(rig.stateDir);
      disk = makeDisk({ after: (work: () => void) => cleanUps.push(work) } as unknown as TestContext, rig.stateDir);
      return {
        sources: { wazuh: { type: "wazuh-alerts", path: files.path, start: "beginning" } },
        feeds: { numbered: { type: "list-file", path: rig.write("feed.txt", indicatorList(1000)) } },
        sinks: { file: { type: "ndjson", path: rig.path("findings.ndjson") } },
        sync: { interval: "1h" },
      };
    },
    () => {
      for (const cleanUp of cleanUps) cleanUp();
      files?.close();
    },
  );
  assert.ok(files && disk);
  return { rig, files, disk };
}

/** A matching alert of 30 KB, so that the journal has to grow. */
function bigAlert(n: number): string {
  const name = `m-${String(n).padStart(6, "0")}`;
  const noise = Array.from({ length: 600 }, (_, at) => `${(n * 7919 + at * 104_729).toString(36)} chatter of a log`);
  return JSON.stringify({
    timestamp: new Date().toISOString().replace("Z", "+0000"),
    rule: { level: 3, description: "Case", id: "100160", groups: ["local"] },
    agent: { id: "001", name: "host-001" },
    manager: { name: "wazuh" },
    id: `1.${n}`,
    data: { case: name, dns: { question: { name: indicatorOf(n) } } },
    full_log: noise.join("; ").slice(0, 30_000),
    location: "/var/log/case.json",
  });
}

async function check(rig: LineRig, files: WazuhFiles): Promise<void> {
  const { findings, different } = countArrivals(readNdjson(rig.path("findings.ndjson")));
  const disk = countOnDisk(files.root);
  assert.deepEqual([...findings.values()].map((arrival) => arrival.case).sort(), casesOf(disk, "m"));
  assert.equal(findings.size, FIRST + SECOND);
  assert.deepEqual(different, []);
  assert.deepEqual(await rig.deadLetters(), []);
}

async function end(line: LineProcess): Promise<void> {
  assert.deepEqual(await line.kill("SIGTERM"), { code: 0, signal: null }, line.stderr.slice(-4000));
}

function canMount(): boolean {
  const probe = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/tmp"]);
  return process.getuid?.() === 0 && probe.status === 0;
}

function tmpfs(t: TestContext, stateDir: string): Disk {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", stateDir]);
  t.after(() => execFileSync("umount", ["--lazy", stateDir]));
  const filler = join(stateDir, "filler");
  return {
    says: /journal could not be written[\s\S]*expected room on the disk of .*found none left/,
    fill() {
      const fd = openSync(filler, "w");
      const chunk = Buffer.alloc(MIB / 16, 1);
      try {
        for (;;) writeSync(fd, chunk);
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
      } finally {
        closeSync(fd);
      }
    },
    free: () => rmSync(filler),
  };
}

/** No file of the process may grow beyond what the journal has now; writing on gives an error. */
function fileLimit(_: TestContext, stateDir: string): Disk {
  const limit = (line: LineProcess | undefined, bytes: number | "unlimited") =>
    execFileSync("prlimit", ["--pid", String(line?.child.pid), `--fsize=${bytes}:unlimited`]);
  return {
    says: /journal could not be written/,
    fill: (line) => void limit(line, statSync(join(stateDir, "journal/data.mdb")).size + MIB / 4),
    free: (line) => void limit(line, "unlimited"),
  };
}
